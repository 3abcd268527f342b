// Joins text. Abseil's packages differ in what absl::string_view is: std::string_view where it was built as C++17 or
// later, a class of its own where not (Debian 12); these accept both. Not for: numbers in JSON; json_writer.h does
// that.
//
//   Cat("input ", Quote(name), " has ", 3, " dims")
#ifndef STRATA_SYSTEMS_PROTOCOL_TEXT_H_
#define STRATA_SYSTEMS_PROTOCOL_TEXT_H_

#include <concepts>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace strata::protocol {

inline absl::string_view ToAbsl(std::string_view text) { return absl::string_view(text.data(), text.size()); }
inline std::string_view ToStd(absl::string_view text) { return std::string_view(text.data(), text.size()); }

template <class T>
decltype(auto) CatPiece(const T& piece) {
  if constexpr (std::same_as<T, std::string_view>) {
    return ToAbsl(piece);
  } else {
    return (piece);
  }
}

template <class... Pieces>
std::string Cat(const Pieces&... pieces) {
  return absl::StrCat(CatPiece(pieces)...);
}

template <class... Pieces>
void CatTo(std::string* out, const Pieces&... pieces) {
  absl::StrAppend(out, CatPiece(pieces)...);
}

}  // namespace strata::protocol

#endif  // STRATA_SYSTEMS_PROTOCOL_TEXT_H_
