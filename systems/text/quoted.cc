#include "systems/text/quoted.h"

#include <cstdint>

#include "absl/strings/str_format.h"

namespace strata::text {

std::string Quoted(std::string_view text) {
  constexpr size_t kMaxBytes = 80;
  size_t size = text.size();
  if (size > kMaxBytes) {
    size = kMaxBytes;
    while (size > 0 && (static_cast<uint8_t>(text[size]) & 0xC0) == 0x80) --size;  // not within a code point
  }
  std::string quoted = "\"";
  for (char c : text.substr(0, size)) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte < 0x20 || byte == 0x7F) {
      absl::StrAppendFormat(&quoted, "\\x%02X", byte);
    } else {
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += c;
    }
  }
  quoted += size < text.size() ? "...\"" : "\"";
  return quoted;
}

}  // namespace strata::text
