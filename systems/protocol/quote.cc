#include "systems/protocol/quote.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_join.h"
#include "systems/protocol/json_writer.h"
#include "systems/protocol/text.h"

namespace strata::protocol {

std::string Quote(std::string_view text) {
  constexpr size_t kLongest = 64;
  const bool whole = text.size() <= kLongest;
  if (!whole) {
    size_t end = kLongest;
    // Back to the start of the character that the limit would cut.
    while (end > kLongest - 4 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    text = text.substr(0, end);
  }
  // Error messages travel inside JSON, which must be UTF-8: bytes that are not, are escaped one by one.
  const std::string printable = IsUtf8(text) ? absl::Utf8SafeCEscape(ToAbsl(text)) : absl::CHexEscape(ToAbsl(text));
  return Cat("\"", printable, whole ? "\"" : "...\"");
}

std::string ShapeText(absl::Span<const int64_t> shape) { return Cat("[", absl::StrJoin(shape, ","), "]"); }

}  // namespace strata::protocol
