// How a matrix product is cut into parts for threads and blocks for the caches, and the working memory it takes. None
// of it changes a result (gemm-inl.h). Plain C++: a variant's workspace_bytes asks here.
//
//   const GemmPlan plan = PlanGemm({m, n, k}, sizeof(float), {.packed = false, .in_place = true}, num_threads);
#pragma once

#include <cstddef>

namespace strata {

struct GemmShape {
  size_t m, n, k;
};

// Rows of a group are a multiple of this: of the tallest tile of every target.
inline constexpr size_t kGemmRowUnit = 12;
// B is packed into panels of 128 bytes a step of k, whatever the SIMD width: 32 float32 or 16 float64 columns.
inline constexpr size_t kPanelBytes = 128;
// So many rows or fewer read B once, as it lies in memory (gemm_rows-inl.h).
inline constexpr size_t kFewRows = 8;

// Whether a B that is not in panels, its columns contiguous, is read as it lies where there are more rows than a few:
// tens of rows would not pay for packing it, nor in research for a look at all of it. Columns a multiple of 4 KiB apart
// fall into the same sets of the first-level cache.
constexpr bool ReadsPlain(GemmShape shape, size_t element) {
  return shape.m > kFewRows && shape.n >= 12 && shape.m <= (shape.k * element % 4096 == 0 ? 32 : 192);
}

// What a row of an op's table may choose; every choice gives equal bits and reads the same panels of B.
struct GemmBlocks {
  size_t tile_rows = 12;                   // 12 or 8; 6 or 4 where there are 16 registers
  size_t group_bytes = size_t{384} << 10;  // A group of A's rows stays in the second-level cache beside a panel of B.
  size_t most_steps = 2048;                // of k in one go; a longer k goes in blocks of half of it or less
};

struct GemmOptions {
  bool packed = false;    // B comes in panels already
  bool in_place = false;  // the output has the type that is computed in: sums over a part of k wait in its memory
  GemmBlocks blocks = {};
};

struct GemmPlan {
  size_t row_parts = 1, column_parts = 1;  // parts run at the same time
  size_t tile_rows = 12;
  size_t group_rows = 0;            // of A are packed at a time,
  size_t block_steps = 0;           // of k,
  size_t group_panels = 0;          // and panels of B
  size_t a_bytes = 0, b_bytes = 0;  // working memory of one part: packed A, packed B, ...
  size_t part_bytes = 0;            // ... and sums that wait

  size_t parts() const { return row_parts * column_parts; }
  size_t bytes() const { return parts() * part_bytes; }
};

// `element` is the size of the type that is computed in.
GemmPlan PlanGemm(GemmShape shape, size_t element, GemmOptions options, int num_threads);

// The bytes of a packed B.
size_t PackedBytes(size_t n, size_t k, size_t element);

}  // namespace strata
