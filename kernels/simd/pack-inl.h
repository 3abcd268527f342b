// Packing a strip of a matrix into a panel: out[k * kWidth + i] = source[i * across + k * along], widened to the type
// that is computed in, zeros where i >= count. Included once per SIMD target.
//
//   PackPanel<32>(weight, /*across=*/k, /*along=*/1, /*count=*/32, k, panel);  // 32 rows of a weight, transposed
#if defined(STRATA_KERNELS_SIMD_PACK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_PACK_INL_H_
#undef STRATA_KERNELS_SIMD_PACK_INL_H_
#else
#define STRATA_KERNELS_SIMD_PACK_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>

#include "kernels/core/scalar.h"
#include "kernels/simd/row-inl.h"
#include "kernels/simd/square-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Rows of the source from `i` on, as many at a time as D has lanes, then half as many, ...; returns those that are
// left.
template <size_t kWidth, class D, class T, class F>
HWY_INLINE size_t PackSquares(D d, const T* source, size_t across, size_t i, size_t count, size_t steps, F* out) {
  constexpr size_t kSquare = hn::MaxLanes(D());
  for (; i + kSquare <= count; i += kSquare) {
    size_t k = 0;
    for (; k + kSquare <= steps; k += kSquare) {
      hn::Vec<D> v[kSquare];
      STRATA_UNROLL
      for (size_t j = 0; j < kSquare; ++j) v[j] = Read(d, source + (i + j) * across + k);
      TransposeSquare(d, v);
      STRATA_UNROLL
      for (size_t j = 0; j < kSquare; ++j) hn::StoreU(v[j], d, out + (k + j) * kWidth + i);
    }
    for (; k < steps; ++k) {
      for (size_t j = i; j < i + kSquare; ++j) {
        out[k * kWidth + j] = static_cast<F>(ToDouble(source[j * across + k]));
      }
    }
  }
  if constexpr (kSquare * sizeof(F) > 16) {
    return PackSquares<kWidth>(hn::CappedTag<F, kSquare / 2>(), source, across, i, count, steps, out);
  }
  return i;
}

// along == 1: `i` runs down the source's rows.
template <size_t kWidth, class T, class F>
HWY_INLINE void PackTransposed(const T* source, size_t across, size_t count, size_t steps, F* out) {
  size_t i = 0;
  if constexpr (kWidth * sizeof(F) >= 16) {
    i = PackSquares<kWidth>(hn::CappedTag<F, kWidth>(), source, across, 0, count, steps, out);
  }
  for (; i < count; ++i) {
    for (size_t k = 0; k < steps; ++k) out[k * kWidth + i] = static_cast<F>(ToDouble(source[i * across + k]));
  }
}

// across == 1: `i` runs along the source's rows.
template <size_t kWidth, class T, class F>
HWY_INLINE void PackStraight(const T* source, size_t along, size_t count, size_t steps, F* out) {
  const hn::CappedTag<F, kWidth> d;
  constexpr size_t kLanes = hn::MaxLanes(decltype(d)());
  for (size_t k = 0; k < steps; ++k) {
    size_t i = 0;
    for (; i + kLanes <= count; i += kLanes) hn::StoreU(Read(d, source + k * along + i), d, out + k * kWidth + i);
    for (; i < count; ++i) out[k * kWidth + i] = static_cast<F>(ToDouble(source[k * along + i]));
  }
}

template <size_t kWidth, class T, class F>
HWY_NOINLINE void PackPanel(const T* source, size_t across, size_t along, size_t count, size_t steps, F* out) {
  if (along == 1) {
    // By blocks of steps, so that the panel's part stays in the first-level cache while its rows are filled.
    constexpr size_t kBlock = 64;
    for (size_t k = 0; k < steps; k += kBlock) {
      PackTransposed<kWidth>(source + k, across, count, std::min(kBlock, steps - k), out + k * kWidth);
    }
  } else if (across == 1) {
    PackStraight<kWidth>(source, along, count, steps, out);
  } else {
    for (size_t k = 0; k < steps; ++k) {
      for (size_t i = 0; i < count; ++i) {
        out[k * kWidth + i] = static_cast<F>(ToDouble(source[i * across + k * along]));
      }
    }
  }
  for (size_t k = 0; k < steps && count < kWidth; ++k) {
    std::fill(out + k * kWidth + count, out + (k + 1) * kWidth, F(0));
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // STRATA_KERNELS_SIMD_PACK_INL_H_
