// UTF-8, one code point at a time.
//
// For: the tokenizer's walk over text that was validated once, at the door. Not for: repairing text; what is not valid
// UTF-8 is refused with the offset of its first bad byte, since replacing it would change what the caller said.
//
//   if (auto bad = FindInvalidUtf8(text)) return InvalidAt(*bad);
//   for (size_t i = 0; i < text.size();) { CodePoint c = DecodeUtf8(text, i); i += c.length; }
#ifndef STRATA_SYSTEMS_TEXT_UTF8_H_
#define STRATA_SYSTEMS_TEXT_UTF8_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace strata::text {

struct CodePoint {
  char32_t value;
  uint8_t length;  // bytes in UTF-8: 1 to 4
};

// The offset of the first byte that starts no well-formed sequence (overlong forms, surrogates and values past U+10FFFF
// are not well-formed), or nothing.
std::optional<size_t> FindInvalidUtf8(std::string_view text);

// REQUIRES: `text` is valid UTF-8 and `at` is the start of a code point.
inline CodePoint DecodeUtf8(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<char32_t>(static_cast<uint8_t>(text[at + i])); };
  const char32_t b0 = byte(0);
  if (b0 < 0x80) return {b0, 1};
  if (b0 < 0xE0) return {(b0 & 0x1F) << 6 | (byte(1) & 0x3F), 2};
  if (b0 < 0xF0) return {(b0 & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F), 3};
  return {(b0 & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F), 4};
}

// The code point that ends at `end`. REQUIRES: valid UTF-8, 0 < end <= text.size(), `end` is a code point boundary.
inline CodePoint DecodeUtf8Before(std::string_view text, size_t end) {
  size_t at = end - 1;
  while ((static_cast<uint8_t>(text[at]) & 0xC0) == 0x80) --at;
  return DecodeUtf8(text, at);
}

void AppendUtf8(char32_t c, std::string* out);

// REQUIRES: valid UTF-8.
size_t CountCodePoints(std::string_view text);

}  // namespace strata::text

#endif  // STRATA_SYSTEMS_TEXT_UTF8_H_
