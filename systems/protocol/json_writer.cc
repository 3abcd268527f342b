#include "systems/protocol/json_writer.h"

#include <simdjson.h>

namespace strata::protocol {
namespace {

void AppendEscape(unsigned char c, std::string* out) {
  static constexpr char kHex[] = "0123456789abcdef";
  switch (c) {
    case '"':
    case '\\':
      out->push_back('\\');
      out->push_back(static_cast<char>(c));
      return;
    case '\n':
      out->append("\\n");
      return;
    case '\r':
      out->append("\\r");
      return;
    case '\t':
      out->append("\\t");
      return;
    default:
      out->append("\\u00");
      out->push_back(kHex[c >> 4]);
      out->push_back(kHex[c & 15]);
  }
}

// Bytes of the valid UTF-8 character at the start of `text`, or 0.
size_t CharacterLength(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  return text.size() >= length && IsUtf8(text.substr(0, length)) ? length : 0;
}

std::string WithReplacementCharacters(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t length = CharacterLength(text);
    out.append(length > 0 ? text.substr(0, length) : "\xEF\xBF\xBD");
    text.remove_prefix(length > 0 ? length : 1);
  }
  return out;
}

}  // namespace

bool IsUtf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

void AppendJsonString(std::string_view text, std::string* out) {
  std::string repaired;
  if (!IsUtf8(text)) {
    repaired = WithReplacementCharacters(text);
    text = repaired;
  }
  out->push_back('"');
  size_t written = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out->append(text, written, i - written);
    AppendEscape(c, out);
    written = i + 1;
  }
  out->append(text, written, std::string_view::npos);
  out->push_back('"');
}

}  // namespace strata::protocol
