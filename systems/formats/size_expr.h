// SizeExpr: a size in a plan, as an integer expression over the entry point's dims ("B+1", "3*N//2").
// Parsed from untrusted text: bounded, and no value of the dims makes it overflow unnoticed. kernels/core/dim_expr.h is
// its counterpart for schemas, which are constants and are parsed by the compiler.
//
//   absl::StatusOr<SizeExpr> e = SizeExpr::Parse("B+1", {"B", "N"});
//   std::optional<int64_t> size = e->Evaluate({8, 100});   // 9
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace strata::runtime {

class SizeExpr {
 public:
  static constexpr size_t kMaxTextBytes = 64;

  SizeExpr() : SizeExpr(0) {}
  // REQUIRES: value >= 0.
  explicit SizeExpr(int64_t value);
  // Operators + - * // % and parentheses, no spaces; `dims` are the names that may stand in it.
  static absl::StatusOr<SizeExpr> Parse(std::string_view text, absl::Span<const std::string> dims);

  // Nothing where the result is negative or overflows, where a division is by zero or of a negative number.
  // REQUIRES: dims.size() is that of Parse.
  std::optional<int64_t> Evaluate(absl::Span<const int64_t> dims) const;

  // scale * dim + offset, from which the dim can be told.
  struct Linear {
    int dim = -1;  // -1: a constant
    int64_t scale = 0;
    int64_t offset = 0;
  };
  // Nothing for what is not of this form, or has a negative scale.
  const std::optional<Linear>& linear() const { return linear_; }
  std::optional<int64_t> constant() const;
  bool IsDim(int dim) const { return linear_ && linear_->dim == dim && linear_->scale == 1 && linear_->offset == 0; }
  bool IsDimPlusOne(int dim) const {
    return linear_ && linear_->dim == dim && linear_->scale == 1 && linear_->offset == 1;
  }
  bool Mentions(int dim) const;

  const std::string& text() const { return text_; }

 private:
  friend class SizeExprParser;
  enum class Code : uint8_t { kNumber, kDim, kAdd, kSub, kMul, kFloorDiv, kMod };
  struct Token {
    Code code;
    int64_t value;  // the number, or the index of the dim
  };
  static std::optional<int64_t> Apply(Code code, int64_t a, int64_t b);
  static std::optional<Linear> ApplyLinear(Code code, const Linear& a, const Linear& b);
  std::optional<Linear> FindLinear() const;

  std::string text_;
  std::vector<Token> tokens_;  // postfix; at most kMaxTextBytes of them, since each took a character
  std::optional<Linear> linear_;
};

// "[B+1, 384]"
std::string ShapeText(absl::Span<const SizeExpr> shape);

}  // namespace strata::runtime
