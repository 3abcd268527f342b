// Where the Unicode data that Hugging Face `tokenizers` was built with differs from ICU's.
//
// `tokenizers` 0.23 mixes four versions of Unicode: general categories of 8.0 (crate unicode_categories 0.1), NFD
// of 9.0 (unicode-normalization-alignments 0.1), `\w` of 16.0 (regex-syntax 0.8) and lowercase of 17.0 (Rust's std).
// ICU has one, which depends on the machine (70 in Ubuntu 22.04 is Unicode 14, 72 in Debian 12 is 15). Older versions
// are had by looking at a character's age; what age cannot say (a category that was changed later, letters newer than
// ICU) is listed here. All of it was measured over every code point; integration/tokenizer measures it again, against
// the installed library.
#ifndef STRATA_SYSTEMS_TEXT_UNICODE_OVERRIDES_H_
#define STRATA_SYSTEMS_TEXT_UNICODE_OVERRIDES_H_

namespace strata::text {

struct CodePointRange {
  char32_t first, last;
};

// major << 8 | minor, as `UnicodeAge` gives it.
inline constexpr int kCategoriesAge = 8 << 8;
inline constexpr int kNfdAge = 9 << 8;
inline constexpr int kWordAge = 16 << 8;
inline constexpr int kLowercaseAge = 17 << 8;

// Mn in Unicode 8.0 and not in ICU's, and the other way round.
inline constexpr char32_t kMarksOnceMore[] = {0x1734};
inline constexpr char32_t kMarksNotYet[] = {0x1885, 0x1886, 0xA9BD, 0x111C9};

// Punctuation in Unicode 8.0, symbol or mark since.
inline constexpr char32_t kPunctuationOnce[] = {0x166D, 0x111C9};

// Letters with a lowercase that Unicode 15.1 to 17.0 added: [first, last] maps to itself plus `delta`.
struct LowercaseRange {
  char32_t first, last;
  int delta;
};
inline constexpr LowercaseRange kNewLowercase[] = {
    {0x1C89, 0x1C89, 1},      {0xA7CB, 0xA7CB, 0x264 - 0xA7CB},
    {0xA7CC, 0xA7CC, 1},      {0xA7CE, 0xA7CE, 1},
    {0xA7D2, 0xA7D2, 1},      {0xA7D4, 0xA7D4, 1},
    {0xA7DA, 0xA7DA, 1},      {0xA7DC, 0xA7DC, 0x19B - 0xA7DC},
    {0x10D50, 0x10D65, 0x20}, {0x16EA0, 0x16EB8, 0x1B},
};

// `\w` characters that Unicode 15.0 to 16.0 added.
inline constexpr CodePointRange kNewWordCharacters[] = {
    {0x897, 0x897},     {0xCF3, 0xCF3},     {0xECE, 0xECE},     {0x1C89, 0x1C8A},   {0xA7CB, 0xA7CD},
    {0xA7DA, 0xA7DC},   {0x105C0, 0x105F3}, {0x10D40, 0x10D65}, {0x10D69, 0x10D6D}, {0x10D6F, 0x10D85},
    {0x10EC2, 0x10EC4}, {0x10EFC, 0x10EFF}, {0x1123F, 0x11241}, {0x11380, 0x11389}, {0x1138B, 0x1138B},
    {0x1138E, 0x1138E}, {0x11390, 0x113B5}, {0x113B7, 0x113C0}, {0x113C2, 0x113C2}, {0x113C5, 0x113C5},
    {0x113C7, 0x113CA}, {0x113CC, 0x113D3}, {0x113E1, 0x113E2}, {0x116D0, 0x116E3}, {0x11BC0, 0x11BE0},
    {0x11BF0, 0x11BF9}, {0x11F00, 0x11F10}, {0x11F12, 0x11F3A}, {0x11F3E, 0x11F42}, {0x11F50, 0x11F5A},
    {0x1342F, 0x1342F}, {0x13440, 0x13455}, {0x13460, 0x143FA}, {0x16100, 0x16139}, {0x16D40, 0x16D6C},
    {0x16D70, 0x16D79}, {0x18CFF, 0x18CFF}, {0x1B132, 0x1B132}, {0x1B155, 0x1B155}, {0x1CCF0, 0x1CCF9},
    {0x1DF25, 0x1DF2A}, {0x1E030, 0x1E06D}, {0x1E08F, 0x1E08F}, {0x1E4D0, 0x1E4F9}, {0x1E5D0, 0x1E5FA},
    {0x2B739, 0x2B739}, {0x2EBF0, 0x2EE5D}, {0x31350, 0x323AF},
};

}  // namespace strata::text

#endif  // STRATA_SYSTEMS_TEXT_UNICODE_OVERRIDES_H_
