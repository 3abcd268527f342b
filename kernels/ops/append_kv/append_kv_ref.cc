#include "kernels/core/typed_kernel.h"
#include "kernels/ops/append_kv/append_kv.h"
#include "kernels/simd/attention_plan.h"

namespace strata {

void AppendKvRef(const OpContext&, const TensorView& k_cache, const TensorView& v_cache, const TensorView& k,
                 const TensorView& v, const TensorView& cu_seqlens, const TensorView& block_tables,
                 const TensorView& context_lens) {
  const int64_t length = k_cache.size(1), heads = k_cache.size(2), width = k_cache.size(3);
  const auto copy = [&](auto type, const TensorView& from, int64_t row, const TensorView& to, int64_t place) {
    using T = decltype(type);
    for (int64_t h = 0; h < heads; ++h) {
      for (int64_t d = 0; d < width; ++d) {
        to.Out<T>()[(place * heads + h) * width + d] =
            from.In<T>()[row * from.stride(0) + h * from.stride(1) + d * from.stride(2)];
      }
    }
  };
  for (int64_t b = 0; b < context_lens.size(0); ++b) {
    const int64_t end = OffsetAt(cu_seqlens, b + 1);
    for (int64_t row = OffsetAt(cu_seqlens, b); row < end; ++row) {
      const int64_t key = OffsetAt(context_lens, b) - end + row;
      const int64_t block = OffsetAt(block_tables, b * block_tables.size(1) + key / length);
      DispatchFloat(k.dtype, [&](auto type) {
        copy(type, k, row, k_cache, block * length + key % length);
        copy(type, v, row, v_cache, block * length + key % length);
      });
    }
  }
}

}  // namespace strata
