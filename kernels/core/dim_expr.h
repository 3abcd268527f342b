// DimExpr: the size of one dim as an integer expression over dims and int attributes ("B+1", "3*H*D", "S//stride"),
// parsed while compiling. Operators + - * // % and parentheses, with Python's meaning for non-negative numbers.
// The same text is evaluated on torch's symbolic sizes by strata/ops/_fake.py.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace strata {

// The value of an attribute, by its kind. A text is the caller's and outlives the call.
union AttrValue {
  double f;
  int64_t i;
  const std::string_view* text;
};

// Not constexpr on purpose: reaching it while a schema is evaluated stops the compiler, with the reason in its trace.
void SchemaError(const char* reason);

struct DimExpr {
  enum class Code : uint8_t { kNumber, kDim, kAttr, kAdd, kSub, kMul, kFloorDiv, kMod };
  struct Token {
    Code code = Code::kNumber;
    int32_t value = 0;  // the number, or the index of the dim or the attribute
  };

  std::array<Token, 8> tokens{};  // postfix
  int size = 0;

  constexpr bool is_dim() const { return size == 1 && tokens[0].code == Code::kDim; }
  // "B+1" and the like: a dim plus a constant, from which the dim can be told.
  constexpr bool is_dim_plus_number() const {
    return size == 3 && tokens[0].code == Code::kDim && tokens[1].code == Code::kNumber &&
           (tokens[2].code == Code::kAdd || tokens[2].code == Code::kSub);
  }
  constexpr bool is_number() const { return size == 1 && tokens[0].code == Code::kNumber; }
  constexpr int dim() const { return tokens[0].value; }
  constexpr int64_t addend() const {
    return is_dim() ? 0 : tokens[2].code == Code::kAdd ? tokens[1].value : -int64_t{tokens[1].value};
  }

  constexpr void Push(Token token) {
    if (size == static_cast<int>(tokens.size())) SchemaError("a dim expression is too long");
    tokens[static_cast<size_t>(size++)] = token;
  }

  // REQUIRES: every dim that is named is bound. A division by zero gives -1, which no size is.
  constexpr int64_t Evaluate(const int64_t* dims, const AttrValue* attrs) const {
    int64_t stack[8] = {};
    int top = 0;
    for (int i = 0; i < size; ++i) {
      const Token token = tokens[static_cast<size_t>(i)];
      if (token.code == Code::kNumber) stack[top++] = token.value;
      if (token.code == Code::kDim) stack[top++] = dims[token.value];
      if (token.code == Code::kAttr) stack[top++] = attrs[token.value].i;
      if (token.code < Code::kAdd) continue;
      const int64_t b = stack[--top], a = stack[top - 1];
      stack[top - 1] = Apply(token.code, a, b);
    }
    return stack[0];
  }

 private:
  static constexpr int64_t Apply(Code code, int64_t a, int64_t b) {
    int64_t r = -1;
    switch (code) {
      case Code::kAdd:
        return __builtin_add_overflow(a, b, &r) ? -1 : r;
      case Code::kSub:
        return __builtin_sub_overflow(a, b, &r) ? -1 : r;
      case Code::kMul:
        return __builtin_mul_overflow(a, b, &r) ? -1 : r;
      case Code::kFloorDiv:
        return b > 0 && a >= 0 ? a / b : -1;
      case Code::kMod:
        return b > 0 && a >= 0 ? a % b : -1;
      default:
        return -1;
    }
  }
};

// Recursive descent over `text`; `resolve(name)` gives the token of a dim or attribute.
template <class Resolve>
class DimParser {
 public:
  constexpr DimParser(std::string_view text, Resolve resolve) : text_(text), resolve_(resolve) {}

  constexpr DimExpr Parse() {
    DimExpr out;
    Sum(out);
    if (at_ != text_.size()) SchemaError("a dim expression has a part that is not understood");
    return out;
  }

 private:
  using Code = DimExpr::Code;

  constexpr bool Eat(std::string_view token) {
    if (text_.substr(at_, token.size()) != token) return false;
    at_ += token.size();
    return true;
  }
  constexpr void Sum(DimExpr& out) {
    Product(out);
    for (;;) {
      const Code code = Eat("+") ? Code::kAdd : Eat("-") ? Code::kSub : Code::kNumber;
      if (code == Code::kNumber) return;
      Product(out);
      out.Push({code, 0});
    }
  }
  constexpr void Product(DimExpr& out) {
    Factor(out);
    for (;;) {
      const Code code = Eat("//") ? Code::kFloorDiv : Eat("*") ? Code::kMul : Eat("%") ? Code::kMod : Code::kNumber;
      if (code == Code::kNumber) return;
      Factor(out);
      out.Push({code, 0});
    }
  }
  constexpr void Factor(DimExpr& out) {
    if (Eat("(")) {
      Sum(out);
      if (!Eat(")")) SchemaError("a dim expression lacks a closing parenthesis");
      return;
    }
    const size_t begin = at_;
    while (at_ < text_.size() && IsWord(text_[at_])) ++at_;
    const std::string_view word = text_.substr(begin, at_ - begin);
    if (word.empty()) SchemaError("a dim expression lacks an operand");
    if (word[0] < '0' || word[0] > '9') return out.Push(resolve_(word));
    int32_t number = 0;
    for (char c : word) number = number * 10 + (c - '0');
    out.Push({Code::kNumber, number});
  }
  static constexpr bool IsWord(char c) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  }

  std::string_view text_;
  Resolve resolve_;
  size_t at_ = 0;
};

}  // namespace strata
