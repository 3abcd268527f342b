#include "systems/text/word_piece_tokenizer.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace strata::text {
namespace {

using Ids = std::vector<int64_t>;

std::string File(const std::string& truncation = "null", const std::string& added = "") {
  return R"({"version":"1.0","truncation":)" + truncation + R"(,"padding":null,"added_tokens":[)" + added + R"(],
    "normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,
                  "lowercase":true},
    "pre_tokenizer":{"type":"BertPreTokenizer"},
    "post_processor":{"type":"BertProcessing","sep":["[SEP]",2],"cls":["[CLS]",1]},
    "model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":10,
             "vocab":{"[UNK]":0,"[CLS]":1,"[SEP]":2,"em":3,"##bed":4,"##ding":5,"##":6,"play":7,"playing":8,"!":9,
                      "##s":10,"e":11,"##\u00e9":12,"#":13}}})";
}

constexpr char kCls[] =
    R"({"id":1,"content":"[CLS]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true})";
constexpr char kUser[] =
    R"({"id":9,"content":"<User>","single_word":false,"lstrip":false,"rstrip":false,"normalized":true,"special":false})";

std::unique_ptr<WordPieceTokenizer> Make(const std::string& file, WordPieceTokenizer::Options options = {}) {
  auto tokenizer = WordPieceTokenizer::Create(file, options);
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
  return *std::move(tokenizer);
}

Ids Encode(const WordPieceTokenizer& tokenizer, std::string_view text, bool special = false,
           bool* truncated = nullptr) {
  Ids ids;
  EXPECT_TRUE(tokenizer.Encode(text, special, &ids, truncated).ok());
  return ids;
}

TEST(WordPieceTokenizerTest, TakesTheLongestPieces) {
  const auto tokenizer = Make(File());
  EXPECT_EQ(Encode(*tokenizer, "Embedding playings!", true), (Ids{1, 3, 4, 5, 8, 10, 9, 2}));
  EXPECT_EQ(Encode(*tokenizer, "", true), (Ids{1, 2}));
  EXPECT_EQ(Encode(*tokenizer, "", false), Ids{});
}

TEST(WordPieceTokenizerTest, AWordThatCannotBeMadeOfPiecesIsUnknownAsAWhole) {
  const auto tokenizer = Make(File());
  EXPECT_EQ(Encode(*tokenizer, "embeddingx play"), (Ids{0, 7}));
  EXPECT_EQ(Encode(*tokenizer, "##"), (Ids{13, 13}));
}

TEST(WordPieceTokenizerTest, CountsCharactersOfAWordNotBytes) {
  const auto tokenizer = Make(File());
  EXPECT_EQ(Encode(*tokenizer, "playssssss").size(), 7u);  // ten characters
  EXPECT_EQ(Encode(*tokenizer, "playsssssss"), Ids{0});
  EXPECT_EQ(Encode(*tokenizer, "\u3042\u3042\u3042\u3042\u3042"), Ids{0});  // 5 characters, 15 bytes: no piece
}

TEST(WordPieceTokenizerTest, FindsAddedTokensRawAndNormalized) {
  const auto tokenizer = Make(File("null", std::string(kCls) + "," + kUser));
  EXPECT_EQ(Encode(*tokenizer, "play[CLS]play"), (Ids{7, 1, 7}));
  EXPECT_EQ(Encode(*tokenizer, "[cls]"), (Ids{0, 0, 0}));
  EXPECT_EQ(Encode(*tokenizer, "e<user>e<USER>"), (Ids{11, 14, 11, 14}));
  EXPECT_EQ(tokenizer->largest_id(), 14);
}

TEST(WordPieceTokenizerTest, TruncatesWithSpecialTokensIncluded) {
  const std::string limit_4 = R"({"max_length":4,"stride":0,"strategy":"LongestFirst","direction":)";
  const auto right = Make(File(limit_4 + "\"Right\"}")), left = Make(File(limit_4 + "\"Left\"}"));
  bool truncated = false;
  EXPECT_EQ(Encode(*right, "e em play e em", true, &truncated), (Ids{1, 11, 3, 2}));
  EXPECT_TRUE(truncated);
  EXPECT_EQ(Encode(*right, "e em play e", false, &truncated), (Ids{11, 3, 7, 11}));
  EXPECT_FALSE(truncated);
  EXPECT_EQ(Encode(*left, "e em play", true, &truncated), (Ids{1, 3, 7, 2}));
  EXPECT_TRUE(truncated);
  EXPECT_EQ(right->max_length(), 4);
}

TEST(WordPieceTokenizerTest, TheOptionReplacesTheFilesMaxLength) {
  const std::string file = File(R"({"max_length":4,"stride":0,"strategy":"LongestFirst"})");
  EXPECT_EQ(Encode(*Make(file, {.max_length = 3}), "e em play", true), (Ids{1, 11, 2}));
  EXPECT_EQ(Encode(*Make(file, {.max_length = 2}), "e em play", true), (Ids{1, 2}));
  EXPECT_EQ(Encode(*Make(file, {.max_length = 0}), "e em play", true), (Ids{1, 11, 3, 7, 2}));
  const auto no_room = WordPieceTokenizer::Create(file, {.max_length = 1});
  EXPECT_EQ(no_room.status().message(),
            "tokenizer.json: truncation to max_length 1 leaves no room: there are 2 special tokens and a stride of 0");
  EXPECT_FALSE(WordPieceTokenizer::Create(file, {.max_length = -1}).ok());
}

TEST(WordPieceTokenizerTest, LongTextsAreTheirPartsTogether) {
  const auto tokenizer = Make(File());
  Ids expected;
  std::string text;
  for (int i = 0; i < 5000; ++i) {
    text += i % 3 == 0 ? "Play\u00E9 " : "em\n";
    expected.insert(expected.end(), i % 3 == 0 ? std::initializer_list<int64_t>{0} : std::initializer_list<int64_t>{3});
  }
  EXPECT_EQ(Encode(*tokenizer, text), expected);
}

TEST(WordPieceTokenizerTest, AppendsAndLeavesTheIdsAloneOnAnError) {
  const auto tokenizer = Make(File());
  Ids ids = {42};
  ASSERT_TRUE(tokenizer->Encode("e", false, &ids).ok());
  EXPECT_EQ(ids, (Ids{42, 11}));
  const absl::Status status = tokenizer->Encode("play\xC3", true, &ids);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "the text is not valid UTF-8: byte 0xC3 at offset 4");
  EXPECT_EQ(ids, (Ids{42, 11}));
}

TEST(WordPieceTokenizerTest, RefusesAVocabularyWithoutTheUnknownToken) {
  std::string file = File();
  file.replace(file.find("\"unk_token\":\"[UNK]\""), 19, "\"unk_token\":\"<unk>\"");
  EXPECT_EQ(WordPieceTokenizer::Create(file, {}).status().message(),
            "tokenizer.json: model.unk_token \"<unk>\" is not in model.vocab");
}

TEST(WordPieceTokenizerTest, ThreadsShareOne) {
  const auto tokenizer = Make(File("null", std::string(kCls) + "," + kUser));
  const std::string text = "Embedding [CLS] play\u0301ing <user> \u302E\U0001D165!";
  const Ids expected = Encode(*tokenizer, text, true);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) EXPECT_EQ(Encode(*tokenizer, text, true), expected);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace strata::text
