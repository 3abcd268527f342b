#include "systems/text/utf8.h"

#include <algorithm>
#include <cstring>

namespace strata::text {
namespace {

// The length of the well-formed sequence at `p`, or 0. Table 3-7 of the Unicode standard: only the second byte has
// ranges of its own.
size_t SequenceLength(const uint8_t* p, size_t left) {
  const uint8_t b0 = p[0];
  if (b0 < 0x80) return 1;
  if (b0 < 0xC2 || b0 > 0xF4) return 0;
  const size_t length = b0 < 0xE0 ? 2 : b0 < 0xF0 ? 3 : 4;
  if (left < length) return 0;
  uint8_t low = 0x80, high = 0xBF;
  if (b0 == 0xE0) low = 0xA0;
  if (b0 == 0xED) high = 0x9F;
  if (b0 == 0xF0) low = 0x90;
  if (b0 == 0xF4) high = 0x8F;
  if (p[1] < low || p[1] > high) return 0;
  for (size_t i = 2; i < length; ++i) {
    if ((p[i] & 0xC0) != 0x80) return 0;
  }
  return length;
}

}  // namespace

std::optional<size_t> FindInvalidUtf8(std::string_view text) {
  const auto* data = reinterpret_cast<const uint8_t*>(text.data());
  const size_t size = text.size();
  size_t i = 0;
  while (i < size) {
    uint64_t word;
    while (i + sizeof(word) <= size) {
      std::memcpy(&word, data + i, sizeof(word));
      if ((word & 0x8080808080808080u) != 0) break;
      i += sizeof(word);
    }
    if (i == size) break;
    const size_t length = SequenceLength(data + i, size - i);
    if (length == 0) return i;
    i += length;
  }
  return std::nullopt;
}

void AppendUtf8(char32_t c, std::string* out) {
  char bytes[4];
  size_t length = 0;
  if (c < 0x80) {
    bytes[length++] = static_cast<char>(c);
  } else if (c < 0x800) {
    bytes[length++] = static_cast<char>(0xC0 | c >> 6);
    bytes[length++] = static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    bytes[length++] = static_cast<char>(0xE0 | c >> 12);
    bytes[length++] = static_cast<char>(0x80 | (c >> 6 & 0x3F));
    bytes[length++] = static_cast<char>(0x80 | (c & 0x3F));
  } else {
    bytes[length++] = static_cast<char>(0xF0 | c >> 18);
    bytes[length++] = static_cast<char>(0x80 | (c >> 12 & 0x3F));
    bytes[length++] = static_cast<char>(0x80 | (c >> 6 & 0x3F));
    bytes[length++] = static_cast<char>(0x80 | (c & 0x3F));
  }
  out->append(bytes, length);
}

size_t CountCodePoints(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char b) { return (static_cast<uint8_t>(b) & 0xC0) != 0x80; }));
}

}  // namespace strata::text
