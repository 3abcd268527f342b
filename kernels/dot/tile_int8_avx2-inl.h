// Tiles of int8 dot products in 256-bit registers. Included between HWY_PUSH_ATTRIBUTES and HWY_POP_ATTRIBUTES; see
// tile_avx512-inl.h.
#pragma once

#include "kernels/dot/x86.h"

namespace strata {
namespace {

// Columns [8 * first, 8 * (first + kVectors)) of a panel. Dot::Columns and Dot::Row are what Dot makes of 32 bytes of B
// and of a step of A; a Dot::Sum is turned into 8 numbers at the end.
template <class Dot, size_t kRows, size_t kVectors>
STRATA_DOT_INLINE void TileStrip(const DotTile& tile, size_t first) {
  typename Dot::Sum sums[kRows][kVectors];
#pragma GCC unroll 8
  for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (size_t v = 0; v < kVectors; ++v) sums[r][v] = Dot::Zero();
  }
  const uint32_t* a = tile.a;
  const uint32_t* b = tile.b + first;
  for (size_t left = tile.steps; left > 0;) {
    const size_t steps = std::min(left, kBlockSteps);
    for (size_t s = 0; s < steps; ++s) {
      typename Dot::Columns columns[kVectors];
#pragma GCC unroll 4
      for (size_t v = 0; v < kVectors; ++v) columns[v] = Dot::ReadColumns(b + v * 8);
#pragma GCC unroll 8
      for (size_t r = 0; r < kRows; ++r) {
        const __m256i row = Dot::ReadRow(a[r * tile.a_row + s]);
#pragma GCC unroll 4
        for (size_t v = 0; v < kVectors; ++v) Dot::Add(sums[r][v], row, columns[v]);
      }
      b += kPanelColumns;
    }
    a += tile.block;
    left -= steps;
  }
#pragma GCC unroll 8
  for (size_t r = 0; r < kRows; ++r) {
    uint32_t* out = tile.sums + r * tile.sums_row + first;
#pragma GCC unroll 4
    for (size_t v = 0; v < kVectors; ++v) {
      auto* to = reinterpret_cast<__m256i*>(out + 8 * v);
      __m256i before = _mm256_setzero_si256();
      if (!tile.start) {
        before = _mm256_loadu_si256(to);
      } else if (tile.init != nullptr) {
        before = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(tile.init + first + 8 * v));
      }
      _mm256_storeu_si256(to, _mm256_add_epi32(before, Dot::Total(sums[r][v])));
    }
  }
}

template <class Dot, size_t kRows>
void TileOfInt8(const DotTile& tile) {
  for (size_t first = 0; first < kPanelColumns; first += 8 * Dot::kVectors) {
    TileStrip<Dot, kRows, Dot::kVectors>(tile, first);
  }
}

template <class Dot>
void TileInt8(const DotTile& tile, size_t rows, size_t) {
  using Fn = void (*)(const DotTile&);
  static constexpr auto kTiles = []<size_t... kRow>(std::index_sequence<kRow...>) {
    return std::array<Fn, sizeof...(kRow)>{TileOfInt8<Dot, kRow + 1>...};
  }(std::make_index_sequence<Dot::kTileRows>());
  kTiles[rows - 1](tile);
}

}  // namespace
}  // namespace strata
