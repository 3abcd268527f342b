// Products with a few rows (decoding): B is read once, as it lies in memory, at the speed of memory, and the sums are
// gemm-inl.h's to the last bit: one chain along k for every output in blocks of kSumBlock, vectors across outputs.
// Included once per SIMD target, by gemm-inl.h.
//
//   DotColumns<4>(d, a, weight, k, /*count=*/16, k, sums);   // 4 rows, 16 outputs: rows of a weight [O, K]
#if defined(STRATA_KERNELS_SIMD_GEMM_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_GEMM_ROWS_INL_H_
#undef STRATA_KERNELS_SIMD_GEMM_ROWS_INL_H_
#else
#define STRATA_KERNELS_SIMD_GEMM_ROWS_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include "kernels/core/scalar.h"
#include "kernels/simd/row-inl.h"
#include "kernels/simd/square-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

// Numbers of T that lie in one of F: two halves in a float, else one.
template <class F, class T>
inline constexpr size_t kParts = sizeof(F) / sizeof(T);

// Number `part` of each word, the lower half first, in full width.
template <class T, class D>
HWY_INLINE hn::Vec<D> PartOf([[maybe_unused]] D d, hn::Vec<D> words, [[maybe_unused]] size_t part) {
  if constexpr (std::is_same_v<T, BF16>) {
    const hn::RebindToUnsigned<D> du;
    const auto u = hn::BitCast(du, words);
    return hn::BitCast(d, part == 0 ? hn::ShiftLeft<16>(u) : hn::And(u, hn::Set(du, 0xffff0000u)));
  } else if constexpr (std::is_same_v<T, F16>) {
    const hn::RebindToUnsigned<D> du;
    const hn::Rebind<uint16_t, D> d16;
    const hn::Rebind<hwy::float16_t, D> half;
    const auto u = hn::BitCast(du, words);
    return hn::PromoteTo(d, hn::BitCast(half, hn::TruncateTo(d16, part == 0 ? u : hn::ShiftRight<16>(u))));
  } else {
    return words;
  }
}

// How far ahead the rows of B are asked for, into the second-level cache: rows are often a power of two apart, so that
// these lines would push each other out of the first. Processors follow 16 rows at a time, but not across pages.
inline constexpr size_t kRowsAheadBytes = 1024;

// Where rows of B are to be asked for when they are read at `at`. At the end of these `lanes` rows the next ones
// follow; past the last of all nothing happens.
template <class T>
HWY_INLINE size_t AheadOf(size_t at, size_t k, size_t across, size_t lanes) {
  constexpr size_t kAhead = kRowsAheadBytes / sizeof(T);
  return at + kAhead < k ? at + kAhead : at + kAhead - k + lanes * across;
}

// A few rows of B from `at` on, asked for `ahead` too, with the first half of their turn.
template <class D, class T>
HWY_INLINE void ReadBlocks(D d, const T* const* from, size_t at, size_t ahead, hn::Vec<D>* v) {
  STRATA_UNROLL
  for (size_t j = 0; j < kBlockLanes<D>; ++j) {
    __builtin_prefetch(from[j] + ahead, /*rw=*/0, /*locality=*/2);
    v[j] = hn::LoadU(d, reinterpret_cast<const hn::TFromD<D>*>(from[j] + at));
  }
  TransposeBlocks(d, v);
}

// acc[r] += a few words of B times a's numbers.
template <size_t kRows, class T, class D, class F>
HWY_INLINE void AddWords(D d, const F* a, const hn::Vec<D>* v, hn::Vec<D>* acc) {
  STRATA_UNROLL
  for (size_t j = 0; j < kBlockLanes<D>; ++j) {
    STRATA_UNROLL
    for (size_t part = 0; part < kParts<F, T>; ++part) {
      const auto column = PartOf<T>(d, v[j], part);
      const F* at = a + (j * kParts<F, T> + part) * kRows;
      STRATA_UNROLL
      for (size_t r = 0; r < kRows; ++r) acc[r] = hn::MulAdd(hn::Set(d, at[r]), column, acc[r]);
    }
  }
}

