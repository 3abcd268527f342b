// linear_int4 with a few rows: vectors run along k, and the lanes of 16 bytes, 32 numbers, are added in the end: sums
// of integers are exact in any order, and groups are whole blocks of 32. Included between HWY_PUSH_ATTRIBUTES and
// HWY_POP_ATTRIBUTES, in one file for each instruction set.
//
// V has Int and Float vectors of kColumns lanes: Int holds kBytes bytes of weights, which are kBytes / 16 blocks. See
// linear_int4_rows_cpu.cc.
#pragma once

#include "kernels/dot/x86.h"
#include "kernels/ops/linear_int4/int4_tile.h"

namespace strata {
namespace {

// How far ahead the weight is asked for, into the second-level cache.
inline constexpr size_t kInt4Ahead = 1024;

template <class V, size_t kRows>
class Int4Fold {
 public:
  using Int = typename V::Int;
  using Float = typename V::Float;
  static constexpr size_t kColumns = V::kColumns, kBlocks = V::kBytes / 16;

  // Outputs [column, column + kColumns) of rows [row, row + kRows); past `columns` copies of the last.
  Int4Fold(const Int4Tile& tile, size_t column, size_t columns, size_t row, bool half)
      : tile_(tile), column_(column), row_(row), half_(half), bytes_(tile.groups * tile.steps * 2) {
    for (size_t c = 0; c < kColumns; ++c) from_[c] = tile.panel + std::min(column + c, columns - 1) * bytes_;
  }

  STRATA_DOT_INLINE void Run(Int4Stage& stage, size_t stage_groups) {
    const size_t group_blocks = tile_.steps / 8;
    size_t group = 0, left = group_blocks;
    Float total[kRows];
    Int sum[kRows];
#pragma GCC unroll 2
    for (size_t r = 0; r < kRows; ++r) total[r] = V::ZeroFloat(), sum[r] = V::Zero();
    for (size_t at = 0; at < bytes_; at += V::kBytes) {
      Int blocks[kRows][kBlocks];
      Blocks(at, blocks);
      const size_t count = std::min(kBlocks, (bytes_ - at) / 16);
#pragma GCC unroll 4
      for (size_t i = 0; i < kBlocks; ++i) {
        if (i >= count) break;
#pragma GCC unroll 2
        for (size_t r = 0; r < kRows; ++r) sum[r] = V::Plus(sum[r], blocks[r][i]);
        if (--left > 0) continue;
        Finish(group, sum, total);
        if (EndsInt4Chain(group, tile_.groups)) AddChains(total);
        ++group, left = group_blocks;
      }
      stage.Step(stage_groups);
    }
  }

 private:
  STRATA_DOT_INLINE void AddChains(Float (&total)[kRows]) const {
#pragma GCC unroll 2
    for (size_t r = 0; r < kRows; ++r) {
      float* y = tile_.y + (row_ + r) * kInt4Columns + column_;
      V::Write(V::Plus(V::ReadFloats(y), total[r]), y);
      total[r] = V::ZeroFloat();
    }
  }

  // Sums of the blocks from byte `at` on, of all columns.
  STRATA_DOT_INLINE void Blocks(size_t at, Int (&blocks)[kRows][kBlocks]) const {
    const size_t plane = tile_.turn_plane, bytes = std::min(V::kBytes, bytes_ - at);
    Int even[kRows], odd[kRows], quads[kRows][kColumns / 4];
#pragma GCC unroll 2
    for (size_t r = 0; r < kRows; ++r) {
      const int8_t* a = tile_.turns + (row_ + r) * 2 * plane + at;
      even[r] = V::Read(a), odd[r] = V::Read(a + plane);
    }
    const size_t ahead = at + kInt4Ahead + (at + kInt4Ahead < bytes_ ? 0 : (kColumns - 1) * bytes_);
#pragma GCC unroll 4
    for (size_t q = 0; q < kColumns / 4; ++q) {
      Int sums[kRows][4];
#pragma GCC unroll 4
      for (size_t j = 0; j < 4; ++j) {
        const uint8_t* from = from_[4 * q + j];
        _mm_prefetch(reinterpret_cast<const char*>(from + ahead), _MM_HINT_T1);
        const Int words = V::ReadN(from + at, bytes), low = V::Low(words), high = V::High(words);
#pragma GCC unroll 2
        for (size_t r = 0; r < kRows; ++r) sums[r][j] = V::Dot(low, even[r], high, odd[r]);
      }
#pragma GCC unroll 2
      for (size_t r = 0; r < kRows; ++r) {
        // Four lanes of four columns become one lane of each.
        const Int ab = V::Plus(V::LowWords(sums[r][0], sums[r][1]), V::HighWords(sums[r][0], sums[r][1]));
        const Int cd = V::Plus(V::LowWords(sums[r][2], sums[r][3]), V::HighWords(sums[r][2], sums[r][3]));
        quads[r][q] = V::Plus(V::LowPairs(ab, cd), V::HighPairs(ab, cd));
      }
    }
#pragma GCC unroll 2
    for (size_t r = 0; r < kRows; ++r) V::ByBlock(quads[r], blocks[r]);
  }

  STRATA_DOT_INLINE void Finish(size_t group, Int (&sum)[kRows], Float (&total)[kRows]) const {
    const size_t at = group * tile_.stride + column_;
    const Int zero = tile_.zero == nullptr ? V::Set(8) : V::ReadBytes(tile_.zero + at);
    const Float scale = half_ ? V::ReadHalves(static_cast<const uint16_t*>(tile_.scale) + at)
                              : V::ReadFloats(static_cast<const float*>(tile_.scale) + at);
#pragma GCC unroll 2
    for (size_t r = 0; r < kRows; ++r) {
      const size_t of = (row_ + r) * tile_.group_row + group;
      const Int exact = V::Minus(sum[r], V::Times(zero, V::Set(tile_.sums[of])));
      total[r] = V::MulAdd(V::Times(V::ToFloat(exact), V::Set(tile_.s[of])), scale, total[r]);
      sum[r] = V::Zero();
    }
  }

  const Int4Tile& tile_;
  const size_t column_, row_;
  const bool half_;
  const size_t bytes_;
  const uint8_t* from_[kColumns];
};

template <class V>
void FoldRows(const Int4Tile& tile, size_t columns, size_t rows, bool half, Int4Stage& stage) {
  const size_t bytes = tile.groups * tile.steps * 2,
               turns = kInt4Columns / V::kColumns * ((bytes + V::kBytes - 1) / V::kBytes);
  const size_t stage_groups = stage.Share(turns);
  for (size_t column = 0; column < columns; column += V::kColumns) {
    size_t row = 0;
    for (; row + 2 <= rows; row += 2) Int4Fold<V, 2>(tile, column, columns, row, half).Run(stage, stage_groups);
    if (row < rows) Int4Fold<V, 1>(tile, column, columns, row, half).Run(stage, stage_groups);
  }
}

}  // namespace
}  // namespace strata
