// Draws pointwise programs for tests: valid ones, in the format's text, of all dtypes or of some.
//
//   const std::string text = Writer(seed).Text(/*inputs=*/2, /*instructions=*/10);
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "kernels/ops/pointwise/program.h"

namespace strata::pointwise {

class Writer {
 public:
  static constexpr DType kAll[] = {DType::kF32, DType::kF32, DType::kBF16, DType::kF16, DType::kF64,
                                   DType::kI32, DType::kI64, DType::kU8,   DType::kBool};
  static constexpr DType kFloats[] = {DType::kF32, DType::kF32, DType::kBF16, DType::kF16};
  static constexpr DType kDoubles[] = {DType::kF64};

  // Of all dtypes, or of the `family` that one chain computes in.
  explicit Writer(uint64_t seed, std::span<const DType> family = kAll) : random_(seed), family_(family) {}

  std::string Text(int inputs, int instructions) {
    std::string text;
    for (int i = 0; i < inputs; ++i) {
      types_.push_back(family_[random_() % family_.size()]);
      text += (i ? ", " : "") + std::string(NameOf(types_.back())) + " x" + std::to_string(i);
    }
    inputs_ = inputs;
    for (int i = 0; i < instructions; ++i) text += "; v" + std::to_string(i) + " = " + Instruction();
    text += "; return ";
    const int outputs = std::min(instructions, 1 + static_cast<int>(random_() % 8));
    for (int o = 0; o < outputs; ++o) text += (o ? ", v" : "v") + std::to_string(instructions - outputs + o);
    return text;
  }

 private:
  std::string Name(size_t value) const {
    return value < static_cast<size_t>(inputs_) ? "x" + std::to_string(value)
                                                : "v" + std::to_string(value - static_cast<size_t>(inputs_));
  }
  // A value of the dtype, or "" for none.
  std::string ValueOf(DType type) {
    std::vector<size_t> found;
    for (size_t v = 0; v < types_.size(); ++v) {
      if (types_[v] == type) found.push_back(v);
    }
    return found.empty() ? "" : Name(found[random_() % found.size()]);
  }
  std::string Literal(DType type) {
    if (type == DType::kBool) return random_() % 2 ? "true" : "false";
    if (!IsFloatType(type)) return std::to_string(static_cast<int>(random_() % 9) - 4);
    constexpr const char* kLiterals[] = {"0.1", "-2.5", "1e-30", "inf", "nan", "3", "-0", "1.0000001"};
    return kLiterals[random_() % std::size(kLiterals)];
  }
  std::string Cast() {
    const size_t value = random_() % types_.size();
    const DType to = family_[random_() % family_.size()];
    types_.push_back(to);
    return std::string(NameOf(to)) + "(" + Name(value) + ")";
  }

  std::string Instruction() {
    const auto code = static_cast<Code>(random_() % static_cast<uint64_t>(kNumCodes));
    const CodeInfo& info = InfoOf(code);
    using Kind = CodeKind;
    if (info.kind == Kind::kCast || info.kind == Kind::kRandom) return Cast();
    const DType type = info.kind == Kind::kLogic ? DType::kBool : types_[random_() % types_.size()];
    const bool whole = type == DType::kI32 || type == DType::kI64;
    const bool takes = info.kind == Kind::kLogic    ? true
                       : info.kind == Kind::kFloat  ? IsFloatType(type)
                       : info.kind == Kind::kSelect ? type != DType::kU8
                                                    : whole || IsFloatType(type);
    const std::string first = ValueOf(type);
    if (!takes || first.empty()) return Cast();
    std::string text = std::string(info.name) + "(";
    int left = info.arity;
    if (info.kind == Kind::kSelect) {
      const std::string condition = ValueOf(DType::kBool);
      if (condition.empty()) return Cast();
      text += condition + ", ";
      --left;
    }
    text += first;
    for (; left > 1; --left) text += ", " + (random_() % 4 == 0 ? Literal(type) : ValueOf(type));
    types_.push_back(info.kind == Kind::kCompare ? DType::kBool : type);
    return text + ")";
  }

  std::mt19937_64 random_;
  std::span<const DType> family_;
  std::vector<DType> types_;
  int inputs_ = 0;
};

}  // namespace strata::pointwise
