// The driver of dot-product matrix products: threads, groups, chunks, passes, tiles. Plain C++; the instructions are in
// the DotKernel, the elements' types in the callbacks.
//
//   DotGemm(context, kernel, {m, n, steps}, {.pack_a = copy_rows, .packed_b = weight.prepared, .finish = epilogue, .out
//   = y});
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/base/function_ref.h"
#include "kernels/core/op_context.h"
#include "kernels/dot/dot_plan.h"

namespace strata {

// Sums of `rows` x `columns` outputs from (row, column): float32 or int32, rows `stride` apart.
struct DotSums {
  const uint32_t* sums;
  size_t stride;
  size_t row, rows, column, columns;
  const uint32_t* a;  // the rows as pack_a wrote them, kRowSteps apart, or those of plain_a
};

// Where the results go, so that their memory is called while they are computed.
struct DotOutput {
  const void* data;
  size_t row_bytes, element;
};

// B as it lies in memory, if each column's `bytes` follow the last one's; data nullptr: in another way.
struct DotPlainB {
  const void* data = nullptr;
  size_t bytes = 0;
};

// A as it lies in memory, if its rows are whole units of steps, `row_steps` apart; data nullptr: in another way.
struct DotPlainA {
  const uint32_t* data = nullptr;
  size_t row_steps = 0;
};

// What pack_a reads, row after row: asked for while the rows before are multiplied. data nullptr: it need not be, as
// what the caches hold.
struct DotSource {
  const void* data = nullptr;
  size_t row_bytes = 0;
};

struct DotOperands {
  // Writes rows [row, row + rows) of A at all steps, rows kRowSteps apart and blocks `block` apart (dot.h). What lies
  // between a block's steps and the next row is pack_a's own, for finish to see.
  FunctionRef<void(size_t row, size_t rows, uint32_t* out, size_t block)> pack_a;
  // B in panels, or nullptr.
  const uint32_t* packed_b;
  // Writes the panel of B that begins at `column`, steps [first, first + steps). Called if packed_b is nullptr.
  FunctionRef<void(size_t column, size_t first, size_t steps, uint32_t* out)> pack_b;
  // Where the sums of each column start (padded to whole panels), or nullptr.
  const int32_t* init;
  // Called for every output once, from several threads.
  FunctionRef<void(const DotSums& sums)> finish;
  DotOutput out;
  DotPlainB plain_b = {};
  DotPlainA plain_a = {};
  DotSource source_a = {};
  // int8: what `finish` does, if it is just that, from row and column 0 on; pack_a leaves a row's scale behind its
  // first block. Or nullptr.
  const DotScaled* scaled = nullptr;
};

// REQUIRES: context.workspace has DotGemmBytes(shape, packed_b != nullptr, kernel, threads) bytes from `workspace` on.
void DotGemm(const OpContext& context, const DotKernel& kernel, DotShape shape, const DotOperands& operands,
             std::byte* workspace);

size_t DotGemmBytes(DotShape shape, bool packed, const DotKernel& kernel, int num_threads);

}  // namespace strata
