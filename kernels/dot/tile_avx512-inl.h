// Tiles of dot products in 512-bit registers, for any instruction that adds the dot product of a step to a lane.
// Included between HWY_PUSH_ATTRIBUTES(STRATA_AVX512 ...) and HWY_POP_ATTRIBUTES, in an anonymous namespace's file:
// what is defined here is compiled for the includer's instructions, so it must not be shared with another file.
#pragma once

#include "kernels/dot/x86.h"

namespace strata {
namespace {

// 12 rows of two vectors: 24 of 32 registers hold sums.
inline constexpr size_t kAvx512TileRows = 12;

// At least 8 sums at a time: an instruction's result comes after 5 or 6 cycles.
constexpr size_t Avx512TilePanels(size_t rows) { return rows == 1 ? 4 : rows <= 3 ? 2 : 1; }

// How far ahead of its use B is asked for, in steps of 128 bytes.
inline constexpr size_t kPrefetchSteps = 24;

// Asks for what a tile wants of memory, once in kStepUnit steps: the call `number` of them. (At every step it cost 3 %
// of a tile's time, all ahead of the tile 5 to 10.)
STRATA_DOT_INLINE void Call(const DotTile& tile, size_t rows, size_t number) {
  const auto share = [&](const DotAhead& ahead) {
    const size_t bytes = kStepUnit * ahead.step;
    for (size_t at = 0; at < bytes; at += 64) {
      __builtin_prefetch(ahead.at + number * bytes + at, /*rw=*/0, /*locality=*/2);
    }
  };
  share(tile.next_b), share(tile.next_a);
  for (size_t r = 2 * number; r < std::min(rows, 2 * number + 2); ++r) {
    const std::byte* const row = tile.out.at + r * tile.out.step;
    __builtin_prefetch(row, /*rw=*/1);
    __builtin_prefetch(row + tile.out_bytes - 1, /*rw=*/1);
  }
}

// Dot::kScales says whether sums are integers.
template <size_t kRows, size_t kVectors>
STRATA_DOT_INLINE void StoreScaled(const __m512i (&sums)[kRows][kVectors], const DotScaled& scaled) {
  __m512 scales[kVectors];
#pragma GCC unroll 8
  for (size_t v = 0; v < kVectors; ++v) scales[v] = _mm512_loadu_ps(scaled.column_scales + 16 * v);
#pragma GCC unroll 16
  for (size_t r = 0; r < kRows; ++r) {
    const __m512 row = _mm512_set1_ps(scaled.row_scales[r * kRowSteps]);
#pragma GCC unroll 8
    for (size_t v = 0; v < kVectors; ++v) {
      __m512 y = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[r][v]), _mm512_mul_ps(row, scales[v]));
      if (scaled.bias != nullptr) y = _mm512_add_ps(y, _mm512_loadu_ps(scaled.bias + 16 * v));
      float* const to = scaled.y + r * scaled.width + 16 * v;
      scaled.stream ? _mm512_stream_ps(to, y) : _mm512_storeu_ps(to, y);
    }
  }
}
template <size_t kRows, size_t kVectors, class Sum>
STRATA_DOT_INLINE void StoreScaled(const Sum (&)[kRows][kVectors], const DotScaled&) {}

template <class Dot, size_t kRows, size_t kPanels>
void TileOfAvx512(const DotTile& tile) {
  typename Dot::Sum sums[kRows][2 * kPanels];
#pragma GCC unroll 16
  for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (size_t v = 0; v < 2 * kPanels; ++v) {
      if (!tile.start) {
        sums[r][v] = Dot::Load(tile.sums + r * tile.sums_row + v * 16);
      } else if (tile.init != nullptr) {
        sums[r][v] = Dot::Load(tile.init + v * 16);
      } else {
        sums[r][v] = Dot::Zero();
      }
    }
  }
  // Three rows from a pointer, at 0, 1 and 2 rows' distance: a pointer for each would not fit the registers.
  constexpr size_t kPointers = (kRows + 2) / 3;
  const uint32_t* a[kPointers];
#pragma GCC unroll 4
  for (size_t p = 0; p < kPointers; ++p) a[p] = tile.a + 3 * p * tile.a_row;
  const uint32_t* b = tile.b;
  size_t calls = 0;
  for (size_t left = tile.steps; left > 0;) {
    const size_t steps = std::min(left, kBlockSteps);
    for (size_t s = 0; s < steps; ++s) {
      if (kRows > 3 && s % kStepUnit == 0) Call(tile, kRows, calls++);
      __m512i columns[2 * kPanels];
#pragma GCC unroll 8
      for (size_t v = 0; v < 2 * kPanels; ++v) {
        const uint32_t* at = b + v / 2 * tile.panel + v % 2 * 16;
        if (kRows <= 3) _mm_prefetch(reinterpret_cast<const char*>(at + kPrefetchSteps * kPanelColumns), _MM_HINT_T0);
        columns[v] = _mm512_loadu_si512(at);
      }
#pragma GCC unroll 16
      for (size_t r = 0; r < kRows; ++r) {
        const __m512i row = _mm512_set1_epi32(static_cast<int>(a[r / 3][r % 3 * tile.a_row]));
#pragma GCC unroll 8
        for (size_t v = 0; v < 2 * kPanels; ++v) sums[r][v] = Dot::Add(sums[r][v], row, columns[v]);
      }
#pragma GCC unroll 4
      for (size_t p = 0; p < kPointers; ++p) ++a[p];
      b += kPanelColumns;
    }
#pragma GCC unroll 4
    for (size_t p = 0; p < kPointers; ++p) a[p] += tile.block - steps;
    left -= steps;
  }
  if (Dot::kScales && tile.scaled != nullptr) return StoreScaled<kRows, 2 * kPanels>(sums, *tile.scaled);
#pragma GCC unroll 16
  for (size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (size_t v = 0; v < 2 * kPanels; ++v) Dot::Store(tile.sums + r * tile.sums_row + v * 16, sums[r][v]);
  }
}

template <class Dot>
void TileAvx512(const DotTile& tile, size_t rows, size_t panels) {
  using Fn = void (*)(const DotTile&);
  static constexpr auto kOne = []<size_t... kRow>(std::index_sequence<kRow...>) {
    return std::array<Fn, sizeof...(kRow)>{TileOfAvx512<Dot, kRow + 1, 1>...};
  }(std::make_index_sequence<kAvx512TileRows>());
  static constexpr Fn kMore[3][4] = {
      {kOne[0], TileOfAvx512<Dot, 1, 2>, TileOfAvx512<Dot, 1, 3>, TileOfAvx512<Dot, 1, 4>},
      {kOne[1], TileOfAvx512<Dot, 2, 2>},
      {kOne[2], TileOfAvx512<Dot, 3, 2>},
  };
  (panels == 1 ? kOne[rows - 1] : kMore[rows - 1][panels - 1])(tile);
}

}  // namespace
}  // namespace strata
