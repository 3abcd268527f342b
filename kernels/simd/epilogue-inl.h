// What a dense layer does with its sums before they become outputs, for every product that ends in a layer: bias,
// activation, gate, residual. It rounds to the output's dtype where the unfused operators would, so that fusing changes
// speed alone. Included once per SIMD target.
//
//   Gemm<F>(context, shape, a, b, packed, partial, Epilogue<T>{.y = y, .width = n, .bias = bias});
#if defined(STRATA_KERNELS_SIMD_EPILOGUE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_EPILOGUE_INL_H_
#undef STRATA_KERNELS_SIMD_EPILOGUE_INL_H_
#else
#define STRATA_KERNELS_SIMD_EPILOGUE_INL_H_
#endif

#include <hwy/highway.h>

#include <cstddef>

#include "kernels/simd/activation-inl.h"
#include "kernels/simd/row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

// y = activation(sum + bias) * gate + residual. Pointers may be nullptr but for y. Of gate, residual, before and y the
// element [row, column] is at row * width + column.
template <class T>
struct Epilogue {
  T* y;
  size_t width;
  const T* bias = nullptr;
  Activation activation = Activation::kNone;
  const T* gate = nullptr;
  const T* residual = nullptr;
  T* before = nullptr;  // gets the sum and the bias, rounded

  // `at` is a place in the row (At or AtTail of row-inl.h).
  template <class D, class Place>
  HWY_INLINE void Put(D d, Place at, size_t row, hn::Vec<D> v) const {
    const size_t start = row * width;
    if (bias != nullptr) v = hn::Add(v, at(bias));
    if (before != nullptr) at.Put(v, before + start);
    if (activation != Activation::kNone) v = Activate(d, activation, RoundTo<T>(d, v));
    if (gate != nullptr) v = hn::Mul(RoundTo<T>(d, v), at(gate + start));
    if (residual != nullptr) v = hn::Add(RoundTo<T>(d, v), at(residual + start));
    at.Put(v, y + start);
  }

  // As Gemm calls it.
  template <class D>
  HWY_INLINE void operator()(D d, size_t row, size_t column, hn::Vec<D> sum, size_t count) const {
    if (count >= hn::MaxLanes(D())) {
      Put(d, At<D>{d, column}, row, sum);
    } else {
      Put(d, AtTail<D>{d, column, count}, row, sum);
    }
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
