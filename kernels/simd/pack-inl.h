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

// `kWidth` numbers that follow each other: as many at a time as a vector has, then half as many, ...
template <size_t kWidth, class T, class F>
HWY_INLINE void CopyNumbers(const T* HWY_RESTRICT source, F* HWY_RESTRICT out) {
  const hn::CappedTag<F, kWidth> d;
  constexpr size_t kLanes = hn::MaxLanes(decltype(d)()), kWhole = kWidth / kLanes * kLanes;
  STRATA_UNROLL
  for (size_t i = 0; i < kWhole; i += kLanes) hn::StoreU(Read(d, source + i), d, out + i);
  if constexpr (kWhole < kWidth) CopyNumbers<kWidth - kWhole>(source + kWhole, out + kWhole);
}

// How many rows ahead a source is asked for, into the second-level cache: its rows are far apart, where processors do
// not follow by themselves.
inline constexpr size_t kPackAhead = 16;

// `bytes` of each of four rows of the source, `along` apart.
template <class T>
HWY_INLINE void CallFourRows(const T* source, size_t along, size_t bytes) {
  for (size_t j = 0; j < 4; ++j) {
    const auto* row = reinterpret_cast<const std::byte*>(source + j * along);
    for (size_t line = 0; line < bytes; line += 64) __builtin_prefetch(row + line, /*rw=*/0, /*locality=*/2);
    __builtin_prefetch(row + bytes - 1, /*rw=*/0, /*locality=*/2);
  }
}

// across == 1: `i` runs along the source's rows. `panels` panels side by side, out[p * steps * kWidth + k * kWidth +
// i], four steps of each at a time, so that their lines are written at once.
template <size_t kWidth, class T, class F>
HWY_NOINLINE void PackStraight(const T* source, size_t along, size_t panels, size_t steps, F* out) {
  size_t k = 0;
  for (; k + 4 <= steps; k += 4) {
    if (k + kPackAhead + 4 <= steps)
      CallFourRows(source + (k + kPackAhead) * along, along, panels * kWidth * sizeof(T));
    for (size_t p = 0; p < panels; ++p) {
      const T* from = source + k * along + p * kWidth;
      F* to = out + (p * steps + k) * kWidth;
      STRATA_UNROLL
      for (size_t j = 0; j < 4; ++j) CopyNumbers<kWidth>(from + j * along, to + j * kWidth);
    }
  }
  for (; k < steps; ++k) {
    for (size_t p = 0; p < panels; ++p) {
      CopyNumbers<kWidth>(source + k * along + p * kWidth, out + (p * steps + k) * kWidth);
    }
  }
}

// The same for a panel that is not full.
template <size_t kWidth, class T, class F>
HWY_INLINE void PackSome(const T* source, size_t along, size_t count, size_t steps, F* out) {
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
  } else if (across == 1 && count == kWidth) {
    PackStraight<kWidth>(source, along, /*panels=*/1, steps, out);
  } else if (across == 1) {
    PackSome<kWidth>(source, along, count, steps, out);
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
