#include "systems/runtime/compare.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/core/op_schema.h"
#include "systems/formats/text.h"

namespace strata::runtime {
namespace {

// One element as bits and as a number.
struct Element {
  uint64_t bits = 0;
  double value = 0;
};

template <class T>
T Load(const TensorView& view, int64_t at) {
  T value;
  std::memcpy(&value, static_cast<const std::byte*>(view.data) + static_cast<size_t>(at) * sizeof(T), sizeof(T));
  return value;
}

Element Get(const TensorView& view, int64_t at) {
  switch (view.dtype) {
    case DType::kF32: {
      const float v = Load<float>(view, at);
      return {std::bit_cast<uint32_t>(v), v};
    }
    case DType::kF64: {
      const double v = Load<double>(view, at);
      return {std::bit_cast<uint64_t>(v), v};
    }
    case DType::kBF16: {
      const BF16 v = Load<BF16>(view, at);
      return {v.bits, ToFloat(v)};
    }
    case DType::kF16: {
      const F16 v = Load<F16>(view, at);
      return {v.bits, ToFloat(v)};
    }
    case DType::kI8: {
      const int8_t v = Load<int8_t>(view, at);
      return {static_cast<uint8_t>(v), static_cast<double>(v)};
    }
    case DType::kI32: {
      const int32_t v = Load<int32_t>(view, at);
      return {static_cast<uint32_t>(v), static_cast<double>(v)};
    }
    case DType::kI64: {
      const int64_t v = Load<int64_t>(view, at);
      return {static_cast<uint64_t>(v), static_cast<double>(v)};
    }
    default: {
      const uint8_t v = Load<uint8_t>(view, at);
      return {v, static_cast<double>(v)};
    }
  }
}

bool IsFloat(DType dtype) { return Contains(kFloatDTypes | SetOf(DType::kF16), dtype); }

// Neighbouring floats have neighbouring numbers, through zero, too.
uint64_t UlpsBetween(DType dtype, uint64_t a, uint64_t b) {
  const uint64_t sign = uint64_t{1} << (SizeOf(dtype) * 8 - 1);
  const auto ordered = [&](uint64_t bits) { return bits & sign ? sign - (bits & (sign - 1)) : sign + bits; };
  const uint64_t x = ordered(a), y = ordered(b);
  return x > y ? x - y : y - x;
}

std::string PositionText(const TensorView& view, int64_t at) {
  std::string text;
  for (int d = view.rank - 1; d >= 0; --d) {
    text = Cat(at % view.size(d), text.empty() ? "" : ", ", text);
    at /= view.size(d);
  }
  return "[" + text + "]";
}

std::string ElementText(const TensorView& view, int64_t at) {
  if (view.dtype == DType::kI64) return Cat(Load<int64_t>(view, at));
  const double value = Get(view, at).value;
  if (view.dtype != DType::kF64 && std::isfinite(value)) {
    char buffer[32];
    return std::string(buffer, std::to_chars(buffer, buffer + sizeof buffer, static_cast<float>(value)).ptr);
  }
  return Cat(value);
}

}  // namespace

Difference Compare(const TensorView& got, const TensorView& want) {
  Difference d;
  for (int64_t i = 0, n = want.numel(); i < n; ++i) {
    const Element g = Get(got, i), w = Get(want, i);
    if (std::isfinite(w.value)) d.magnitude = std::max(d.magnitude, std::abs(w.value));
    if (g.bits == w.bits) continue;
    if (d.count++ == 0) d.first = i;
    if (IsFloat(want.dtype)) d.ulps = std::max(d.ulps, UlpsBetween(want.dtype, g.bits, w.bits));
    // Two NaNs of other bits are as far apart as their values say: not at all.
    if (std::isnan(g.value) && std::isnan(w.value)) continue;
    const double by = std::isnan(g.value) || std::isnan(w.value) ? std::numeric_limits<double>::infinity()
                                                                 : std::abs(g.value - w.value);
    d.largest = std::max(d.largest, by);
  }
  return d;
}

std::string DifferenceText(const Difference& d, const TensorView& got, const TensorView& want) {
  if (d.count == 0) return "every bit is equal";
  std::string text =
      Cat(d.count, " of ", want.numel(), " elements differ, the first at ", PositionText(want, d.first), ": got ",
          ElementText(got, d.first), ", wanted ", ElementText(want, d.first), "; at most by ", d.largest);
  if (IsFloat(want.dtype)) text += Cat(" (", d.ulps, " ulp)");
  return text;
}

double ClassBound(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return 1e-4;
    case DType::kBF16:
      return 4e-2;
    case DType::kF16:
      return 1e-2;
    case DType::kF64:
      return 1e-10;
    default:
      return 0;
  }
}

}  // namespace strata::runtime
