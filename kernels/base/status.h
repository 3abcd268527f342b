// Status and StatusOr for the kernel layer, which has no dependencies: what a call got wrong, as a value.
// The systems layer uses absl::Status and converts once (systems/runtime).
//
//   Status s = Invoke(op, context, call);
//   if (!s.ok()) return s;
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "kernels/base/check.h"

namespace strata {

enum class StatusCode { kOk, kInvalidArgument, kNotFound, kUnimplemented, kFailedPrecondition, kInternal };

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == StatusCode::kOk; }
  StatusCode code() const { return code_; }
  const std::string& message() const { return message_; }

 private:
  StatusCode code_ = StatusCode::kOk;
  std::string message_;
};

inline Status InvalidArgument(std::string message) { return {StatusCode::kInvalidArgument, std::move(message)}; }
inline Status NotFound(std::string message) { return {StatusCode::kNotFound, std::move(message)}; }
inline Status Unimplemented(std::string message) { return {StatusCode::kUnimplemented, std::move(message)}; }

}  // namespace strata

// Returns from the enclosing function when `expression` is not ok.
#define STRATA_RETURN_IF_ERROR(expression)                                                           \
  do {                                                                                               \
    if (::strata::Status strata_status_ = (expression); !strata_status_.ok()) return strata_status_; \
  } while (false)
