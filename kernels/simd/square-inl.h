// A square of vectors transposed in registers: v[i] lane j becomes v[j] lane i. Included once per SIMD target. For
// copies from memory to memory see transpose-inl.h.
//
//   hn::Vec<D> v[hn::MaxLanes(D())];   // row i of a matrix in v[i]
//   TransposeSquare(d, v);             // column j in v[j]
#if defined(STRATA_KERNELS_SIMD_SQUARE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_SQUARE_INL_H_
#undef STRATA_KERNELS_SIMD_SQUARE_INL_H_
#else
#define STRATA_KERNELS_SIMD_SQUARE_INL_H_
#endif

#include <hwy/highway.h>

#include <cstddef>

#include "kernels/simd/row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

// As many rows as a 16-byte block has numbers: in every block of v[j] comes what these rows have at j of that block.
template <class D>
inline constexpr size_t kBlockLanes = 16 / sizeof(hn::TFromD<D>);
template <class D>
HWY_INLINE void TransposeBlocks([[maybe_unused]] D d, hn::Vec<D>* v) {
  if constexpr (kBlockLanes<D> == 4) {
    const hn::RepartitionToWide<D> dw;
    const auto ab_low = hn::BitCast(dw, hn::InterleaveLower(d, v[0], v[1]));
    const auto ab_high = hn::BitCast(dw, hn::InterleaveUpper(d, v[0], v[1]));
    const auto ce_low = hn::BitCast(dw, hn::InterleaveLower(d, v[2], v[3]));
    const auto ce_high = hn::BitCast(dw, hn::InterleaveUpper(d, v[2], v[3]));
    v[0] = hn::BitCast(d, hn::InterleaveLower(dw, ab_low, ce_low));
    v[1] = hn::BitCast(d, hn::InterleaveUpper(dw, ab_low, ce_low));
    v[2] = hn::BitCast(d, hn::InterleaveLower(dw, ab_high, ce_high));
    v[3] = hn::BitCast(d, hn::InterleaveUpper(dw, ab_high, ce_high));
  } else {
    const auto low = hn::InterleaveLower(d, v[0], v[1]);
    v[1] = hn::InterleaveUpper(d, v[0], v[1]);
    v[0] = low;
  }
}

// The rest of a square, once its rows went through TransposeBlocks.
template <class D>
HWY_INLINE void TransposeAcross([[maybe_unused]] D d, hn::Vec<D>* v) {
  constexpr size_t kBlock = kBlockLanes<D>, kBlocks = hn::MaxLanes(D()) / kBlock;
  if constexpr (kBlocks == 2) {
    STRATA_UNROLL
    for (size_t j = 0; j < kBlock; ++j) {
      const auto low = hn::ConcatLowerLower(d, v[kBlock + j], v[j]);
      v[kBlock + j] = hn::ConcatUpperUpper(d, v[kBlock + j], v[j]);
      v[j] = low;
    }
  } else if constexpr (kBlocks == 4) {
    STRATA_UNROLL
    for (size_t j = 0; j < kBlock; ++j) {
      // A square of four blocks: swap odd and even ones of neighbours, then halves.
      hn::Vec<D>&a = v[j], &b = v[kBlock + j], &c = v[2 * kBlock + j], &e = v[3 * kBlock + j];
      const auto ab_even = hn::OddEvenBlocks(hn::SwapAdjacentBlocks(b), a);
      const auto ab_odd = hn::OddEvenBlocks(b, hn::SwapAdjacentBlocks(a));
      const auto ce_even = hn::OddEvenBlocks(hn::SwapAdjacentBlocks(e), c);
      const auto ce_odd = hn::OddEvenBlocks(e, hn::SwapAdjacentBlocks(c));
      a = hn::ConcatLowerLower(d, ce_even, ab_even);
      b = hn::ConcatLowerLower(d, ce_odd, ab_odd);
      c = hn::ConcatUpperUpper(d, ce_even, ab_even);
      e = hn::ConcatUpperUpper(d, ce_odd, ab_odd);
    }
  }
}

template <class D>
HWY_INLINE void TransposeSquare(D d, hn::Vec<D>* v) {
  constexpr size_t kBlock = kBlockLanes<D>, kBlocks = hn::MaxLanes(D()) / kBlock;
  TransposeBlocks(d, v);
  if constexpr (kBlocks >= 2) TransposeBlocks(d, v + kBlock);
  if constexpr (kBlocks == 4) {
    TransposeBlocks(d, v + 2 * kBlock);
    TransposeBlocks(d, v + 3 * kBlock);
  }
  TransposeAcross(d, v);
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
