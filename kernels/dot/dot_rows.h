// Products with a few rows (decoding): B is read once, as it lies in memory, at the speed of memory, so that it needs
// no panels. DotGemm comes here by itself where its operands say how B lies; the sums are the same.
//
//   if (DotReadsPlain(shape.m, packed_b != nullptr)) DotFewRows(context, kernel, shape, operands, workspace);
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/dot/dot.h"
#include "kernels/dot/dot_gemm.h"

namespace strata {

// The most rows.
inline constexpr size_t kDotFewRows = 8;
// Whether B is read as it lies in memory. Panels, where there are any, are as fast for three rows, faster for eight.
constexpr bool DotReadsPlain(size_t rows, bool packed) { return rows <= (packed ? 2 : kDotFewRows); }

// A's rows lie in turns: 4 * run_steps bytes of each row (DotKernel::run_steps), then the next; padded with zeros to 64
// bytes a row and to as many rows as this.
constexpr size_t RowsInTurns(size_t rows) { return rows > 4 ? 8 : rows > 2 ? 4 : rows; }
constexpr size_t BytesInTurns(size_t rows, size_t bytes) { return RowsInTurns(rows) * RoundUp(bytes, 64); }

// What a DotKernel::rows gets: it writes sums[r * kPanelColumns + c] of up to kPanelColumns columns from `column` on.
struct DotRows {
  size_t rows;
  const void* a;  // in turns
  const void* b;
  size_t bytes;  // of a column of B; they follow each other
};

void Int8VnniRows(const DotRows& product, size_t column, size_t columns, uint32_t* sums);
void Int8AvxVnniRows(const DotRows& product, size_t column, size_t columns, uint32_t* sums);
void Int8Avx2Rows(const DotRows& product, size_t column, size_t columns, uint32_t* sums);
void Int8PlainRows(const DotRows& product, size_t column, size_t columns, uint32_t* sums);
void Bf16DotRows(const DotRows& product, size_t column, size_t columns, uint32_t* sums);

// REQUIRES: DotReadsPlain, kernel.rows, operands.plain_b; `workspace` has DotFewRowsBytes(shape) bytes.
void DotFewRows(const OpContext& context, const DotKernel& kernel, DotShape shape, const DotOperands& operands,
                std::byte* workspace);
size_t DotFewRowsBytes(DotShape shape);

}  // namespace strata
