// The tiles of linear_int4: what its instruction sets share.
//
// A panel holds 32 columns of a weight: for every step of four numbers along k 64 bytes, of which byte 4 c + i has
// k = 4 step + i of column c in its low half and of column 16 + c in its high half.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/core/activation.h"
#include "kernels/core/tensor_view.h"

namespace strata {

inline constexpr size_t kInt4Columns = 32, kInt4StepBytes = 64, kInt4TileRows = 8;

// y is a sum of chains of so many groups: short chains, small errors.
inline constexpr size_t kInt4ChainGroups = 8;
constexpr bool EndsInt4Chain(size_t group, size_t groups) {
  return (group + 1) % kInt4ChainGroups == 0 || group + 1 == groups;
}

struct Int4Tile {
  const uint8_t* panel;
  size_t groups, steps;  // steps of a group
  // By row: int8 numbers, and scales and sums of its groups.
  const int8_t* a;
  size_t a_row;
  const float* s;
  const int32_t* sums;
  size_t group_row;
  // By group: 32 columns' scales and zero points (nullptr: 8), `stride` apart.
  const void* scale;
  const uint8_t* zero;
  size_t stride;
  float* y;  // by row, 32 apart; zeros before
  // A few rows: a's numbers as the kernel wants them (Int4FewRows).
  const int8_t* turns;
  size_t turn_plane;  // bytes of the even ones, padded
};

// REQUIRES: rows <= kInt4TileRows; `half`: the scales are float16.
using Int4TileFn = void (*)(const Int4Tile& tile, size_t rows, bool half);
void Int4TileVnni(const Int4Tile& tile, size_t rows, bool half);
void Int4TileAvx2(const Int4Tile& tile, size_t rows, bool half);

// Scales and zero points of two panels on their way into a place where they follow each other, 64 columns a group. In
// the matrix they are a line or two of each group, and the next group's lie a row of the matrix further, often a power
// of two: the same few sets of the caches. So they are fetched group by group while the two panels before are
// multiplied.
inline constexpr size_t kInt4StageColumns = 2 * kInt4Columns;
struct Int4Stage {
  const std::byte *scale, *zero;  // of the next group in the matrix; zero may be nullptr
  size_t scale_row, zero_row;     // bytes to the next group's
  size_t scale_bytes;             // of 64 columns
  std::byte *scale_to, *zero_to;
  size_t groups;  // to come,
  size_t panels;  // while so many panels are multiplied

  // What each of `steps` steps of a panel should fetch.
  size_t Share(size_t steps) const { return groups == 0 ? 0 : (groups - 1) / (steps * panels) + 1; }
  void Step(size_t count) {
    constexpr size_t kAhead = 8;  // as many as a set of the first-level cache has places
    for (count = std::min(count, groups), groups -= count; count > 0; --count) {
      for (size_t i = 0; i < scale_bytes; i += 128) {
        __builtin_prefetch(scale + kAhead * scale_row + i);
        __builtin_prefetch(scale + kAhead * scale_row + i + 64);
        std::memcpy(scale_to + i, scale + i, 128);
      }
      scale += scale_row, scale_to += scale_bytes;
      if (zero == nullptr) continue;
      __builtin_prefetch(zero + kAhead * zero_row);
      std::memcpy(zero_to, zero, kInt4StageColumns);
      zero += zero_row, zero_to += kInt4StageColumns;
    }
  }
};

// Up to kDotFewRows rows with the weight as it lies in memory from `panel` on, `columns` rows of it. `stage` is taken
// further on the way.
using Int4RowsFn = void (*)(const Int4Tile& tile, size_t columns, size_t rows, bool half, Int4Stage& stage);
// Up to `most_folded` rows, a's numbers lie by row: those of even k, padded with zeros to 64, then those of odd k. More
// rows have them by eights along k, in turns by row: the four even ones, then the four odd ones.
struct Int4FewRows {
  Int4RowsFn run;
  size_t most_folded;
};
const Int4FewRows& Int4RowsVnni();
const Int4FewRows& Int4RowsAvx2();

// Columns [0, columns) of a row-major weight as a panel, zeros beyond.
void PackInt4(const uint8_t* weight, size_t row_bytes, size_t columns, uint8_t* panel);

// A row of x to int8: its numbers, and scales and sums of its groups.
void LinearInt4Quantise(const TensorView& x, size_t row, size_t group, int8_t* a, float* s, int32_t* sums);
// Sums of `rows` x `columns` outputs from (row, column), 32 apart, to y.
void LinearInt4Finish(const void* sums, size_t row, size_t rows, size_t column, size_t columns, const TensorView* bias,
                      Activation activation, const TensorView& y);

}  // namespace strata
