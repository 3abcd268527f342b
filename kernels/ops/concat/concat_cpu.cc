// No Highway: the time goes into memory.
#include <algorithm>
#include <cstring>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/concat/concat.h"
#include "kernels/simd/stream.h"
#include "kernels/simd/tensor_chunks.h"

namespace strata {
namespace {

void CopyPiece(bool stream, std::byte* to, const std::byte* from, int64_t bytes) {
  const auto count = static_cast<size_t>(bytes);
  if (stream) {
    StreamBytes(to, from, count);
  } else if (count <= 256) {
    CopyShort(to, from, count);
  } else {
    std::memcpy(to, from, count);
  }
}

// Tensors as they lie, one after the other.
void ConcatWhole(const OpContext& context, std::span<const TensorView> xs, bool stream, int64_t size, std::byte* y) {
  ForTensorChunks(*context.parallel, xs, [&](size_t tensor, int64_t begin, int64_t end, int64_t) {
    int64_t first = begin;
    for (size_t before = 0; before < tensor; ++before) first += xs[before].numel();
    const auto* x = static_cast<const std::byte*>(xs[tensor].data);
    CopyPiece(stream, y + first * size, x + begin * size, (end - begin) * size);
    if (stream) StreamFence();
  });
}

// `rows` rows of `row` bytes, each made of a piece of every tensor. A block of rows at a time, so that what is written
// stays near until all tensors have been there.
void ConcatRows(const OpContext& context, std::span<const TensorView> xs, bool stream, int64_t rows, int64_t row,
                std::byte* y) {
  const int64_t block = std::max<int64_t>(1, 32768 / row);
  ParallelChunks(*context.parallel, rows, 1 + 65536 / row, [&](int, int64_t begin, int64_t end) {
    for (int64_t top = begin; top < end; top += block) {
      const int64_t bottom = std::min(end, top + block);
      std::byte* to = y;
      for (const TensorView& x : xs) {
        const int64_t piece = x.numel() / rows * static_cast<int64_t>(SizeOf(x.dtype));
        const auto* from = static_cast<const std::byte*>(x.data);
        for (int64_t r = top; r < bottom && piece > 0; ++r) CopyPiece(stream, to + r * row, from + r * piece, piece);
        to += piece;
      }
    }
    if (stream) StreamFence();
  });
}

}  // namespace

void ConcatCpu(const OpContext& context, std::span<const TensorView> xs, int64_t dim, const TensorView& y) {
  if (y.numel() == 0) return;
  const auto size = static_cast<int64_t>(SizeOf(y.dtype));
  const int64_t run = RunLength(y, dim), rows = y.numel() / run;
  const bool stream = WorthStreaming(y.numel() * size);
  auto* to = static_cast<std::byte*>(y.data);
  if (rows == 1) return ConcatWhole(context, xs, stream, size, to);
  ConcatRows(context, xs, stream, rows, run * size, to);
}

}  // namespace strata
