#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/paged_attention/paged_attention_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include <algorithm>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/paged_attention/paged_attention.h"
#include "kernels/simd/attention-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

// Up to kAttentionRows rows of one key head of one sequence.
struct PagedTask {
  int64_t sequence, key_head, first, rows;
};

// One head's rows of a cache, by key of a sequence.
template <class T>
struct PagedRows {
  const TensorView &cache, &tables;
  int64_t sequence, head;

  const T* operator()(size_t j) const {
    const auto length = static_cast<size_t>(cache.size(1));
    const int64_t block = OffsetAt(tables, sequence * tables.size(1) + static_cast<int64_t>(j / length));
    const int64_t row = block * cache.size(1) + static_cast<int64_t>(j % length);
    return cache.In<T>() + (row * cache.size(2) + head) * cache.size(3);
  }
};

template <class T>
void RunPaged(const OpContext& context, const TensorView& q, const TensorView& k_cache, const TensorView& v_cache,
              const TensorView& cu_seqlens, const TensorView& block_tables, const TensorView& context_lens,
              double scale, bool causal, int64_t left, const TensorView& y) {
  using F = ComputeType<T>;
  if (y.numel() == 0) return;
  const int64_t width = q.size(2), heads = q.size(1), group = heads / k_cache.size(2);
  const size_t bytes = AlignUp(AttentionScratch(static_cast<size_t>(width), sizeof(F)) * sizeof(F));
  const auto window = [&](int64_t b) {
    const int64_t most = block_tables.size(1) * k_cache.size(1);
    return KeyWindow(OffsetAt(cu_seqlens, b + 1) - OffsetAt(cu_seqlens, b),
                     std::clamp<int64_t>(OffsetAt(context_lens, b), 0, most), causal, left, -1);
  };
  const auto each = [&](auto call) {
    for (int64_t b = 0; b + 1 < cu_seqlens.size(0); ++b) {
      const int64_t rows = (OffsetAt(cu_seqlens, b + 1) - OffsetAt(cu_seqlens, b)) * group;
      for (int64_t head = 0; head < k_cache.size(2); ++head) {
        for (int64_t first = 0; first < rows; first += kAttentionRows) {
          const int64_t count = std::min<int64_t>(kAttentionRows, rows - first);
          const int64_t keys = window(b).End((first + count - 1) / group) - window(b).First(first / group);
          call(PagedTask{b, head, first, count}, (count + 8) * (std::max<int64_t>(keys, 0) + 16));
        }
      }
    }
  };
  SplitTasks(context, 1 + (1 << 18) / (width + 16), each, [&](int chunk, const PagedTask& task) {
    AttentionFold<F> fold{.window = window(task.sequence),
                          .group = static_cast<size_t>(group),
                          .first_row = static_cast<size_t>(task.first),
                          .rows = static_cast<size_t>(task.rows),
                          .width = static_cast<size_t>(width)};
    const int64_t query = OffsetAt(cu_seqlens, task.sequence), head = task.key_head * group;
    const auto query_rows = [&](size_t r) {
      const auto row = static_cast<int64_t>(r);
      return q.In<T>() + (query + row / group) * q.stride(0) + (head + row % group) * q.stride(1);
    };
    fold.Begin(reinterpret_cast<F*>(context.workspace + static_cast<size_t>(chunk) * bytes), query_rows,
               AttentionScale(scale, width));
    fold.template Run<false>(PagedRows<T>{k_cache, block_tables, task.sequence, task.key_head},
                             PagedRows<T>{v_cache, block_tables, task.sequence, task.key_head}, query_rows);
    fold.Finish(
        [&](size_t r) {
          const auto row = static_cast<int64_t>(r);
          return y.Out<T>() + ((query + row / group) * heads + head + row % group) * width;
        },
        [](size_t, F) {});
  });
}

void PagedAttention(const OpContext& context, const TensorView& q, const TensorView& k_cache, const TensorView& v_cache,
                    const TensorView& cu_seqlens, const TensorView& block_tables, const TensorView& context_lens,
                    double scale, bool causal, int64_t window_left, const TensorView& y) {
  DispatchFloat(q.dtype, [&](auto type) {
    RunPaged<decltype(type)>(context, q, k_cache, v_cache, cu_seqlens, block_tables, context_lens, scale, causal,
                             window_left, y);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(PagedAttention);

void PagedAttentionCpu(const OpContext& context, const TensorView& q, const TensorView& k_cache,
                       const TensorView& v_cache, const TensorView& cu_seqlens, const TensorView& block_tables,
                       const TensorView& context_lens, double scale, bool causal, int64_t window_left,
                       const TensorView& y) {
  HWY_DYNAMIC_DISPATCH(PagedAttention)
  (context, q, k_cache, v_cache, cu_seqlens, block_tables, context_lens, scale, causal, window_left, y);
}

}  // namespace strata
#endif  // HWY_ONCE
