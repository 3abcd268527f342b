#include "systems/formats/size_expr.h"

#include <algorithm>
#include <array>

#include "systems/formats/text.h"

namespace strata::runtime {

// Recursive descent; the depth is bounded by the length of the text.
class SizeExprParser {
 public:
  SizeExprParser(std::string_view text, absl::Span<const std::string> dims) : text_(text), dims_(dims) {}

  absl::StatusOr<SizeExpr> Parse() {
    if (text_.empty() || text_.size() > SizeExpr::kMaxTextBytes) return Fail("1 to 64 characters");
    if (!Sum()) return Fail(wanted_);
    if (at_ != text_.size()) return Fail("an operator or the end");
    out_.text_ = std::string(text_);
    out_.linear_ = out_.FindLinear();
    return std::move(out_);
  }

 private:
  using Code = SizeExpr::Code;

  absl::Status Fail(std::string_view wanted) const {
    return Invalid("the size ", Quote(text_), " is not understood at position ", at_, ", wanted ", wanted);
  }
  bool Want(std::string_view wanted) {
    wanted_ = wanted;
    return false;
  }
  bool Eat(std::string_view token) {
    if (text_.substr(at_, token.size()) != token) return false;
    at_ += token.size();
    return true;
  }
  bool Sum() {
    if (!Product()) return false;
    for (;;) {
      const Code code = Eat("+") ? Code::kAdd : Eat("-") ? Code::kSub : Code::kNumber;
      if (code == Code::kNumber) return true;
      if (!Product()) return false;
      out_.tokens_.push_back({code, 0});
    }
  }
  bool Product() {
    if (!Factor()) return false;
    for (;;) {
      const Code code = Eat("//") ? Code::kFloorDiv : Eat("*") ? Code::kMul : Eat("%") ? Code::kMod : Code::kNumber;
      if (code == Code::kNumber) return true;
      if (!Factor()) return false;
      out_.tokens_.push_back({code, 0});
    }
  }
  bool Factor() {
    if (Eat("(")) {
      if (!Sum()) return false;
      return Eat(")") || Want("a closing parenthesis");
    }
    const auto is_word = [](char c) {
      return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    };
    size_t end = at_;
    while (end < text_.size() && is_word(text_[end])) ++end;
    const std::string_view word = text_.substr(at_, end - at_);
    if (word.empty()) return Want("a number, a dim or a parenthesis");
    if (word[0] >= '0' && word[0] <= '9') return Number(word);
    const auto found = std::find(dims_.begin(), dims_.end(), word);
    if (found == dims_.end()) return Want("one of the entry point's dims");
    at_ = end;
    out_.tokens_.push_back({Code::kDim, found - dims_.begin()});
    return true;
  }
  bool Number(std::string_view word) {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end != word.data() + word.size() || (word.size() > 1 && word[0] == '0')) {
      return Want("a number below 2^63, without leading zeros");
    }
    at_ += word.size();
    out_.tokens_.push_back({Code::kNumber, value});
    return true;
  }

  std::string_view text_;
  absl::Span<const std::string> dims_;
  size_t at_ = 0;
  std::string_view wanted_;
  SizeExpr out_ = Empty();

  static SizeExpr Empty() {
    SizeExpr e;
    e.tokens_.clear();
    return e;
  }
};

SizeExpr::SizeExpr(int64_t value) : text_(Cat(value)), tokens_{{Code::kNumber, value}}, linear_(Linear{-1, 0, value}) {}

absl::StatusOr<SizeExpr> SizeExpr::Parse(std::string_view text, absl::Span<const std::string> dims) {
  return SizeExprParser(text, dims).Parse();
}

std::optional<int64_t> SizeExpr::Apply(Code code, int64_t a, int64_t b) {
  int64_t r = 0;
  switch (code) {
    case Code::kAdd:
      if (__builtin_add_overflow(a, b, &r)) return std::nullopt;
      return r;
    case Code::kSub:
      if (__builtin_sub_overflow(a, b, &r)) return std::nullopt;
      return r;
    case Code::kMul:
      if (__builtin_mul_overflow(a, b, &r)) return std::nullopt;
      return r;
    case Code::kFloorDiv:
      if (a < 0 || b <= 0) return std::nullopt;
      return a / b;
    default:
      if (a < 0 || b <= 0) return std::nullopt;
      return a % b;
  }
}

std::optional<int64_t> SizeExpr::Evaluate(absl::Span<const int64_t> dims) const {
  if (linear_ && linear_->dim < 0) return linear_->offset >= 0 ? std::optional(linear_->offset) : std::nullopt;
  std::array<int64_t, kMaxTextBytes> stack;
  size_t top = 0;
  for (const Token& token : tokens_) {
    if (token.code == Code::kNumber) {
      stack[top++] = token.value;
    } else if (token.code == Code::kDim) {
      stack[top++] = dims[static_cast<size_t>(token.value)];
    } else {
      --top;
      const std::optional<int64_t> r = Apply(token.code, stack[top - 1], stack[top]);
      if (!r) return std::nullopt;
      stack[top - 1] = *r;
    }
  }
  if (stack[0] < 0) return std::nullopt;
  return stack[0];
}

std::optional<SizeExpr::Linear> SizeExpr::ApplyLinear(Code code, const Linear& a, const Linear& b) {
  const bool product = code == Code::kMul;
  if (a.dim >= 0 && b.dim >= 0 && (product || a.dim != b.dim)) return std::nullopt;
  if (code == Code::kFloorDiv || code == Code::kMod) {
    if (a.dim >= 0 || b.dim >= 0) return std::nullopt;
  }
  // In a product one side is a constant, so the scale is the other's times it.
  const auto scale = !product ? Apply(code, a.scale, b.scale)
                              : (a.dim >= 0 ? Apply(code, a.scale, b.offset) : Apply(code, b.scale, a.offset));
  const auto offset = Apply(code, a.offset, b.offset);
  if (a.dim < 0 && b.dim < 0) return offset ? std::optional(Linear{-1, 0, *offset}) : std::nullopt;
  if (!scale || !offset) return std::nullopt;
  return Linear{std::max(a.dim, b.dim), *scale, *offset};
}

std::optional<SizeExpr::Linear> SizeExpr::FindLinear() const {
  std::vector<Linear> stack;
  for (const Token& token : tokens_) {
    if (token.code == Code::kNumber) {
      stack.push_back({-1, 0, token.value});
    } else if (token.code == Code::kDim) {
      stack.push_back({static_cast<int>(token.value), 1, 0});
    } else {
      const std::optional<Linear> r = ApplyLinear(token.code, stack[stack.size() - 2], stack.back());
      if (!r) return std::nullopt;
      stack.pop_back();
      stack.back() = *r;
    }
  }
  // "N-N" has the scale 0: no dim can be told from it, and it is not worth a name of its own.
  if (stack[0].dim >= 0 && stack[0].scale <= 0) return std::nullopt;
  return stack[0];
}

std::optional<int64_t> SizeExpr::constant() const {
  if (!linear_ || linear_->dim >= 0) return std::nullopt;
  return linear_->offset;
}

bool SizeExpr::Mentions(int dim) const {
  return std::any_of(tokens_.begin(), tokens_.end(),
                     [&](const Token& t) { return t.code == Code::kDim && t.value == dim; });
}

std::string ShapeText(absl::Span<const SizeExpr> shape) {
  std::string text = "[";
  for (const SizeExpr& size : shape) text += (text.size() > 1 ? ", " : "") + size.text();
  return text + "]";
}

}  // namespace strata::runtime
