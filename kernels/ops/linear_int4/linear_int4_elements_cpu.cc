// What linear_int4 does around its products: inputs to int8, sums to outputs.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/linear_int4/linear_int4_elements_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/linear_int4/int4_tile.h"
#include "kernels/ops/linear_int4/linear_int4.h"
#include "kernels/simd/activation-inl.h"
#include "kernels/simd/row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

// A group of x to bytes, its scale and the sum of its bytes (linear_int4.h). `n` is a multiple of 32.
void QuantiseGroup(const float* x, size_t n, int8_t* a, float* s, int32_t* sum) {
  const hn::ScalableTag<float> d;
  const hn::RebindToSigned<decltype(d)> di;
  const hn::Rebind<int8_t, decltype(d)> d8;
  constexpr size_t kLanes = hn::MaxLanes(hn::ScalableTag<float>());
  // The order of magnitudes is that of their bits, infinity and NaN above them all.
  auto largest = hn::Zero(di);
  for (size_t i = 0; i < n; i += kLanes) {
    largest = hn::Max(largest, hn::And(hn::BitCast(di, hn::LoadU(d, x + i)), hn::Set(di, 0x7fffffff)));
  }
  const float amax = std::bit_cast<float>(hn::GetLane(hn::MaxOfLanes(di, largest)));
  if (!(amax < std::numeric_limits<float>::infinity())) {
    std::memset(a, 0, n);
    *s = std::numeric_limits<float>::quiet_NaN(), *sum = 0;
    return;
  }
  const bool nothing = amax < 0x1p-100f;
  const auto inverse = hn::Set(d, nothing ? 0 : 127.0f / amax);
  auto total = hn::Zero(di);
  for (size_t i = 0; i < n; i += kLanes) {
    const auto rounded = hn::NearestInt(hn::Mul(hn::LoadU(d, x + i), inverse));
    total = hn::Add(total, rounded);
    hn::StoreU(hn::DemoteTo(d8, rounded), d8, a + i);
  }
  *s = nothing ? 0 : amax / 127.0f, *sum = hn::GetLane(hn::SumOfLanes(di, total));
}

template <class T>
void QuantiseRow(const T* x, size_t in, size_t group, int8_t* a, float* s, int32_t* sums) {
  HWY_ALIGN float wide[128];
  for (size_t g = 0; g < in / group; ++g) {
    const T* from = x + g * group;
    if constexpr (std::is_same_v<T, float>) {
      QuantiseGroup(from, group, a + g * group, s + g, sums + g);
    } else {
      for (size_t k = 0; k < group; ++k) wide[k] = static_cast<float>(ToDouble(from[k]));
      QuantiseGroup(wide, group, a + g * group, s + g, sums + g);
    }
  }
}

void QuantiseInt4(const TensorView& x, size_t row, size_t group, int8_t* a, float* s, int32_t* sums) {
  DispatchFloat(x.dtype, [&](auto type) {
    const auto in = static_cast<size_t>(x.size(-1));
    QuantiseRow(x.In<decltype(type)>() + row * in, in, group, a, s, sums);
  });
}

// Sums of `rows` x `columns` outputs, 32 apart, to y.
template <class T>
void Finish(const ComputeType<T>* sums, size_t rows, size_t columns, const T* bias, Activation activation, T* y,
            size_t width) {
  const hn::ScalableTag<ComputeType<T>> d;
  for (size_t r = 0; r < rows; ++r) {
    Map(d, columns, y + r * width, [&](auto at) HWY_ATTR {
      auto v = at(sums + r * kInt4Columns);
      if (bias != nullptr) v = hn::Add(v, at(bias));
      return activation == Activation::kNone ? v : Activate(d, activation, RoundTo<T>(d, v));
    });
  }
}

void FinishInt4(const void* sums, size_t row, size_t rows, size_t column, size_t columns, const TensorView* bias,
                Activation activation, const TensorView& y) {
  DispatchFloat(y.dtype, [&](auto type) {
    using T = decltype(type);
    const auto width = static_cast<size_t>(y.size(-1));
    Finish<T>(static_cast<const ComputeType<T>*>(sums), rows, columns,
              bias == nullptr ? nullptr : bias->In<T>() + column, activation, y.Out<T>() + row * width + column, width);
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(QuantiseInt4);
HWY_EXPORT(FinishInt4);

void LinearInt4Quantise(const TensorView& x, size_t row, size_t group, int8_t* a, float* s, int32_t* sums) {
  HWY_DYNAMIC_DISPATCH(QuantiseInt4)(x, row, group, a, s, sums);
}

void LinearInt4Finish(const void* sums, size_t row, size_t rows, size_t column, size_t columns, const TensorView* bias,
                      Activation activation, const TensorView& y) {
  HWY_DYNAMIC_DISPATCH(FinishInt4)(sums, row, rows, column, columns, bias, activation, y);
}

}  // namespace strata
#endif  // HWY_ONCE
