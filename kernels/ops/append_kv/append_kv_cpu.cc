#include <cstring>

#include "kernels/ops/append_kv/append_kv.h"
#include "kernels/simd/attention_plan.h"

namespace strata {
namespace {

// Heads [first, last) of one row, to its place in a cache.
void CopyHeads(const TensorView& from, int64_t row, int64_t first, int64_t last, const TensorView& cache,
               int64_t place) {
  const auto element = static_cast<int64_t>(SizeOf(from.dtype));
  const int64_t heads = cache.size(2), width = cache.size(3);
  const std::byte* source = from.In<std::byte>() + (row * from.stride(0) + first * from.stride(1)) * element;
  std::byte* to = cache.Out<std::byte>() + (place * heads + first) * width * element;
  if (from.stride(1) == width) {
    std::memcpy(to, source, static_cast<size_t>((last - first) * width * element));
    return;
  }
  for (int64_t head = first; head < last; ++head) {
    std::memcpy(to, source, static_cast<size_t>(width * element));
    source += from.stride(1) * element, to += width * element;
  }
}

}  // namespace

void AppendKvCpu(const OpContext& context, const TensorView& k_cache, const TensorView& v_cache, const TensorView& k,
                 const TensorView& v, const TensorView& cu_seqlens, const TensorView& block_tables,
                 const TensorView& context_lens) {
  if (k.numel() == 0) return;
  const int64_t length = k_cache.size(1);
  const int64_t head_bytes = k.size(0) * k.size(2) * static_cast<int64_t>(SizeOf(k.dtype));
  // Threads share the heads: two rows may have one place, and the later must win.
  ParallelChunks(*context.parallel, k_cache.size(2), 1 + (1 << 17) / head_bytes, [&](int, int64_t first, int64_t last) {
    for (int64_t b = 0; b < context_lens.size(0); ++b) {
      const int64_t end = OffsetAt(cu_seqlens, b + 1), keys = OffsetAt(context_lens, b);
      for (int64_t row = OffsetAt(cu_seqlens, b); row < end; ++row) {
        const int64_t key = keys - end + row;
        const int64_t block = OffsetAt(block_tables, b * block_tables.size(1) + key / length);
        CopyHeads(k, row, first, last, k_cache, block * length + key % length);
        CopyHeads(v, row, first, last, v_cache, block * length + key % length);
      }
    }
  });
}

}  // namespace strata
