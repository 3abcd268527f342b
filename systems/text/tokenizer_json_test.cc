#include "systems/text/tokenizer_json.h"

#include <gtest/gtest.h>

#include <string>

namespace strata::text {
namespace {

constexpr char kModel[] =
    R"({"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,)"
    R"("vocab":{"[UNK]":0,"a":1}})";

// A file of the members in `rest` ("key":value,...) and the model and pre-tokenizer, unless `rest` has them.
std::string File(const std::string& rest) {
  std::string file = "{" + rest;
  if (rest.find("\"model\"") == std::string::npos) file += std::string(rest.empty() ? "" : ",") + "\"model\":" + kModel;
  if (rest.find("\"pre_tokenizer\"") == std::string::npos) file += R"(,"pre_tokenizer":{"type":"BertPreTokenizer"})";
  return file + "}";
}

std::string Error(const std::string& json) {
  const auto config = ParseTokenizerJson(json);
  return config.ok() ? "" : std::string(config.status().message());
}

TEST(TokenizerJsonTest, ReadsTheSmallestFile) {
  const auto config = ParseTokenizerJson(File(""));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->model.vocab.size(), 2u);
  EXPECT_FALSE(config->truncation.has_value());
  ASSERT_EQ(config->post_processor.size(), 1u);
  EXPECT_TRUE(config->post_processor[0].is_text);
}

TEST(TokenizerJsonTest, StripAccentsFollowsLowercaseWhereItIsNull) {
  const auto strips = [](const std::string& flags) {
    const auto config = ParseTokenizerJson(File(R"("normalizer":{"type":"BertNormalizer","clean_text":true,)"
                                                R"("handle_chinese_chars":true,)" +
                                                flags + "}"));
    return config.ok() && config->normalizer.strip_accents;
  };
  EXPECT_TRUE(strips(R"("lowercase":true,"strip_accents":null)"));
  EXPECT_FALSE(strips(R"("lowercase":false,"strip_accents":null)"));
  EXPECT_FALSE(strips(R"("lowercase":true,"strip_accents":false)"));
  EXPECT_TRUE(strips(R"("lowercase":false,"strip_accents":true)"));
}

TEST(TokenizerJsonTest, NamesThePartThatIsNotSupported) {
  const std::string supports = "; this server supports ";
  EXPECT_EQ(Error(File(R"("model":{"type":"BPE","vocab":{}})")),
            "tokenizer.json: model.type is \"BPE\"" + supports + "\"WordPiece\"");
  EXPECT_EQ(Error(File(R"("normalizer":{"type":"NFC"})")),
            "tokenizer.json: normalizer.type is \"NFC\"" + supports + "\"BertNormalizer\"");
  EXPECT_EQ(Error(File(R"("pre_tokenizer":{"type":"ByteLevel"})")),
            "tokenizer.json: pre_tokenizer.type is \"ByteLevel\"" + supports + "\"BertPreTokenizer\"");
  EXPECT_EQ(Error(File(R"("pre_tokenizer":null)")),
            "tokenizer.json: pre_tokenizer is missing" + supports + "\"BertPreTokenizer\"");
  EXPECT_EQ(Error(File(R"("post_processor":{"type":"RobertaProcessing"})")),
            "tokenizer.json: post_processor.type is \"RobertaProcessing\"" + supports +
                "\"TemplateProcessing\" and \"BertProcessing\"");
  EXPECT_EQ(Error(File(R"("truncation":{"max_length":9,"stride":0,"strategy":"OnlySecond"})")),
            "tokenizer.json: truncation.strategy is \"OnlySecond\"" + supports + "\"LongestFirst\" and \"OnlyFirst\"");
  EXPECT_EQ(Error(File(R"("version":"2.0")")), "tokenizer.json: version is \"2.0\", wanted \"1.0\"");
}

TEST(TokenizerJsonTest, NamesTheMemberThatIsWrong) {
  EXPECT_EQ(Error("[1]"), "tokenizer.json: the file is an array, wanted an object");
  EXPECT_EQ(Error("{}"), "tokenizer.json: model is missing");
  EXPECT_EQ(Error(File(R"("added_tokens":[{"id":0,"content":"x","single_word":1}])")),
            "tokenizer.json: added_tokens[0].single_word is a number, wanted true or false");
  EXPECT_EQ(Error(File(R"("truncation":{"max_length":-1,"stride":0,"strategy":"LongestFirst"})")),
            "tokenizer.json: truncation.max_length is -1, wanted an integer from 0 to 2147483647");
  EXPECT_EQ(Error(File(R"("model":{"type":"WordPiece","unk_token":"a","continuing_subword_prefix":"",)"
                       R"("max_input_chars_per_word":1,"vocab":{"a":0,"b":4294967296}})")),
            "tokenizer.json: model.vocab gives \"b\" something that is no id from 0 to 2147483647");
  EXPECT_EQ(Error(File(R"("model":{"type":"WordPiece","unk_token":"a","continuing_subword_prefix":"",)"
                       R"("max_input_chars_per_word":1,"vocab":{"a":0,"a":1}})")),
            "tokenizer.json: model.vocab has \"a\" twice");
  EXPECT_EQ(Error(File(R"("version":"1.0","version":"1.0")")), "tokenizer.json: \"version\" is there twice");
}

TEST(TokenizerJsonTest, ChecksTheTemplate) {
  const auto with_single = [](const std::string& single) {
    return Error(File(R"("post_processor":{"type":"TemplateProcessing","pair":[],"single":[)" + single +
                      R"(],"special_tokens":{"[CLS]":{"id":"[CLS]","ids":[1],"tokens":["[CLS]"]}}})"));
  };
  EXPECT_EQ(with_single(R"({"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"A","type_id":0}})"), "");
  EXPECT_EQ(
      with_single(R"({"SpecialToken":{"id":"[SEP]","type_id":0}})"),
      "tokenizer.json: post_processor.single[0].SpecialToken.id is \"[SEP]\", which special_tokens does not have");
  EXPECT_EQ(
      with_single(R"({"Sequence":{"id":"B","type_id":0}})"),
      "tokenizer.json: post_processor.single[0].Sequence.id is \"B\"; a template for single texts has only \"A\"");
  EXPECT_EQ(with_single("{}"), "tokenizer.json: post_processor.single[0] is neither a Sequence nor a SpecialToken");
}

TEST(TokenizerJsonTest, RefusesWhatIsNoJsonTooDeepOrTooLarge) {
  EXPECT_NE(Error("{").find("tokenizer.json is not valid JSON"), std::string::npos);
  EXPECT_NE(Error("").find("tokenizer.json is not valid JSON"), std::string::npos);
  EXPECT_NE(Error(File(R"("decoder":)" + std::string(40, '[') + std::string(40, ']'))).find("not valid JSON"),
            std::string::npos);
  EXPECT_EQ(Error(std::string(kMaxTokenizerJsonBytes + 1, ' ')),
            "tokenizer.json has 67108865 bytes; at most 67108864 are read");
}

}  // namespace
}  // namespace strata::text
