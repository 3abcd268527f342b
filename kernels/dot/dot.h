// Matrix products by dot-product instructions: bfloat16 in pairs, int8 in fours. Both are products of 32-bit "steps":
// k is cut into steps of two bfloat16 or four int8 numbers, a multiply-add takes one step of A and one of B, and what
// follows (layouts, blocking, threads) does not ask which.
//
// Layouts, of uint32_t steps, k padded with zeros to kStepUnit steps:
//   B: panels of kPanelColumns columns; panel p begins at p * kPanelColumns * steps; [step][column] within.
//      (What AMX wants for a tile of B, too.)
//   A: blocks of kBlockSteps steps; in a block rows of kRowSteps; [block][row][step]. Or rows as they lie in memory,
//   where
//      they are whole units of steps.
//
// Outputs are sums of float32 or int32. Every output is one chain along k, in order, from zero (or from `init`), so
// tiles, passes over k, threads and packing are free (docs/design/numerics.md).
#pragma once

#include <cstddef>
#include <cstdint>

namespace strata {

inline constexpr size_t kPanelColumns = 32;
inline constexpr size_t kStepUnit = 16;
inline constexpr size_t kBlockSteps = 512;
// One cache line more than a block: rows of a tile must not all fall into the same sets of the first-level cache.
inline constexpr size_t kRowSteps = kBlockSteps + 16;
inline constexpr size_t kMostTilePanels = 4;

constexpr size_t RoundUp(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

// Steps of k elements, `per_step` of them in one.
constexpr size_t DotSteps(size_t k, size_t per_step) { return RoundUp((k + per_step - 1) / per_step, kStepUnit); }
// Bytes of a packed B.
constexpr size_t DotPackedBytes(size_t n, size_t steps) { return RoundUp(n, kPanelColumns) * steps * sizeof(uint32_t); }

// What most sums of int8 become: y = sum * (row's scale * column's scale) + bias, in float32. `bias` may be nullptr.
// `stream`: past the caches; y and `width` are then whole lines.
struct DotScaled {
  const float *row_scales, *column_scales, *bias;  // of the rows kRowSteps apart
  float* y;
  size_t width;  // from one row of y to the next
  bool stream;
};

// Memory that is wanted soon: a line of it is asked for at every step, `step` bytes after the one before.
struct DotAhead {
  const std::byte* at;
  size_t step;
};

// One tile: sums[r, c] (+)= sum over steps of a[r, step] . b[step, c].
struct DotTile {
  const uint32_t* a;  // the tile's first row, in the first of its blocks
  size_t a_row;       // from one row of A to the next
  size_t block;       // from one block of A to the next
  const uint32_t* b;  // the first panel, at the first step
  size_t panel;       // from one panel to the next
  size_t steps;
  const int32_t* init;  // int8: where sums start, by column; or nullptr: at zero
  bool start;           // false: go on from `sums`
  uint32_t* sums;       // float32 or int32
  size_t sums_row;      // from one row to the next
  // For kernels with `calls`: what is wanted next of B and of A's source, and the tile's place in the output, its rows
  // `step` apart.
  DotAhead next_b, next_a, out;
  size_t out_bytes;         // of each of these rows, one or more
  const DotScaled* scaled;  // for kernels with `scales`, or nullptr: written in the sums' place
};

struct DotRows;  // of a few rows: dot_rows.h

// What an instruction set brings.
struct DotKernel {
  size_t tile_rows;  // the most rows of a tile
  // Sums of `rows` rows and `panels` panels. REQUIRES: rows <= tile_rows, panels <= tile_panels(rows).
  void (*tile)(const DotTile& tile, size_t rows, size_t panels);
  // How many panels a tile of so many rows should take, if there are as many: a single row needs several, or it waits
  // for its own sums. nullptr: one.
  size_t (*tile_panels)(size_t rows) = nullptr;
  // Whether `tile` asks for memory while it computes; else that is done ahead of it, in one go, which costs time.
  bool calls = false;
  // int8: A's bytes are unsigned, 128 too large; what that adds is taken off by `init`.
  bool unsigned_a = false;
  // Whether `tile` knows DotScaled.
  bool scales = false;
  // Rows of A that are packed at a time: they stay in the second-level cache beside a panel of B. More rows read B's
  // panels fewer times.
  size_t group_rows = 96;
  // Threads' rows are multiples of this: tiles that take any number of rows share them out more evenly. 0: tile_rows.
  size_t row_unit = 0;
  // For a few rows, with B as it lies in memory (dot_rows.h), A in turns of `run_steps`; nullptr: there is none.
  void (*rows)(const DotRows& product, size_t column, size_t columns, uint32_t* sums) = nullptr;
  size_t run_steps = 16;
};

// The kernels of this build. REQUIRES: the processor has the instructions (kernels/base/cpu_features.h).
const DotKernel& Bf16DotKernel();         // AVX512-BF16
const DotKernel& Bf16DotNarrowKernel();   // the same with smaller groups
const DotKernel& Bf16AmxKernel();         // AMX
const DotKernel& Int8AmxKernel();         // AMX
const DotKernel& Int8VnniKernel();        // AVX512-VNNI
const DotKernel& Int8VnniNarrowKernel();  // the same with smaller groups
const DotKernel& Int8AvxVnniKernel();     // AVX-VNNI
const DotKernel& Int8Avx2Kernel();
const DotKernel& Int8PlainKernel();  // C++

}  // namespace strata
