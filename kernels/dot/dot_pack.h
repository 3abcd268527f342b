// Packing for dot products: into panels of B and blocks of A (dot.h). Plain copies: no value changes.
//
//   PackPanel(Cpu().avx512, weight + column * k, k, columns, k, first_step, steps, out);
#pragma once

#include <cstddef>
#include <cstdint>

namespace strata {

// Steps [first, first + steps) of a panel of B from `columns` rows of a row-major matrix: column j is at
// source + j * stride, `bytes` long. Zeros beyond.
using PackPanelFn = void (*)(const void* source, size_t stride, size_t columns, size_t bytes, size_t first,
                             size_t steps, uint32_t* out);
void PackPanelAvx512(const void* source, size_t stride, size_t columns, size_t bytes, size_t first, size_t steps,
                     uint32_t* out);
void PackPanelPlain(const void* source, size_t stride, size_t columns, size_t bytes, size_t first, size_t steps,
                    uint32_t* out);

// Rows of A from a row-major matrix of `bytes` a row, all `steps`, in blocks (dot.h).
void PackRows(const void* source, size_t stride, size_t rows, size_t bytes, size_t steps, uint32_t* out, size_t block);

// bfloat16, transposed: k runs down the source's rows (`num_k` of them, `stride` numbers apart).
// A panel of B whose columns are source columns.
void PackPanelDownBf16(const uint16_t* source, size_t stride, size_t columns, size_t num_k, size_t first, size_t steps,
                       uint32_t* out);
// Rows of A that are source columns.
void PackRowsDownBf16(const uint16_t* source, size_t stride, size_t rows, size_t num_k, size_t steps, uint32_t* out,
                      size_t block);

}  // namespace strata
