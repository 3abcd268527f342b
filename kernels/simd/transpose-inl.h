// Transposed copies of tiles, for elements of 2, 4 or 8 bytes: y[r][c] = x[c][r], exact bits. Vectors of 16 bytes only,
// so a file that includes it needs no run-time dispatch.
//
//   TransposeTile<uint32_t>(x, x_step, rows, columns, y, y_step);                     // any sizes
//   TransposeFullTile<uint32_t, /*kStream=*/true>(x, x_step, next, y, y_step);        // kTransposeTile by
//   kTransposeTile
#if defined(STRATA_KERNELS_SIMD_TRANSPOSE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_TRANSPOSE_INL_H_
#undef STRATA_KERNELS_SIMD_TRANSPOSE_INL_H_
#else
#define STRATA_KERNELS_SIMD_TRANSPOSE_INL_H_
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Four cache lines either way: every line that is read or written is used whole while it is near.
template <class U>
inline constexpr int64_t kTransposeTile = 256 / sizeof(U);
template <class U>
inline constexpr size_t kTransposeBlock = 16 / sizeof(U);

// v[r] lane c becomes v[c] lane r: log2(n) perfect shuffles.
template <class U, class V>
HWY_INLINE void TransposeBlock(V (&v)[kTransposeBlock<U>]) {
  constexpr size_t kN = kTransposeBlock<U>;
  const hn::FixedTag<U, kN> d;
  for (size_t step = 1; step < kN; step *= 2) {
    V next[kN];
    for (size_t i = 0; i < kN / 2; ++i) {
      next[2 * i] = hn::InterleaveLower(d, v[i], v[i + kN / 2]);
      next[2 * i + 1] = hn::InterleaveUpper(d, v[i], v[i + kN / 2]);
    }
    for (size_t i = 0; i < kN; ++i) v[i] = next[i];
  }
}

// y[r * y_step + c] = x[c * x_step + r] for r < rows, c < columns.
template <class U>
void TransposeTile(const U* x, int64_t x_step, int64_t rows, int64_t columns, U* y, int64_t y_step) {
  constexpr int64_t kN = kTransposeBlock<U>;
  const hn::FixedTag<U, kTransposeBlock<U>> d;
  const int64_t full_rows = rows / kN * kN, full_columns = columns / kN * kN;
  for (int64_t r = 0; r < full_rows; r += kN) {
    for (int64_t c = 0; c < full_columns; c += kN) {
      hn::Vec<decltype(d)> v[kN];
      for (int64_t i = 0; i < kN; ++i) v[i] = hn::LoadU(d, x + (c + i) * x_step + r);
      TransposeBlock<U>(v);
      for (int64_t i = 0; i < kN; ++i) hn::StoreU(v[i], d, y + (r + i) * y_step + c);
    }
  }
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = r < full_rows ? full_columns : 0; c < columns; ++c) y[r * y_step + c] = x[c * x_step + r];
  }
}

// The same for a whole tile. It is gathered first: rows that lie a power of two apart would push each other out of the
// cache. Meanwhile the tile at `next_x` (nullptr: none), which goes to next_y, is called into the second cache: that
// doubles the speed of large transpositions. With kStream the output passes the caches by; REQUIRES: then every row of
// y is a multiple of 64.
template <class U, bool kStream>
void TransposeFullTile(const U* x, int64_t x_step, U* y, int64_t y_step, const U* next_x, U* next_y) {
  constexpr int64_t kTile = kTransposeTile<U>, kN = kTransposeBlock<U>, kLine = 64 / sizeof(U);
  constexpr int64_t kRow = kTile + kLine;  // one line more, so that columns spread over the cache's sets
  constexpr int64_t kSteps = kTile / kN * (kTile / kLine), kCalls = kTile * 4 / kSteps;
  const hn::FixedTag<U, kTransposeBlock<U>> d;
  alignas(64) U gathered[kTile * kRow];
  for (int64_t c = 0; c < kTile; ++c) std::memcpy(gathered + c * kRow, x + c * x_step, 256);
  int64_t called = 0;
  for (int64_t r = 0; r < kTile; r += kN) {
    for (int64_t line = 0; line < kTile; line += kLine) {
      for (int64_t i = 0; next_x != nullptr && i < kCalls; ++i, ++called) {
        __builtin_prefetch(next_x + called / 4 * x_step + called % 4 * kLine, 0, 2);
        if constexpr (!kStream) __builtin_prefetch(next_y + called / 4 * y_step + called % 4 * kLine, 1, 2);
      }
      hn::Vec<decltype(d)> v[4][kN];
      for (int64_t part = 0; part < 4; ++part) {
        const U* from = gathered + (line + part * kN) * kRow + r;
        for (int64_t i = 0; i < kN; ++i) v[part][i] = hn::LoadU(d, from + i * kRow);
        TransposeBlock<U>(v[part]);
      }
      for (int64_t i = 0; i < kN; ++i) {
        U* to = y + (r + i) * y_step + line;
        for (int64_t part = 0; part < 4; ++part) {
          if constexpr (kStream) {
            hn::Stream(v[part][i], d, to + part * kN);
          } else {
            hn::StoreU(v[part][i], d, to + part * kN);
          }
        }
      }
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
