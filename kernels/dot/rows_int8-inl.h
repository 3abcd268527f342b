// A few rows of int8 times a weight as it lies in memory: vectors run along k, since sums of integers are exact in any
// order. Included between HWY_PUSH_ATTRIBUTES and HWY_POP_ATTRIBUTES; see tile_avx512-inl.h.
//
// Dot has Vec and kBytes; Read, ReadN (zeros beyond); Zero; Weights(b): what Add takes; Add(sum, weights, a); Fold; and
// kOffset: Weights' numbers are so much too large (if any, Ones: weights of 1).
#pragma once

#include "kernels/dot/dot_rows.h"
#include "kernels/dot/x86.h"

namespace strata {
namespace {

// Rows of the weight that are read side by side: memory likes several streams, but sums have to stay in registers.
template <class Dot>
constexpr size_t StreamsOf(size_t rows) {
  return std::clamp<size_t>(Dot::kSums / rows, 1, 8);
}
// How far ahead the weight is asked for, into the second-level cache, by all streams together.
inline constexpr size_t kRowsAhead = 8192;

template <class Dot, size_t kRows>
void RowsOfInt8(const DotRows& product, size_t column, size_t columns, uint32_t* sums) {
  constexpr size_t kStreams = StreamsOf<Dot>(kRows), kAhead = kRowsAhead / kStreams;
  const size_t bytes = product.bytes;
  const auto a = [&](size_t r, size_t k) {
    return Dot::Read(static_cast<const int8_t*>(product.a) + (k / 64 * kRows + r) * 64 + k % 64);
  };
  uint32_t excess[kRows] = {};
  if constexpr (Dot::kOffset != 0) {
    for (size_t r = 0; r < kRows; ++r) {
      auto sum = Dot::Zero();
      for (size_t k = 0; k < bytes; k += Dot::kBytes) sum = Dot::Add(sum, Dot::Ones(), a(r, k));
      excess[r] = Dot::kOffset * static_cast<uint32_t>(Dot::Fold(sum));
    }
  }
  for (size_t c = 0; c < columns; c += kStreams) {
    const int8_t* b[kStreams];
    for (size_t j = 0; j < kStreams; ++j) {
      b[j] = static_cast<const int8_t*>(product.b) + (column + std::min(c + j, columns - 1)) * bytes;
    }
    typename Dot::Vec acc[kStreams][kRows];
#pragma GCC unroll 8
    for (size_t j = 0; j < kStreams; ++j) {
#pragma GCC unroll 8
      for (size_t r = 0; r < kRows; ++r) acc[j][r] = Dot::Zero();
    }
    size_t k = 0;
    for (; k + Dot::kBytes <= bytes; k += Dot::kBytes) {
      const size_t ahead = k + kAhead < bytes ? k + kAhead : k + kAhead + (kStreams - 1) * bytes;
      typename Dot::Vec weights[kStreams];
#pragma GCC unroll 8
      for (size_t j = 0; j < kStreams; ++j) {
        _mm_prefetch(reinterpret_cast<const char*>(b[j] + ahead), _MM_HINT_T1);
        weights[j] = Dot::Weights(Dot::Read(b[j] + k));
      }
      // A vector of A is read once for all streams: there is one such read a cycle, as there is one multiply-add. (Left
      // to itself g++ reads it again for each.)
#pragma GCC unroll 8
      for (size_t r = 0; r < kRows; ++r) {
        auto row = a(r, k);
        __asm__("" : "+v"(row));
#pragma GCC unroll 8
        for (size_t j = 0; j < kStreams; ++j) acc[j][r] = Dot::Add(acc[j][r], weights[j], row);
      }
    }
    if (k < bytes) {
#pragma GCC unroll 8
      for (size_t j = 0; j < kStreams; ++j) {
        const auto weights = Dot::Weights(Dot::ReadN(b[j] + k, bytes - k));
#pragma GCC unroll 8
        for (size_t r = 0; r < kRows; ++r) acc[j][r] = Dot::Add(acc[j][r], weights, a(r, k));
      }
    }
#pragma GCC unroll 8
    for (size_t j = 0; j < kStreams; ++j) {
#pragma GCC unroll 8
      for (size_t r = 0; r < kRows; ++r) {
        // Beyond the last column and row are copies of these.
        const uint32_t sum = static_cast<uint32_t>(Dot::Fold(acc[j][r])) - excess[r];
        if (c + j < columns && r < product.rows) sums[r * kPanelColumns + c + j] = sum;
      }
    }
  }
}

template <class Dot>
void RowsInt8(const DotRows& product, size_t column, size_t columns, uint32_t* sums) {
  if (product.rows > 4) return RowsOfInt8<Dot, 8>(product, column, columns, sums);
  if (product.rows > 2) return RowsOfInt8<Dot, 4>(product, column, columns, sums);
  (product.rows > 1 ? RowsOfInt8<Dot, 2> : RowsOfInt8<Dot, 1>)(product, column, columns, sums);
}

// 256 bits: what AVX2 and AVX-VNNI share.
struct Rows256 {
  using Vec = __m256i;
  static constexpr size_t kBytes = 32, kSums = 8;
  STRATA_DOT_INLINE static Vec Zero() { return _mm256_setzero_si256(); }
  STRATA_DOT_INLINE static Vec Read(const int8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
  STRATA_DOT_INLINE static Vec ReadN(const int8_t* p, size_t n) {
    alignas(32) int8_t bytes[kBytes] = {};
    std::memcpy(bytes, p, n);
    return Read(bytes);
  }
  STRATA_DOT_INLINE static int32_t Fold(Vec v) {
    const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    const __m128i two = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0xb1)));
  }
};

}  // namespace
}  // namespace strata
