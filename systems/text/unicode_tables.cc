#include "systems/text/unicode_tables.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>

#include <algorithm>
#include <iterator>

#include "systems/text/unicode_overrides.h"

namespace strata::text {
namespace {

constexpr char32_t kHangulBase = 0xAC00, kHangulEnd = 0xD7A4;

constexpr CodePointRange kIdeographs[] = {{0x4E00, 0x9FFF},   {0x3400, 0x4DBF},   {0x20000, 0x2A6DF},
                                          {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F}, {0x2B920, 0x2CEAF},
                                          {0xF900, 0xFAFF},   {0x2F800, 0x2FA1F}};

constexpr CodePointRange kPrivateUse[] = {{0xE000, 0xF8FF}, {0xF0000, 0xFFFFD}, {0x100000, 0x10FFFD}};

// Where characters have nothing to add one by one: letters without case, decomposition or combining class.
constexpr CodePointRange kSkipped[] = {{0x3400, 0x4DBF}, {0x4E00, 0x9FFF}, {kHangulBase, 0xF8FF}, {0x20000, 0x2F7FF}};

constexpr char32_t kLastWithData = 0x2FA1F;  // tags and variation selectors, on plane 14, are added apart
constexpr CodePointRange kPlane14 = {0xE0000, 0xE01EF};

// major << 8 | minor of the Unicode version that assigned `c`; 0 where ICU's version has not.
int UnicodeAge(char32_t c) {
  UVersionInfo age;
  u_charAge(static_cast<UChar32>(c), age);
  return age[0] << 8 | age[1];
}

template <size_t N>
bool IsOneOf(const char32_t (&list)[N], char32_t c) {
  return std::find(std::begin(list), std::end(list), c) != std::end(list);
}

template <size_t N>
bool IsInOneOf(const CodePointRange (&ranges)[N], char32_t c) {
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [c](const CodePointRange& r) { return r.first <= c && c <= r.last; });
}

bool IsAsciiPunctuation(char32_t c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

}  // namespace

const UnicodeTables& UnicodeTables::Get() {
  static const UnicodeTables* const tables = new UnicodeTables();  // never destroyed: other statics may use it
  return *tables;
}

UnicodeTables::UnicodeTables() : pages_(1, Page{}) {
  for (char32_t c = 0; c <= kLastWithData; ++c) {
    if (const auto* r = std::find_if(std::begin(kSkipped), std::end(kSkipped),
                                     [c](const CodePointRange& s) { return s.first == c; });
        r != std::end(kSkipped)) {
      c = r->last;
      continue;
    }
    AddCharacter(c);
  }
  for (char32_t c = kPlane14.first; c <= kPlane14.last; ++c) AddCharacter(c);
  for (const CodePointRange& r : kIdeographs) AddRange(r.first, r.last, kIdeograph);
  for (const CodePointRange& r : kPrivateUse) AddRange(r.first, r.last, kDropped);
  AddRange(kHangulBase, kHangulEnd - 1, kDecomposes);
  AddFlags(0, kDropped);
  AddFlags(0xFFFD, kDropped);
  for (const LowercaseRange& r : kNewLowercase) {
    for (char32_t c = r.first; c <= r.last; ++c) {
      AddFlags(c, kUppercase);
      lowercase_of_[c] = static_cast<char32_t>(static_cast<int>(c) + r.delta);
    }
  }
}

void UnicodeTables::AddFlags(char32_t c, uint8_t flags) {
  if (flags == 0) return;
  uint16_t& page = page_of_[c >> 8];
  if (page == 0) {
    page = static_cast<uint16_t>(pages_.size());
    pages_.push_back(Page{});
  }
  pages_[page][c & 0xFF] |= flags;
}

void UnicodeTables::AddRange(char32_t first, char32_t last, uint8_t flags) {
  for (char32_t c = first; c <= last; ++c) AddFlags(c, flags);
}

void UnicodeTables::AddCharacter(char32_t c) {
  const int age = UnicodeAge(c);
  if (age == 0) return;
  AddCategoryFlags(c, age);
  AddNormalization(c, age);
  AddLowercase(c, age);
}

void UnicodeTables::AddCategoryFlags(char32_t c, int age) {
  const auto point = static_cast<UChar32>(c);
  if (u_isUWhiteSpace(point)) AddFlags(c, kWhitespace);
  if (age > kCategoriesAge) return;
  const uint32_t category = U_GET_GC_MASK(point);
  const bool kept_control = c == '\t' || c == '\n' || c == '\r';
  if ((category & (U_GC_CC_MASK | U_GC_CF_MASK)) != 0 && !kept_control) AddFlags(c, kDropped);
  const bool mark = (category & U_GC_MN_MASK) != 0;
  if ((mark && !IsOneOf(kMarksNotYet, c)) || IsOneOf(kMarksOnceMore, c)) AddFlags(c, kMark);
  if ((category & U_GC_P_MASK) != 0 || IsAsciiPunctuation(c) || IsOneOf(kPunctuationOnce, c)) AddFlags(c, kPunctuation);
}

void UnicodeTables::AddNormalization(char32_t c, int age) {
  if (age > kNfdAge) return;
  if (u_getCombiningClass(static_cast<UChar32>(c)) != 0) AddFlags(c, kNonStarter);
  UErrorCode error = U_ZERO_ERROR;
  const UNormalizer2* nfd = unorm2_getNFDInstance(&error);
  UChar units[32];  // the longest canonical decomposition has 4 code points
  const int32_t length = unorm2_getDecomposition(nfd, static_cast<UChar32>(c), units, std::size(units), &error);
  if (U_FAILURE(error) || length < 0) return;
  const auto begin = static_cast<uint32_t>(decompositions_.size());
  for (int32_t i = 0; i < length;) {
    UChar32 part;
    U16_NEXT(units, i, length, part);
    decompositions_.push_back(static_cast<char32_t>(part));
  }
  decomposition_of_[c] = {begin, static_cast<uint32_t>(decompositions_.size()) - begin};
  AddFlags(c, kDecomposes);
}

void UnicodeTables::AddLowercase(char32_t c, int age) {
  if (age > kLowercaseAge) return;
  const auto lower = static_cast<char32_t>(u_tolower(static_cast<UChar32>(c)));
  if (lower == c) return;
  lowercase_of_[c] = lower;
  AddFlags(c, kUppercase);
}

std::u32string_view UnicodeTables::Decompose(char32_t c, std::array<char32_t, 3>* storage) const {
  if (c >= kHangulBase && c < kHangulEnd) {
    const char32_t index = c - kHangulBase;
    *storage = {0x1100 + index / 588, 0x1161 + index % 588 / 28, 0x11A7 + index % 28};
    return {storage->data(), index % 28 == 0 ? 2u : 3u};
  }
  if (const auto it = decomposition_of_.find(c); it != decomposition_of_.end()) {
    return {decompositions_.data() + it->second.begin, it->second.length};
  }
  (*storage)[0] = c;
  return {storage->data(), 1};
}

uint8_t UnicodeTables::CombiningClass(char32_t c) const {
  return (Flags(c) & kNonStarter) != 0 ? u_getCombiningClass(static_cast<UChar32>(c)) : 0;
}

std::u32string_view UnicodeTables::Lowercase(char32_t c, std::array<char32_t, 3>* storage) const {
  if (c == 0x130) {
    *storage = {'i', 0x307, 0};
    return {storage->data(), 2};
  }
  const auto it = lowercase_of_.find(c);
  (*storage)[0] = it == lowercase_of_.end() ? c : it->second;
  return {storage->data(), 1};
}

bool IsWordCharacter(char32_t c) {
  if (IsInOneOf(kNewWordCharacters, c)) return true;
  const int age = UnicodeAge(c);
  if (age == 0 || age > kWordAge) return false;
  const auto point = static_cast<UChar32>(c);
  return u_isUAlphabetic(point) || (U_GET_GC_MASK(point) & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) != 0 ||
         u_hasBinaryProperty(point, UCHAR_JOIN_CONTROL);
}

}  // namespace strata::text
