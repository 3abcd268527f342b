// What BERT's normalizer and pre-tokenizer ask about a code point, as Hugging Face `tokenizers` answers it.
//
// For: the tokenizer; built once from ICU (about 5 ms), then one load per code point. Not for: Unicode questions in
// general: the answers are of the Unicode versions that `tokenizers` was built with (see unicode_overrides.h).
//
//   const UnicodeTables& unicode = UnicodeTables::Get();
//   if (unicode.Flags(c) & kPunctuation) ...
#ifndef STRATA_SYSTEMS_TEXT_UNICODE_TABLES_H_
#define STRATA_SYSTEMS_TEXT_UNICODE_TABLES_H_

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace strata::text {

enum CharFlag : uint8_t {
  kDropped = 1,      // clean_text removes it: Cc, Cf, Co, U+0000 and U+FFFD, but tab, newline and return
  kWhitespace = 2,   // White_Space
  kMark = 4,         // Mn: strip_accents removes it
  kPunctuation = 8,  // ASCII punctuation or P*: a word of its own
  kIdeograph = 16,   // handle_chinese_chars puts spaces around it
  kDecomposes = 32,  // has a canonical decomposition
  kNonStarter = 64,  // has a combining class other than 0
  kUppercase = 128,  // its lowercase is something else
};

class UnicodeTables {
 public:
  // Thread-safe; the first call builds the tables.
  static const UnicodeTables& Get();

  // REQUIRES: c <= 0x10FFFF, here and below.
  uint8_t Flags(char32_t c) const { return pages_[page_of_[c >> 8]][c & 0xFF]; }

  // The full canonical decomposition, in canonical order, `c` itself where there is none. It lies in `*storage` or in
  // the tables.
  std::u32string_view Decompose(char32_t c, std::array<char32_t, 3>* storage) const;

  // Canonical_Combining_Class; 0 for a starter.
  uint8_t CombiningClass(char32_t c) const;

  // One or two code points: only U+0130 has two (Rust's char::to_lowercase knows no context, so no final sigma either).
  std::u32string_view Lowercase(char32_t c, std::array<char32_t, 3>* storage) const;

 private:
  using Page = std::array<uint8_t, 256>;
  struct Slice {
    uint32_t begin;
    uint32_t length;
  };

  UnicodeTables();
  void AddFlags(char32_t c, uint8_t flags);
  void AddRange(char32_t first, char32_t last, uint8_t flags);
  void AddCharacter(char32_t c);
  void AddCategoryFlags(char32_t c, int age);
  void AddNormalization(char32_t c, int age);
  void AddLowercase(char32_t c, int age);

  std::array<uint16_t, 0x1100> page_of_{};  // page 0 is all zeros and shared
  std::vector<Page> pages_;
  std::vector<char32_t> decompositions_;
  absl::flat_hash_map<char32_t, Slice> decomposition_of_;
  absl::flat_hash_map<char32_t, char32_t> lowercase_of_;
};

// A character that `\w` of Rust's regex crate matches: asks ICU, so not for a hot path.
bool IsWordCharacter(char32_t c);

}  // namespace strata::text

#endif  // STRATA_SYSTEMS_TEXT_UNICODE_TABLES_H_