// Up to a vector of outputs: sums[r * stride + j] = sum over k of a[k * kRows + r] * b[j * across + k] for j < count.
// Squares of words of B are turned in registers.
template <size_t kRows, class D, class T, class F>
HWY_NOINLINE void DotColumns(D d, const F* HWY_RESTRICT a, const T* HWY_RESTRICT b, size_t across, size_t count,
                             size_t k, F* HWY_RESTRICT sums, size_t stride) {
  constexpr size_t kLanes = hn::MaxLanes(D()), kGroup = kBlockLanes<D>, kWord = kParts<F, T>, kStep = kLanes * kWord;
  // Half of a turn is done among the multiply-adds before, where there are 32 registers: a processor looks ahead less
  // far than one turn.
  constexpr bool kEarly = kLanes * sizeof(F) == 64;
  const T* from[kLanes];
  for (size_t j = 0; j < kLanes; ++j) from[j] = b + std::min(j, count - 1) * across;
  hn::Vec<D> total[kRows], v[kLanes];
  if (kEarly && k >= kStep) {
    STRATA_UNROLL
    for (size_t j = 0; j < kLanes; j += kGroup) ReadBlocks(d, from + j, 0, AheadOf<T>(0, k, across, kLanes), v + j);
    TransposeAcross(d, v);
  }
  STRATA_UNROLL
  for (size_t r = 0; r < kRows; ++r) total[r] = hn::Zero(d);
  for (size_t block = 0; block < k; block += kSumBlock) {
    const size_t end = std::min(k, block + kSumBlock);
    hn::Vec<D> acc[kRows];
    STRATA_UNROLL
    for (size_t r = 0; r < kRows; ++r) acc[r] = hn::Zero(d);
    size_t i = block;
    for (; i + kStep <= end; i += kStep) {
      // The last square is read twice.
      const size_t at = kEarly && i + 2 * kStep <= k ? i + kStep : i, far = AheadOf<T>(at, k, across, kLanes);
      if constexpr (kEarly) {
        hn::Vec<D> next[kLanes];
        STRATA_UNROLL
        for (size_t j = 0; j < kLanes; j += kGroup) {
          AddWords<kRows, T>(d, a + (i + j * kWord) * kRows, v + j, acc);
          ReadBlocks(d, from + j, at, far, next + j);
        }
        TransposeAcross(d, next);
        STRATA_UNROLL
        for (size_t j = 0; j < kLanes; ++j) v[j] = next[j];
      } else {
        STRATA_UNROLL
        for (size_t j = 0; j < kLanes; j += kGroup) ReadBlocks(d, from + j, at, far, v + j);
        TransposeAcross(d, v);
        STRATA_UNROLL
        for (size_t j = 0; j < kLanes; j += kGroup) {
          AddWords<kRows, T>(d, a + (i + j * kWord) * kRows, v + j, acc);
        }
      }
    }
    for (; i < end; ++i) {
      HWY_ALIGN F column[kLanes];
      for (size_t j = 0; j < kLanes; ++j) column[j] = static_cast<F>(ToDouble(from[j][i]));
      STRATA_UNROLL
      for (size_t r = 0; r < kRows; ++r) {
        acc[r] = hn::MulAdd(hn::Set(d, a[i * kRows + r]), hn::Load(d, column), acc[r]);
      }
    }
    STRATA_UNROLL
    for (size_t r = 0; r < kRows; ++r) total[r] = block == 0 ? acc[r] : hn::Add(total[r], acc[r]);
  }
  STRATA_UNROLL
  for (size_t r = 0; r < kRows; ++r) hn::StoreU(total[r], d, sums + r * stride);
}

// The same where rows of B lie along n: sums[r * stride + j] = sum over k of a[k * kRows + r] * b[k * along + j] for
// kVectors whole vectors of outputs.
template <size_t kRows, size_t kVectors, class D, class T, class F>
HWY_NOINLINE void DotRows(D d, const F* HWY_RESTRICT a, const T* HWY_RESTRICT b, size_t along, size_t k,
                          F* HWY_RESTRICT sums, size_t stride) {
  constexpr size_t kLanes = hn::MaxLanes(D());
  for (size_t block = 0; block == 0 || block < k; block += kSumBlock) {
    hn::Vec<D> acc[kRows][kVectors];
    for (size_t r = 0; r < kRows; ++r) {
      STRATA_UNROLL
      for (size_t v = 0; v < kVectors; ++v) acc[r][v] = hn::Zero(d);
    }
    for (size_t i = block; i < std::min(k, block + kSumBlock); ++i) {
      hn::Vec<D> value[kRows];
      STRATA_UNROLL
      for (size_t r = 0; r < kRows; ++r) value[r] = hn::Set(d, a[i * kRows + r]);
      STRATA_UNROLL
      for (size_t v = 0; v < kVectors; ++v) {
        const auto at = Read(d, b + i * along + v * kLanes);
        STRATA_UNROLL
        for (size_t r = 0; r < kRows; ++r) acc[r][v] = hn::MulAdd(value[r], at, acc[r][v]);
      }
    }
    for (size_t r = 0; r < kRows; ++r) {
      STRATA_UNROLL
      for (size_t v = 0; v < kVectors; ++v) {
        F* at = sums + r * stride + v * kLanes;
        hn::StoreU(block == 0 ? acc[r][v] : hn::Add(hn::LoadU(d, at), acc[r][v]), d, at);
      }
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
