// Appends JSON pieces to a string. Numbers are the shortest text that reads back to the same bits (std::to_chars).
// Not for: reading JSON (json_reader.h), nor for deciding what a document holds.
//
//   std::string out = "{\"name\":";
//   AppendJsonString("x", &out);
#ifndef STRATA_SYSTEMS_PROTOCOL_JSON_WRITER_H_
#define STRATA_SYSTEMS_PROTOCOL_JSON_WRITER_H_

#include <charconv>
#include <concepts>
#include <string>
#include <string_view>

namespace strata::protocol {

bool IsUtf8(std::string_view text);

// Quotes and escapes. Bytes that are not UTF-8 become U+FFFD, so that the result is always valid JSON; a caller that
// must not lose bytes asks IsUtf8 first.
void AppendJsonString(std::string_view text, std::string* out);

// REQUIRES: a floating-point value is finite; JSON has no NaN and no infinity.
template <class Number>
  requires(std::integral<Number> || std::floating_point<Number>)
void AppendJsonNumber(Number value, std::string* out) {
  char buffer[32];  // the longest double has 24 characters
  std::to_chars_result end = std::to_chars(buffer, buffer + sizeof(buffer), value);
  if constexpr (std::floating_point<Number>) {
    // A whole number beyond 64 bits may come out as digits alone; readers would take it for an integer too large.
    if (value >= Number{0x1p63} || value <= Number{-0x1p63}) {
      end = std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific);
    }
  }
  out->append(buffer, static_cast<size_t>(end.ptr - buffer));
}

}  // namespace strata::protocol

#endif  // STRATA_SYSTEMS_PROTOCOL_JSON_WRITER_H_
