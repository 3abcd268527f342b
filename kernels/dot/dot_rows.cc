#include "kernels/dot/dot_rows.h"

#include <algorithm>
#include <cstring>

#include "kernels/base/aligned_buffer.h"

namespace strata {

namespace {

constexpr size_t kStepBytes = sizeof(uint32_t);

// From one of A's blocks to the next, where `rows` rows are packed.
size_t BlockOf(size_t rows) { return rows * kRowSteps; }

size_t PackedBytes(DotShape shape) {
  const size_t blocks = std::max<size_t>(1, (shape.steps + kBlockSteps - 1) / kBlockSteps);
  return AlignUp(blocks * BlockOf(shape.m) * kStepBytes);
}

// Runs of packed rows in turns.
void TakeTurns(const uint32_t* packed, DotShape shape, size_t run, std::byte* out) {
  const size_t turns = RowsInTurns(shape.m), bytes = run * kStepBytes;
  std::memset(out, 0, BytesInTurns(shape.m, shape.steps * kStepBytes));
  for (size_t r = 0; r < shape.m; ++r) {
    for (size_t s = 0; s < shape.steps; s += run) {
      const uint32_t* from = packed + s / kBlockSteps * BlockOf(shape.m) + r * kRowSteps + s % kBlockSteps;
      std::memcpy(out + (s / run * turns + r) * bytes, from, bytes);
    }
  }
}

}  // namespace

size_t DotFewRowsBytes(DotShape shape) { return PackedBytes(shape) + BytesInTurns(shape.m, shape.steps * kStepBytes); }

void DotFewRows(const OpContext& context, const DotKernel& kernel, DotShape shape, const DotOperands& operands,
                std::byte* workspace) {
  auto* packed = reinterpret_cast<uint32_t*>(workspace);
  std::byte* in_turns = workspace + PackedBytes(shape);
  operands.pack_a(0, shape.m, packed, BlockOf(shape.m));
  TakeTurns(packed, shape, kernel.run_steps, in_turns);
  const DotRows product{shape.m, in_turns, operands.plain_b.data, operands.plain_b.bytes};
  // A thread for each 64 KiB of B.
  const size_t grain = std::max<size_t>(1, (size_t{1} << 16) / (kPanelColumns * product.bytes + 1));
  const auto panels = static_cast<int64_t>((shape.n + kPanelColumns - 1) / kPanelColumns);
  ParallelChunks(*context.parallel, panels, static_cast<int64_t>(grain), [&](int, int64_t begin, int64_t end) {
    alignas(64) uint32_t sums[kDotFewRows * kPanelColumns];
    for (auto p = static_cast<size_t>(begin); p < static_cast<size_t>(end); ++p) {
      const size_t column = p * kPanelColumns, columns = std::min(kPanelColumns, shape.n - column);
      kernel.rows(product, column, columns, sums);
      operands.finish({sums, kPanelColumns, 0, shape.m, column, columns, packed});
    }
  });
}

void Int8PlainRows(const DotRows& product, size_t column, size_t columns, uint32_t* sums) {
  constexpr size_t kRunBytes = 64;
  const size_t turn = RowsInTurns(product.rows) * kRunBytes;
  for (size_t c = 0; c < columns; ++c) {
    const int8_t* b = static_cast<const int8_t*>(product.b) + (column + c) * product.bytes;
    for (size_t r = 0; r < product.rows; ++r) {
      const int8_t* a = static_cast<const int8_t*>(product.a) + r * kRunBytes;
      int32_t sum = 0;
      for (size_t k = 0; k < product.bytes; ++k) sum += a[k / kRunBytes * turn + k % kRunBytes] * b[k];
      sums[r * kPanelColumns + c] = static_cast<uint32_t>(sum);
    }
  }
}

}  // namespace strata
