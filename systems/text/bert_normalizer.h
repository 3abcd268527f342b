// BERT's text clean-up: control characters, spaces around ideographs, accents, case.
//
// For: the text between added tokens, before it is split into words. Equal, code point for code point, to
// BertNormalizer of Hugging Face `tokenizers`, also where its Unicode is old (unicode_overrides.h). Not for: NFC, NFKC
// or locale rules.
//
//   BertNormalizer normalizer({.clean_text = true, .strip_accents = true, .lowercase = true});
//   std::string out; normalizer.Normalize("Élan", &out);  // "elan"
#ifndef STRATA_SYSTEMS_TEXT_BERT_NORMALIZER_H_
#define STRATA_SYSTEMS_TEXT_BERT_NORMALIZER_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "systems/text/tokenizer_config.h"
#include "systems/text/unicode_tables.h"

namespace strata::text {

class BertNormalizer {
 public:
  explicit BertNormalizer(const NormalizerConfig& config);

  // Appends the normalized form. Cutting `text` before an ASCII character and normalizing the two parts gives the same.
  // REQUIRES: `text` is valid UTF-8.
  void Normalize(std::string_view text, std::string* out) const;

 private:
  class Run;  // one call's state: see the .cc

  size_t AppendAscii(std::string_view text, size_t at, std::string* out) const;

  const UnicodeTables& unicode_;
  NormalizerConfig config_;
  uint8_t relevant_ = 0;              // the flags that change anything under this configuration
  std::array<uint8_t, 128> ascii_{};  // what an ASCII byte becomes; kGone: nothing
};

}  // namespace strata::text

#endif  // STRATA_SYSTEMS_TEXT_BERT_NORMALIZER_H_
