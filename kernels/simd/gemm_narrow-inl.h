// Products of tens of rows with a weight as it lies in memory, [O, K]: roles change, so that nothing of the weight is
// packed. The weight's numbers are what goes to all lanes, rows of A lie along the vectors, and the small results are
// turned at the end. The sums are gemm-inl.h's to the last bit: one chain along k for every output in blocks of
// kSumBlock. Included once per SIMD target, by gemm-inl.h.
//
//   NarrowTile<12, 2>(d, weight, k, panel_of_x, k, sums);   // 12 outputs of 2 vectors of rows
#if defined(STRATA_KERNELS_SIMD_GEMM_NARROW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_GEMM_NARROW_INL_H_
#undef STRATA_KERNELS_SIMD_GEMM_NARROW_INL_H_
#else
#define STRATA_KERNELS_SIMD_GEMM_NARROW_INL_H_
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>

#include "kernels/simd/row-inl.h"
#include "kernels/simd/square-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

// sums[o * kPanel + i] = sum over k of weight[o * across + k] * x[k * kPanel + i] for kOuts outputs and kVectors
// vectors of rows.
template <size_t kOuts, size_t kVectors, size_t kPanel, class D, class T, class F>
HWY_NOINLINE void NarrowTile(D d, const T* weight, size_t across, const F* HWY_RESTRICT x, size_t k,
                             F* HWY_RESTRICT sums) {
  constexpr size_t kLanes = hn::MaxLanes(D()), kLine = 64 / sizeof(T);
  // Three rows from a pointer, at 0, 1 and 2 steps across: a pointer for each would not fit the registers.
  constexpr size_t kPointers = (kOuts + 2) / 3;
  const T* at[kPointers];
  STRATA_UNROLL
  for (size_t p = 0; p < kPointers; ++p) at[p] = weight + 3 * p * across;
  for (size_t block = 0; block == 0 || block < k; block += kSumBlock) {
    hn::Vec<D> acc[kOuts][kVectors];
    STRATA_UNROLL
    for (size_t o = 0; o < kOuts; ++o) {
      STRATA_UNROLL
      for (size_t v = 0; v < kVectors; ++v) acc[o][v] = hn::Zero(d);
    }
    for (size_t left = std::min(kSumBlock, k - block); left > 0;) {
      const size_t steps = std::min(left, kLine);
      STRATA_UNROLL
      for (size_t o = 0; o < kOuts; ++o) hwy::Prefetch(at[o / 3] + o % 3 * across + 4 * kLine);
      for (size_t s = 0; s < steps; ++s) {
        hn::Vec<D> columns[kVectors];
        STRATA_UNROLL
        for (size_t v = 0; v < kVectors; ++v) columns[v] = hn::LoadU(d, x + v * kLanes);
        STRATA_UNROLL
        for (size_t o = 0; o < kOuts; ++o) {
          const auto value = hn::Set(d, static_cast<F>(at[o / 3][o % 3 * across]));
          STRATA_UNROLL
          for (size_t v = 0; v < kVectors; ++v) acc[o][v] = hn::MulAdd(value, columns[v], acc[o][v]);
        }
        STRATA_UNROLL
        for (size_t p = 0; p < kPointers; ++p) ++at[p];
        x += kPanel;
      }
      left -= steps;
    }
    STRATA_UNROLL
    for (size_t o = 0; o < kOuts; ++o) {
      STRATA_UNROLL
      for (size_t v = 0; v < kVectors; ++v) {
        F* to = sums + o * kPanel + v * kLanes;
        hn::StoreU(block == 0 ? acc[o][v] : hn::Add(hn::LoadU(d, to), acc[o][v]), d, to);
      }
    }
  }
}

// Outputs of a turn: whole vectors, and whole tiles of 12, 6 or 16.
inline constexpr size_t kNarrowOuts = 48;

// sums[i * kNarrowOuts + o] for `count` rows of a panel of x and `outs` outputs. REQUIRES: outs <= kNarrowOuts.
template <size_t kOuts, size_t kPanel, class F>
HWY_NOINLINE void NarrowSums(const F* weight, size_t across, size_t outs, const F* x, size_t count, size_t k, F* sums) {
  const hn::ScalableTag<F> d;
  constexpr size_t kLanes = hn::MaxLanes(hn::ScalableTag<F>());
  HWY_ALIGN F turned[kNarrowOuts * kPanel];
  for (size_t o = 0; o < outs; o += kOuts) {
    for (size_t i = 0; i < count; i += 2 * kLanes) {
      F* const to = turned + o * kPanel + i;
      if (outs - o < kOuts) {
        for (size_t j = o; j < outs; ++j) {
          NarrowTile<1, 2, kPanel>(d, weight + j * across, across, x + i, k, turned + j * kPanel + i);
        }
      } else if (count - i <= kLanes) {
        NarrowTile<kOuts, 1, kPanel>(d, weight + o * across, across, x + i, k, to);
      } else {
        NarrowTile<kOuts, 2, kPanel>(d, weight + o * across, across, x + i, k, to);
      }
    }
  }
  for (size_t o = 0; o < outs; o += kLanes) {
    for (size_t i = 0; i < count; i += kLanes) {
      hn::Vec<decltype(d)> v[kLanes];
      STRATA_UNROLL
      for (size_t j = 0; j < kLanes; ++j) v[j] = hn::Load(d, turned + (o + j) * kPanel + i);
      TransposeSquare(d, v);
      STRATA_UNROLL
      for (size_t j = 0; j < kLanes; ++j) hn::Store(v[j], d, sums + (i + j) * kNarrowOuts + o);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
