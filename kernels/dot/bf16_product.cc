#include "kernels/dot/bf16_product.h"

#include <algorithm>

#include "kernels/dot/dot_pack.h"

namespace strata {
namespace {

constexpr size_t kBytes = sizeof(uint16_t);

// Two neighbours along k, from a place in a matrix; zeros beyond.
uint32_t Pair(const uint16_t* at, size_t stride, size_t k, size_t num_k) {
  const uint32_t first = k < num_k ? at[0] : 0, second = k + 1 < num_k ? at[stride] : 0;
  return first | second << 16;
}

void PackA(Bf16Matrix a, size_t num_k, size_t row, size_t rows, size_t steps, uint32_t* out, size_t block) {
  const uint16_t* from = a.data + row * a.row_stride;
  if (a.column_stride == 1) return PackRows(from, a.row_stride * kBytes, rows, num_k * kBytes, steps, out, block);
  if (a.row_stride == 1) return PackRowsDownBf16(from, a.column_stride, rows, num_k, steps, out, block);
  for (size_t r = 0; r < rows; ++r) {
    for (size_t s = 0; s < steps; ++s) {
      out[s / kBlockSteps * block + r * kRowSteps + s % kBlockSteps] =
          Pair(from + r * a.row_stride + 2 * s * a.column_stride, a.column_stride, 2 * s, num_k);
    }
  }
}

void PackB(Bf16Matrix b, Bf16Shape shape, size_t column, size_t first, size_t steps, uint32_t* out) {
  const uint16_t* from = b.data + column * b.column_stride;
  const size_t columns = std::min(kPanelColumns, shape.n - column);
  if (b.row_stride == 1) {
    return PackPanelAvx512(from, b.column_stride * kBytes, columns, shape.k * kBytes, first, steps, out);
  }
  if (b.column_stride == 1) return PackPanelDownBf16(from, b.row_stride, columns, shape.k, first, steps, out);
  for (size_t s = 0; s < steps; ++s) {
    const size_t k = 2 * (first + s);
    for (size_t j = 0; j < kPanelColumns; ++j) {
      out[s * kPanelColumns + j] =
          j < columns ? Pair(from + j * b.column_stride + k * b.row_stride, b.row_stride, k, shape.k) : 0;
    }
  }
}

// Rows that need no packing. Those of a tile must not all fall into the same sets of the first-level cache.
DotPlainA PlainA(Bf16Matrix a, Bf16Shape shape) {
  constexpr size_t kUnit = 2 * kStepUnit, kPage = 4096;
  const bool whole = a.column_stride == 1 && shape.k % kUnit == 0 && a.row_stride % 2 == 0;
  const bool aligned = reinterpret_cast<uintptr_t>(a.data) % sizeof(uint32_t) == 0;
  if (!whole || !aligned || a.row_stride * kBytes % kPage == 0) return {};
  return {reinterpret_cast<const uint32_t*>(a.data), a.row_stride / 2};
}

DotShape InSteps(Bf16Shape shape) { return {shape.m, shape.n, DotSteps(shape.k, 2)}; }

}  // namespace

void Bf16Product(const OpContext& context, const DotKernel& kernel, Bf16Shape shape, Bf16Matrix a, Bf16Matrix b,
                 const void* packed, FunctionRef<void(const DotSums&)> finish, DotOutput out) {
  const DotShape dot = InSteps(shape);
  const auto pack_a = [&](size_t row, size_t rows, uint32_t* to, size_t block) {
    PackA(a, shape.k, row, rows, dot.steps, to, block);
  };
  const auto pack_b = [&](size_t column, size_t first, size_t steps, uint32_t* to) {
    PackB(b, shape, column, first, steps, to);
  };
  const bool in_order = b.row_stride == 1 && b.column_stride == shape.k;
  DotGemm(context, kernel, dot,
          {pack_a, static_cast<const uint32_t*>(packed), pack_b, /*init=*/nullptr, finish, out,
           DotPlainB{in_order ? b.data : nullptr, shape.k * kBytes}, PlainA(a, shape)},
          context.workspace);
}

size_t Bf16ProductBytes(const DotKernel& kernel, Bf16Shape shape, bool packed, int num_threads) {
  return DotGemmBytes(InSteps(shape), packed, kernel, num_threads);
}

void PackBf16(Bf16Shape shape, Bf16Matrix b, void* out) {
  const size_t steps = InSteps(shape).steps;
  for (size_t column = 0; column < shape.n; column += kPanelColumns) {
    PackB(b, shape, column, 0, steps, static_cast<uint32_t*>(out) + column * steps);
  }
}

}  // namespace strata
