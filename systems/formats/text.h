// What the runtime's error messages are made of.
//
//   return Invalid("dtype is ", Quote(word), ", wanted float32");
//   return Annotate(ParseStep(json), Cat("step ", i));   // "step 3: dtype is ..."
#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "kernels/base/status.h"

namespace strata::runtime {

// One part of a message: text, or a number written out.
class Piece {
 public:
  Piece(const char* text) : text_(text) {}  // NOLINT: implicit, so that Cat takes anything
  Piece(bool) = delete;
  template <class T>
    requires requires(const T& t) { std::string_view(t.data(), t.size()); }
  Piece(const T& text) : text_(text.data(), text.size()) {}  // NOLINT
  template <std::integral T>
  Piece(T number) : text_(buffer_, Length(number)) {}       // NOLINT
  Piece(double number) : text_(buffer_, Length(number)) {}  // NOLINT
  Piece(const Piece&) = delete;
  Piece& operator=(const Piece&) = delete;
  std::string_view text() const { return text_; }

 private:
  template <class T>
  size_t Length(T number) {
    return static_cast<size_t>(std::to_chars(buffer_, buffer_ + sizeof buffer_, number).ptr - buffer_);
  }
  char buffer_[32];
  std::string_view text_;
};

std::string CatPieces(std::initializer_list<const Piece*> pieces);

template <class... Parts>
std::string Cat(const Parts&... parts) {
  return [](const auto&... piece) { return CatPieces({&piece...}); }(Piece(parts)...);
}

// kInvalidArgument with the parts as its message.
template <class... Parts>
absl::Status Invalid(const Parts&... parts) {
  return absl::InvalidArgumentError(Cat(parts...));
}

// At most 64 bytes of `text` in double quotes, with everything that is not printable ASCII escaped.
std::string Quote(std::string_view text);

// `text` as a JSON string, quotes included. REQUIRES: `text` is UTF-8.
std::string JsonQuote(std::string_view text);

// The same status with `where: ` before its message; an ok status stays as it is.
absl::Status Annotate(const absl::Status& status, std::string_view where);

// A kernel's status as the service's.
absl::Status FromKernel(const strata::Status& status);

// "1.5 GiB"
std::string BytesText(size_t bytes);

// [A-Za-z_][A-Za-z0-9_.]*, at most 256 bytes: entry points, values, inputs and outputs.
bool IsValueName(std::string_view text);
// [A-Z][A-Za-z0-9_]*, at most 32 bytes.
bool IsDimName(std::string_view text);
// [A-Za-z0-9][A-Za-z0-9._-]*, at most `max` bytes: a model's name and version, a file's name.
bool IsModelName(std::string_view text, size_t max);

}  // namespace strata::runtime

// Returns from the enclosing function when `expression` is not ok.
#define RUNTIME_RETURN_IF_ERROR(expression)                                                           \
  do {                                                                                                \
    if (::absl::Status runtime_status_ = (expression); !runtime_status_.ok()) return runtime_status_; \
  } while (false)

// RUNTIME_ASSIGN_OR_RETURN(auto plan, ParsePlan(text));
#define RUNTIME_ASSIGN_OR_RETURN(target, expression) \
  RUNTIME_ASSIGN_OR_RETURN_(RUNTIME_JOIN(runtime_or_, __LINE__), target, expression)
#define RUNTIME_JOIN(a, b) RUNTIME_JOIN_(a, b)
#define RUNTIME_JOIN_(a, b) a##b
#define RUNTIME_ASSIGN_OR_RETURN_(holder, target, expression) \
  auto holder = (expression);                                 \
  if (!holder.ok()) return holder.status();                   \
  target = *std::move(holder)
