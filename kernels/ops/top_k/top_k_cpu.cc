#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/top_k/top_k_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/base/aligned_buffer.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/top_k/top_k.h"
#include "kernels/simd/select-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

void TopK(const OpContext& context, const TensorView& x, int64_t k, bool smallest, const TensorView& values,
          const TensorView& indices) {
  const int64_t n = x.size(-1);
  const auto length = static_cast<size_t>(n), most = static_cast<size_t>(k);
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    using Rank = RankOf<ComputeType<T>>;
    const size_t bytes = AlignUp(SelectCapacity(most, length) * sizeof(typename Rank::Key));
    ParallelChunks(
        *context.parallel, x.rows(), 1 + 16384 / (n + 8 * k + 1), [&](int chunk, int64_t begin, int64_t end) {
          auto* kept = reinterpret_cast<typename Rank::Key*>(context.workspace + static_cast<size_t>(chunk) * bytes);
          for (int64_t r = begin; r < end; ++r) {
            const T* row = x.In<T>() + r * n;
            SelectTop(row, length, most, !smallest, kept);
            for (int64_t j = 0; j < k; ++j) {
              const size_t at = Rank::Index(kept[j]);
              values.Out<T>()[r * k + j] = row[at];
              indices.Out<int64_t>()[r * k + j] = static_cast<int64_t>(at);
            }
          }
        });
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(TopK);

void TopKCpu(const OpContext& context, const TensorView& x, int64_t k, bool smallest, const TensorView& values,
             const TensorView& indices) {
  HWY_DYNAMIC_DISPATCH(TopK)(context, x, k, smallest, values, indices);
}

}  // namespace strata
#endif  // HWY_ONCE
