// Puts what a client sent into an error message: quoted, shortened, printable.
// Not for: writing JSON strings; json_writer.h does that.
//
//   Quote("x\n")  ->  "x\n" in double quotes, the newline written as backslash and n
#ifndef STRATA_SYSTEMS_PROTOCOL_QUOTE_H_
#define STRATA_SYSTEMS_PROTOCOL_QUOTE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/types/span.h"

namespace strata::protocol {

// At most 64 bytes of `text`, never cut inside a UTF-8 character; bytes outside UTF-8 are escaped.
std::string Quote(std::string_view text);

// "[2,3]".
std::string ShapeText(absl::Span<const int64_t> shape);

}  // namespace strata::protocol

#endif  // STRATA_SYSTEMS_PROTOCOL_QUOTE_H_
