// A `tokenizer.json`, read and checked: plain data between the loader and the parts that are built of it.
//
// For: ParseTokenizerJson (tokenizer_json.h) to fill and WordPieceTokenizer to build from. Not for: anybody else.
#ifndef STRATA_SYSTEMS_TEXT_TOKENIZER_CONFIG_H_
#define STRATA_SYSTEMS_TEXT_TOKENIZER_CONFIG_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace strata::text {

struct NormalizerConfig {
  bool clean_text = false;
  bool handle_chinese_chars = false;
  bool strip_accents = false;  // null in the file means: as lowercase
  bool lowercase = false;
};

struct AddedTokenConfig {
  std::string content;
  bool single_word = false;
  bool lstrip = false;
  bool rstrip = false;
  bool normalized = false;
  bool special = false;

  friend bool operator==(const AddedTokenConfig&, const AddedTokenConfig&) = default;
};

struct WordPieceConfig {
  std::string unk_token;
  std::string continuing_subword_prefix;
  int64_t max_input_chars_per_word = 0;
  std::vector<std::pair<std::string, int32_t>> vocab;  // no string twice
};

struct TruncationConfig {
  int64_t max_length = 0;  // special tokens included
  int64_t stride = 0;
  bool keep_right = false;  // direction Left: what is cut off is the beginning
};

// One piece of the post-processor's template: the text's tokens, or fixed ids.
struct TemplatePiece {
  bool is_text = false;
  std::vector<int64_t> ids;
};

struct TokenizerConfig {
  NormalizerConfig normalizer;
  std::vector<AddedTokenConfig> added_tokens;
  WordPieceConfig model;
  std::vector<TemplatePiece> post_processor = {{.is_text = true, .ids = {}}};
  std::optional<TruncationConfig> truncation;
};

}  // namespace strata::text

#endif  // STRATA_SYSTEMS_TEXT_TOKENIZER_CONFIG_H_
