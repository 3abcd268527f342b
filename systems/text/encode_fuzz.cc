// Any bytes as text, for a tokenizer of every feature. Checked: only what is not UTF-8 is refused; truncation is a
// prefix of the whole; and texts around a newline give their ids one after the other.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "systems/text/utf8.h"
#include "systems/text/word_piece_tokenizer.h"

namespace {

using strata::text::WordPieceTokenizer;

std::unique_ptr<WordPieceTokenizer> Make(bool strip_accents, int64_t max_length) {
  const auto token = [](const std::string& content, const std::string& flags) {
    return R"({"id":0,"special":false,"content":")" + content + "\"," + flags + "}";
  };
  const std::string json =
      R"({"added_tokens":[)" + token("[CLS]", R"("single_word":false,"lstrip":true,"rstrip":true,"normalized":false)") +
      "," + token("Ab", R"("single_word":true,"lstrip":false,"rstrip":false,"normalized":false)") + R"(],
    "normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"lowercase":true,"strip_accents":)" +
      (strip_accents ? "true" : "false") + R"(},"pre_tokenizer":{"type":"BertPreTokenizer"},
    "post_processor":{"type":"BertProcessing","sep":["[SEP]",2],"cls":["[CLS]",1]},
    "model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":20,
             "vocab":{"[UNK]":0,"[CLS]":1,"[SEP]":2,"a":3,"##a":4,"ab":5,"##b":6,"b":7,"i":8,"##\u0307":9,"\u4e2d":10}}})";
  auto tokenizer = WordPieceTokenizer::Create(json, {.max_length = max_length});
  if (!tokenizer.ok()) std::abort();
  return *std::move(tokenizer);
}

std::vector<int64_t> Encode(const WordPieceTokenizer& tokenizer, std::string_view text) {
  std::vector<int64_t> ids;
  if (!tokenizer.Encode(text, /*add_special_tokens=*/false, &ids).ok()) std::abort();
  return ids;
}

void Require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto whole = Make(true, 0), cut = Make(true, 5), accented = Make(false, 0);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (strata::text::FindInvalidUtf8(text)) {
    std::vector<int64_t> ids;
    Require(!whole->Encode(text, true, &ids).ok() && ids.empty());
    return 0;
  }
  const std::vector<int64_t> ids = Encode(*whole, text), first = Encode(*cut, text);
  Require(first.size() <= 5 && std::vector<int64_t>(ids.begin(), ids.begin() + first.size()) == first);
  Require(first.size() == 5 || first.size() == ids.size());
  Encode(*accented, text);
  const std::string twice = std::string(text) + "\n" + std::string(text);
  std::vector<int64_t> both = ids;
  both.insert(both.end(), ids.begin(), ids.end());
  Require(Encode(*whole, twice) == both);
  return 0;
}
