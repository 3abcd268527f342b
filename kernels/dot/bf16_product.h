// Products of bfloat16 matrices by dot-product instructions, from matrices that lie in memory in any way: packing turns
// them. Classes bf16-dot and bf16-amx (docs/design/numerics.md).
//
//   Bf16Product(context, Bf16DotKernel(), {m, n, k}, {x, k, 1}, {weight, 1, k}, nullptr, finish, y);
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/base/function_ref.h"
#include "kernels/core/op_context.h"
#include "kernels/dot/dot_gemm.h"

namespace strata {

struct Bf16Shape {
  size_t m, n, k;
};

// The element [i, j] is data[i * row_stride + j * column_stride]. Fast where one of the strides is 1.
struct Bf16Matrix {
  const uint16_t* data;
  size_t row_stride, column_stride;
};

// finish(sums) gets every sum over k of a[m, k] * b[k, n] once, from several threads. `packed`: b in panels (dot.h), or
// nullptr; `out`: where finish writes. REQUIRES: context.workspace has Bf16ProductBytes bytes; the processor has the
// kernel's instructions.
void Bf16Product(const OpContext& context, const DotKernel& kernel, Bf16Shape shape, Bf16Matrix a, Bf16Matrix b,
                 const void* packed, FunctionRef<void(const DotSums&)> finish, DotOutput out);
size_t Bf16ProductBytes(const DotKernel& kernel, Bf16Shape shape, bool packed, int num_threads);

// Sums to c, `width` numbers a row, rounded to nearest even, a NaN as 0x7fc0: for a `finish` that does nothing else.
// REQUIRES: AVX512-BF16, and no sum is denormal, as none of these classes is: the instruction would make it zero.
void StoreBf16Sums(const DotSums& sums, uint16_t* c, size_t width);

// The panels of b, DotPackedBytes(n, DotSteps(k, 2)) bytes.
void PackBf16(Bf16Shape shape, Bf16Matrix b, void* out);

}  // namespace strata
