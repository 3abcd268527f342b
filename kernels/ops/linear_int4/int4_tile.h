// The tiles of linear_int4: what its instruction sets share.
//
// A panel holds 32 columns of a weight: for every step of four numbers along k 64 bytes, of which byte 4 c + i has
// k = 4 step + i of column c in its low half and of column 16 + c in its high half.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/core/dtype.h"

namespace strata {

inline constexpr size_t kInt4Columns = 32, kInt4StepBytes = 64, kInt4TileRows = 8;

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
  float* y;  // by row, 32 apart
  // Int4RowsVnni: a's numbers by eights along k, in turns by row: the four even ones, then the four odd ones.
  const int32_t* turns;
};

// REQUIRES: rows <= kInt4TileRows; `half`: the scales are float16.
using Int4TileFn = void (*)(const Int4Tile& tile, size_t rows, bool half);
void Int4TileVnni(const Int4Tile& tile, size_t rows, bool half);
void Int4TileAvx2(const Int4Tile& tile, size_t rows, bool half);

// The same with the weight as it lies in memory from `panel` on, `columns` rows of it.
using Int4RowsFn = void (*)(const Int4Tile& tile, size_t columns, size_t rows, bool half);
void Int4RowsVnni(const Int4Tile& tile, size_t columns, size_t rows, bool half);

// Columns [0, columns) of a row-major weight as a panel, zeros beyond.
void PackInt4(const uint8_t* weight, size_t row_bytes, size_t columns, uint8_t* panel);

}  // namespace strata
