// How attention's kernels share work and working memory among threads. Included once per SIMD target.
//
//   SplitTasks(context, grain, each_task, [&](int chunk, const Task& task) { ... });
#if defined(STRATA_KERNELS_SIMD_ATTENTION_TASKS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_ATTENTION_TASKS_INL_H_
#undef STRATA_KERNELS_SIMD_ATTENTION_TASKS_INL_H_
#else
#define STRATA_KERNELS_SIMD_ATTENTION_TASKS_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>

#include "kernels/core/op_context.h"
#include "kernels/simd/attention_plan.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

// The least work of a thread, in queries times keys (and some for each query).
inline int64_t AttentionGrain(int64_t width) { return 1 + (1 << 18) / (width + 16); }

// A thread's working memory of a forward; that of thread num_threads() is what lies behind all threads'.
template <class F>
F* AttentionSpace(const OpContext& context, int thread, size_t width) {
  const size_t bytes = AlignUp(AttentionScratch(width, sizeof(F)) * sizeof(F));
  return reinterpret_cast<F*>(context.workspace + static_cast<size_t>(thread) * bytes);
}

// Splits tasks into chunks of equal work for the threads: each(call) calls call(task, cost) for every task in order;
// visit(chunk, task) runs one.
template <class Each, class Visit>
void SplitTasks(const OpContext& context, int64_t grain, const Each& each, const Visit& visit) {
  int64_t work = 0;
  each([&](const auto&, int64_t cost) { work += cost; });
  ParallelChunks(*context.parallel, work, grain, [&](int chunk, int64_t begin, int64_t end) {
    int64_t done = 0;
    each([&](const auto& task, int64_t cost) {
      const int64_t middle = done + cost / 2;
      if (middle >= begin && middle < end) visit(chunk, task);
      done += cost;
    });
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // STRATA_KERNELS_SIMD_ATTENTION_TASKS_INL_H_
