#include <cmath>
#include <limits>
#include <numbers>

#include "kernels/core/scalar.h"
#include "kernels/ops/pointwise/broadcast.h"
#include "kernels/ops/pointwise/pointwise.h"
#include "kernels/ops/pointwise/program.h"
#include "kernels/simd/philox.h"

namespace strata {
namespace pointwise {
namespace {

// One value: floats in `f`, integers and bool in `i`.
struct Scalar {
  double f = 0;
  int64_t i = 0;
};

Scalar Read(const TensorView& view, int64_t at) {
  switch (view.dtype) {
    case DType::kF32:
      return {view.In<float>()[at], 0};
    case DType::kBF16:
      return {ToDouble(view.In<BF16>()[at]), 0};
    case DType::kF16:
      return {ToDouble(view.In<F16>()[at]), 0};
    case DType::kF64:
      return {view.In<double>()[at], 0};
    case DType::kI32:
      return {0, view.In<int32_t>()[at]};
    case DType::kI64:
      return {0, view.In<int64_t>()[at]};
    default:
      return {0, view.In<uint8_t>()[at]};
  }
}

void Write(const TensorView& view, int64_t at, Scalar v) {
  switch (view.dtype) {
    case DType::kF32:
      view.Out<float>()[at] = static_cast<float>(v.f);
      return;
    case DType::kBF16:
      view.Out<BF16>()[at] = ToBF16(static_cast<float>(v.f));
      return;
    case DType::kF16:
      view.Out<F16>()[at] = ToF16(static_cast<float>(v.f));
      return;
    case DType::kF64:
      view.Out<double>()[at] = v.f;
      return;
    case DType::kI32:
      view.Out<int32_t>()[at] = static_cast<int32_t>(v.i);
      return;
    case DType::kI64:
      view.Out<int64_t>()[at] = v.i;
      return;
    default:
      view.Out<uint8_t>()[at] = static_cast<uint8_t>(v.i);
  }
}

// Rounds to the dtype as a step does.
double Round(double v, DType type) {
  switch (type) {
    case DType::kF32:
      return static_cast<float>(v);
    case DType::kBF16:
      return ToFloat(ToBF16(static_cast<float>(v)));
    case DType::kF16:
      return ToFloat(ToF16(static_cast<float>(v)));
    default:
      return v;
  }
}

// Two's complement.
int64_t Wrap(uint64_t v, DType type) {
  return type == DType::kI32 ? static_cast<int32_t>(static_cast<uint32_t>(v)) : static_cast<int64_t>(v);
}

// The larger of two, NaN where one is, the second where they are equal.
double Max(double a, double b) { return std::isnan(a) || a > b ? a : b; }
double Min(double a, double b) { return std::isnan(a) || a < b ? a : b; }

double Float(Code code, double a, double b, double c) {
  switch (code) {
    case Code::kAdd:
      return a + b;
    case Code::kSub:
      return a - b;
    case Code::kMul:
      return a * b;
    case Code::kDiv:
      return a / b;
    case Code::kMin:
      return Min(a, b);
    case Code::kMax:
      return Max(a, b);
    case Code::kNeg:
      return -a;
    case Code::kAbs:
      return std::abs(a);
    case Code::kSign:
      return a > 0 ? 1 : a < 0 ? -1 : 0;
    case Code::kPow:
      return std::pow(a, b);
    case Code::kFma:
      return std::fma(a, b, c);
    case Code::kFloor:
      return std::floor(a);
    case Code::kCeil:
      return std::ceil(a);
    case Code::kRound:
      return std::nearbyint(a);
    case Code::kTrunc:
      return std::trunc(a);
    case Code::kReciprocal:
      return 1 / a;
    case Code::kSqrt:
      return std::sqrt(a);
    case Code::kRsqrt:
      return 1 / std::sqrt(a);
    case Code::kExp:
      return std::exp(a);
    case Code::kExpm1:
      return std::expm1(a);
    case Code::kLog:
      return std::log(a);
    case Code::kLog1p:
      return std::log1p(a);
    case Code::kSin:
      return std::sin(a);
    case Code::kCos:
      return std::cos(a);
    case Code::kTanh:
      return std::tanh(a);
    case Code::kErf:
      return std::erf(a);
    case Code::kNormalCdf:
      return 0.5 * std::erfc(-a * std::numbers::sqrt2 / 2);
    case Code::kSigmoid:
      return 1 / (1 + std::exp(-a));
    case Code::kSilu:
      return a / (1 + std::exp(-a));
    case Code::kGelu:
      return a * 0.5 * std::erfc(-a * std::numbers::sqrt2 / 2);
    default:  // kGeluTanh
      return 0.5 * a * (1 + std::tanh(0.79788456080286535588 * (a + 0.044715 * a * a * a)));
  }
}

int64_t Whole(Code code, int64_t a, int64_t b, DType type) {
  const auto ua = static_cast<uint64_t>(a), ub = static_cast<uint64_t>(b);
  switch (code) {
    case Code::kAdd:
      return Wrap(ua + ub, type);
    case Code::kSub:
      return Wrap(ua - ub, type);
    case Code::kMul:
      return Wrap(ua * ub, type);
    case Code::kMin:
      return a < b ? a : b;
    case Code::kMax:
      return a > b ? a : b;
    case Code::kNeg:
      return Wrap(0 - ua, type);
    case Code::kAbs:
      return a < 0 ? Wrap(0 - ua, type) : a;
    default:  // kSign
      return (a > 0) - (a < 0);
  }
}

template <class T>
bool Compare(Code code, T a, T b) {
  switch (code) {
    case Code::kEq:
      return a == b;
    case Code::kNe:
      return a != b;
    case Code::kLt:
      return a < b;
    case Code::kLe:
      return a <= b;
    case Code::kGt:
      return a > b;
    default:  // kGe
      return a >= b;
  }
}

int64_t Logic(Code code, int64_t a, int64_t b) {
  return code == Code::kAnd ? a & b : code == Code::kOr ? a | b : code == Code::kXor ? a ^ b : 1 - a;
}

// Towards zero; what does not fit becomes the nearest that does, NaN becomes 0.
int64_t Truncate(double v, DType to) {
  const bool wide = to == DType::kI64;
  const double low = to == DType::kU8 ? 0 : wide ? -0x1p63 : -0x1p31;
  const double high = to == DType::kU8 ? 256 : wide ? 0x1p63 : 0x1p31;
  if (std::isnan(v)) return 0;
  if (v >= high) return to == DType::kU8 ? 255 : wide ? INT64_MAX : INT32_MAX;
  return v <= low ? static_cast<int64_t>(low) : static_cast<int64_t>(v);
}

Scalar Cast(Scalar v, DType from, DType to) {
  if (IsFloatType(from)) {
    if (IsFloatType(to)) return {Round(v.f, to), 0};
    return {0, to == DType::kBool ? v.f != 0 : Truncate(v.f, to)};
  }
  if (to == DType::kF32 || to == DType::kF64) {
    // Rounded once, from the integer.
    return {to == DType::kF32 ? static_cast<float>(v.i) : static_cast<double>(v.i), 0};
  }
  if (IsFloatType(to)) return {Round(static_cast<float>(v.i), to), 0};
  if (to == DType::kBool) return {0, v.i != 0};
  if (to == DType::kU8) return {0, static_cast<uint8_t>(v.i)};
  return {0, Wrap(static_cast<uint64_t>(v.i), to)};
}

Scalar Random(Code code, int64_t seed, int64_t stream, int64_t position) {
  const auto at = static_cast<uint64_t>(position);
  const auto bits = [&](uint64_t from) { return PhiloxBits(static_cast<uint64_t>(seed), from, at); };
  const uint32_t first = bits(static_cast<uint64_t>(stream));
  if (code == Code::kRandomBits) return {0, static_cast<int32_t>(first)};
  if (code == Code::kUniform) return {UniformFloat(first), 0};
  // Box and Muller: the second word comes from the stream with its top bit turned over.
  const uint32_t second = bits(static_cast<uint64_t>(stream) ^ (uint64_t{1} << 63));
  const double radius = std::sqrt(-2 * std::log(1 - static_cast<double>(UniformFloat(first))));
  return {radius * std::cos(2 * std::numbers::pi * UniformFloat(second)), 0};
}

// `position`: of the element among those that share the seed.
Scalar StepOn(const Instruction& step, Scalar a, Scalar b, Scalar c, int64_t position) {
  const bool floats = IsFloatType(step.type);
  switch (InfoOf(step.code).kind) {
    case CodeKind::kNumber:
    case CodeKind::kFloat:
      if (floats) return {Round(Float(step.code, a.f, b.f, c.f), step.result), 0};
      return {0, Whole(step.code, a.i, b.i, step.type)};
    case CodeKind::kCompare:
      return {0, floats ? Compare(step.code, a.f, b.f) : Compare(step.code, a.i, b.i)};
    case CodeKind::kLogic:
      return {0, Logic(step.code, a.i, b.i)};
    case CodeKind::kSelect:
      return floats ? Scalar{Round(a.i ? b.f : c.f, step.result), 0} : a.i ? b : c;
    case CodeKind::kCast:
      return Cast(a, step.type, step.result);
    default:
      return Random(step.code, a.i, b.i, position);
  }
}

}  // namespace
}  // namespace pointwise

void PointwiseRef(const OpContext&, std::span<const TensorView> inputs, std::string_view text,
                  std::span<const TensorView> outputs) {
  using namespace pointwise;
  const Program& program = *Decode(text).program;
  const Broadcast broadcast(inputs, outputs[0]);
  std::array<Scalar, kMaxProgramInputs + kMaxInstructions> values{};
  for (int64_t at = 0; at < broadcast.total; ++at) {
    const int64_t row = at / broadcast.inner, column = at % broadcast.inner;
    for (size_t t = 0; t < inputs.size(); ++t) {
      values[t] = pointwise::Read(inputs[t], broadcast.Offset(t, row) + column * broadcast.InnerStride(t));
    }
    const auto operand = [&](const Instruction& step, size_t i) {
      const Operand o = step.operands[i];
      if (!IsConstant(o)) return values[static_cast<size_t>(o)];
      const Constant& constant = program.constants[static_cast<size_t>(-1 - o)];
      return Scalar{constant.f, constant.i};
    };
    for (int i = 0; i < program.num_instructions; ++i) {
      const Instruction& step = program.code[static_cast<size_t>(i)];
      const bool draws = InfoOf(step.code).kind == CodeKind::kRandom;
      const int64_t block = draws ? broadcast.total / inputs[static_cast<size_t>(step.operands[0])].numel() : 1;
      values[static_cast<size_t>(ResultOf(i))] =
          StepOn(step, operand(step, 0), operand(step, 1), operand(step, 2), at % block);
    }
    for (size_t o = 0; o < outputs.size(); ++o) {
      pointwise::Write(outputs[o], at, values[static_cast<size_t>(program.outputs[o])]);
    }
  }
}

}  // namespace strata
