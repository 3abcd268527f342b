// A few rows of int8 times a weight as it lies in memory: vectors run along k, since sums of integers are exact in any
// order. Included between HWY_PUSH_ATTRIBUTES and HWY_POP_ATTRIBUTES; see tile_avx512-inl.h.
//
// Dot has Vec and kBytes; Read, ReadN (zeros beyond); Zero; Weights(b): what Add takes; Add(sum, weights, a); Fold, and
// Fold of four vectors at once; and kOffset: Weights' numbers are so much too large (if any, Ones: weights of 1).
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
// A block of A along k, all its rows together: half of the first-level cache. Read again from the second one for every
// few columns, A would take the way that B has to come.
inline constexpr size_t kRowsBlock = size_t{16} << 10;
// B is asked for, into the second-level cache, so far ahead in each column that is read;
inline constexpr size_t kRowsAhead = 8192;
// but where a column's run is no longer than this, too short for the processor to follow several by turns, ...
inline constexpr size_t kShortRun = 2048;
// ... by so many bytes of columns, which go through the blocks together, while the ones before are read: in the order
// of the memory.
inline constexpr size_t kRowsStripe = size_t{64} << 10;

// totals[i] += the sum of kept[i]'s lanes.
template <class Dot, size_t kCount>
__attribute__((noinline)) void FoldAll(const typename Dot::Vec* kept, uint32_t* totals) {
#pragma GCC unroll 8
  for (size_t i = 0; i < kCount; i += 4) {
    auto* const at = reinterpret_cast<__m128i*>(totals + i);
    const __m128i folded = Dot::Fold(kept[i], kept[i + 1], kept[i + 2], kept[i + 3]);
    _mm_storeu_si128(at, _mm_add_epi32(_mm_loadu_si128(at), folded));
  }
}

// `bytes` of k: all rows of A, which lie in turns, and columns of B, `across` apart.
struct Int8Block {
  const int8_t *a, *b;
  size_t bytes, across, columns;
  const int8_t* ahead;  // what follows these columns in B
};

// What Dot::kOffset adds to each row's sums.
template <class Dot, size_t kRows>
void AddExcess(const Int8Block& block, uint32_t* excess) {
  if constexpr (Dot::kOffset != 0) {
    typename Dot::Vec sum[kRows];
#pragma GCC unroll 8
    for (size_t r = 0; r < kRows; ++r) sum[r] = Dot::Zero();
    for (size_t k = 0; k < block.bytes; k += Dot::kBytes) {
#pragma GCC unroll 8
      for (size_t r = 0; r < kRows; ++r) {
        sum[r] = Dot::Add(sum[r], Dot::Ones(), Dot::Read(block.a + (k / 64 * kRows + r) * 64 + k % 64));
      }
    }
    for (size_t r = 0; r < kRows; ++r) excess[r] += Dot::kOffset * static_cast<uint32_t>(Dot::Fold(sum[r]));
  }
}

// totals[c * kRows + r] += row r times column c.
template <class Dot, size_t kRows, bool kAhead>
__attribute__((noinline)) void AddBlock(const Int8Block& block, uint32_t* totals) {
  constexpr size_t kStreams = StreamsOf<Dot>(kRows), kFurther = kRowsAhead / kStreams;
  const int8_t *const rows = block.a, *ahead = block.ahead;
  const size_t bytes = block.bytes, columns = block.columns, across = block.across;
  const auto a = [&](size_t r, size_t k) { return Dot::Read(rows + (k / 64 * kRows + r) * 64 + k % 64); };
  for (size_t c = 0; c < columns; c += kStreams) {
    const int8_t* b[kStreams];
    for (size_t j = 0; j < kStreams; ++j) b[j] = block.b + std::min(c + j, columns - 1) * across;
    typename Dot::Vec acc[kStreams][kRows];
#pragma GCC unroll 8
    for (size_t j = 0; j < kStreams; ++j) {
#pragma GCC unroll 8
      for (size_t r = 0; r < kRows; ++r) acc[j][r] = Dot::Zero();
    }
    size_t k = 0;
    for (; k + Dot::kBytes <= bytes; k += Dot::kBytes) {
      const size_t further = k + kFurther < bytes ? k + kFurther : k + kFurther - bytes + kStreams * across;
      typename Dot::Vec weights[kStreams];
#pragma GCC unroll 8
      for (size_t j = 0; j < kStreams; ++j) {
        const int8_t* const wanted = kAhead ? ahead + j * Dot::kBytes : b[j] + further;
        _mm_prefetch(reinterpret_cast<const char*>(wanted), _MM_HINT_T1);
        weights[j] = Dot::Weights(Dot::Read(b[j] + k));
      }
      if (kAhead) ahead += kStreams * Dot::kBytes;
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
    // Folded out of line: g++ would have no registers left for the sums.
    typename Dot::Vec kept[kStreams * kRows];
#pragma GCC unroll 8
    for (size_t j = 0; j < kStreams; ++j) {
#pragma GCC unroll 8
      for (size_t r = 0; r < kRows; ++r) kept[j * kRows + r] = acc[j][r];
    }
    FoldAll<Dot, kStreams * kRows>(kept, totals + c * kRows);
  }
}

template <class Dot, size_t kRows>
void RowsOfInt8(const DotRows& product, size_t column, size_t columns, uint32_t* sums) {
  constexpr size_t kStreams = StreamsOf<Dot>(kRows), kBlock = kRowsBlock / kRows;
  const size_t bytes = product.bytes;
  const size_t most = std::max<size_t>(1, kRowsStripe / (bytes * kStreams + 1)) * kStreams;
  uint32_t excess[kRows] = {};
  for (size_t first = 0, count; first < columns; first += count) {
    count = std::min(most, columns - first);
    const int8_t* const b = static_cast<const int8_t*>(product.b) + (column + first) * bytes;
    uint32_t totals[(kPanelColumns + kStreams) * kRows] = {};
    for (size_t k = 0; k < bytes; k += kBlock) {
      const Int8Block block{static_cast<const int8_t*>(product.a) + k * kRows,
                            b + k,
                            std::min(kBlock, bytes - k),
                            bytes,
                            count,
                            b + count * (bytes + k)};
      if (first == 0) AddExcess<Dot, kRows>(block, excess);
      (std::min(kBlock, bytes) <= kShortRun ? AddBlock<Dot, kRows, true> : AddBlock<Dot, kRows, false>)(block, totals);
    }
    // Beyond the last row are zeros, for which there is room.
    for (size_t c = 0; c < count; ++c) {
#pragma GCC unroll 8
      for (size_t r = 0; r < kRows; ++r) sums[r * kPanelColumns + first + c] = totals[c * kRows + r] - excess[r];
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
  STRATA_DOT_INLINE static __m128i Half(Vec v) {
    return _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  }
  STRATA_DOT_INLINE static __m128i Fold(Vec v0, Vec v1, Vec v2, Vec v3) {
    return Half(_mm256_hadd_epi32(_mm256_hadd_epi32(v0, v1), _mm256_hadd_epi32(v2, v3)));
  }
  STRATA_DOT_INLINE static int32_t Fold(Vec v) {
    const __m128i four = Half(v);
    const __m128i two = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0xb1)));
  }
};

}  // namespace
}  // namespace strata
