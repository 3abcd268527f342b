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

#include "kernels/core/scalar.h"
#include "kernels/simd/row-inl.h"
#include "kernels/simd/square-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

// Up to a vector of outputs: sums[r * stride + j] = sum over k of a[k * kRows + r] * b[j * across + k] for j < count.
// Squares of B are turned in registers.
template <size_t kRows, class D, class T, class F>
HWY_NOINLINE void DotColumns(D d, const F* HWY_RESTRICT a, const T* HWY_RESTRICT b, size_t across, size_t count,
                             size_t k, F* HWY_RESTRICT sums, size_t stride) {
  constexpr size_t kLanes = hn::MaxLanes(D());
  const T* from[kLanes];
  for (size_t j = 0; j < kLanes; ++j) from[j] = b + std::min(j, count - 1) * across;
  hn::Vec<D> total[kRows];
  for (size_t r = 0; r < kRows; ++r) total[r] = hn::Zero(d);
  for (size_t block = 0; block < k; block += kSumBlock) {
    const size_t end = std::min(k, block + kSumBlock);
    hn::Vec<D> acc[kRows];
    STRATA_UNROLL
    for (size_t r = 0; r < kRows; ++r) acc[r] = hn::Zero(d);
    size_t i = block;
    for (; i + kLanes <= end; i += kLanes) {
      hn::Vec<D> v[kLanes];
      STRATA_UNROLL
      for (size_t j = 0; j < kLanes; ++j) v[j] = Read(d, from[j] + i);
      TransposeSquare(d, v);
      STRATA_UNROLL
      for (size_t j = 0; j < kLanes; ++j) {
        STRATA_UNROLL
        for (size_t r = 0; r < kRows; ++r) acc[r] = hn::MulAdd(hn::Set(d, a[(i + j) * kRows + r]), v[j], acc[r]);
      }
    }
    for (; i < end; ++i) {
      HWY_ALIGN F column[kLanes];
      for (size_t j = 0; j < kLanes; ++j) column[j] = static_cast<F>(ToDouble(from[j][i]));
      for (size_t r = 0; r < kRows; ++r) {
        acc[r] = hn::MulAdd(hn::Set(d, a[i * kRows + r]), hn::Load(d, column), acc[r]);
      }
    }
    STRATA_UNROLL
    for (size_t r = 0; r < kRows; ++r) total[r] = block == 0 ? acc[r] : hn::Add(total[r], acc[r]);
  }
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
