// Attention's forward over a ragged batch, wherever its rows lie: what attention and paged_attention share. Runs of
// many rows are split into rows, which take all their keys (attention-inl.h); attention_blocks-inl.h has the others.
// Included once per SIMD target.
//
//   AttendManyRows(context, problem);
//
// A problem says, for run b and key head h, in rows as attention-inl.h counts them:
//   int64_t runs(), group(), key_heads(), width(); double scale(); bool biased();
//   int64_t Queries(b); KeyWindow Window(b);
//   const T* QueryRow(b, h, row); Keys(b, h), Values(b, h): as HeadRows; int64_t KeyHeadStep(), ValueHeadStep(): from
//   head to head; const T* BiasRow(b, h, row), from key 0 on;
//   T* YRow(b, h, row); void PutLse(b, h, row, lse)
//   void AddRun(b, h, Stretches*): what to ask memory for ahead of run b, one of key_heads() shares of it
#if defined(STRATA_KERNELS_SIMD_ATTENTION_FORWARD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_ATTENTION_FORWARD_INL_H_
#undef STRATA_KERNELS_SIMD_ATTENTION_FORWARD_INL_H_
#else
#define STRATA_KERNELS_SIMD_ATTENTION_FORWARD_INL_H_
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/core/op_context.h"
#include "kernels/simd/attention-inl.h"
#include "kernels/simd/attention_plan.h"
#include "kernels/simd/attention_tasks-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

// Rows [first, first + rows) of one key head of one run, with all their keys.
struct RowsTask {
  int64_t run, head, first, rows;
};

template <class Problem>
class ManyRows {
 public:
  using F = typename Problem::F;
  using T = typename Problem::T;

  ManyRows(const OpContext& context, const Problem& problem)
      : context_(context), p_(problem), width_(static_cast<size_t>(problem.width())) {}

  void Run() const {
    SplitTasks(
        context_, AttentionGrain(p_.width()), [&](auto call) { EachTask(call); },
        [&](int chunk, const RowsTask& task) { Fold(chunk, task); });
  }

 private:
  template <class Call>
  void EachTask(Call call) const {
    for (int64_t b = 0; b < p_.runs(); ++b) {
      const int64_t rows = p_.Queries(b) * p_.group();
      if (rows > int64_t{kAttentionFewRows}) EachOfRun(b, rows, call);
    }
  }

  template <class Call>
  void EachOfRun(int64_t b, int64_t all, Call call) const {
    const KeyWindow window = p_.Window(b);
    for (int64_t head = 0; head < p_.key_heads(); ++head) {
      for (int64_t first = 0; first < all; first += kAttentionRows) {
        const RowsTask task{b, head, first, std::min<int64_t>(kAttentionRows, all - first)};
        const int64_t last = (first + task.rows - 1) / p_.group(), start = first / p_.group();
        const int64_t keys = window.End(last) - window.First(start) + window.End(start) - window.First(last);
        call(task, task.rows * (std::max<int64_t>(keys, 0) / 2 + 16));  // 16: packing and the ends of tiles
      }
    }
  }

  void Fold(int chunk, const RowsTask& task) const {
    AttentionFold<F> fold{.window = p_.Window(task.run),
                          .group = static_cast<size_t>(p_.group()),
                          .first_row = static_cast<size_t>(task.first),
                          .rows = static_cast<size_t>(task.rows),
                          .width = width_};
    const auto row_of = [&](size_t r) { return static_cast<int64_t>(r); };
    fold.Begin(
        AttentionSpace<F>(context_, chunk, width_),
        [&](size_t r) { return p_.QueryRow(task.run, task.head, row_of(r)); }, p_.scale());
    const auto bias_row = [&](size_t r) { return p_.BiasRow(task.run, task.head, row_of(r)); };
    fold.template Run<T>(p_.Keys(task.run, task.head), p_.Values(task.run, task.head), p_.biased(), bias_row,
                         After(task));
    fold.Finish([&](size_t r) { return p_.YRow(task.run, task.head, row_of(r)); },
                [&](size_t r, F lse) { p_.PutLse(task.run, task.head, row_of(r), lse); });
  }

  // What is read after a task's last keys: of the next run, in the order of memory, the share that falls to one of the
  // tasks of a run. (By heads, it would be some lines here and there, at which memory is slow.)
  Stretches After(const RowsTask& task) const {
    Stretches after;
    if (task.run + 1 < p_.runs()) p_.AddRun(task.run + 1, task.head, &after);
    return after;
  }

  const OpContext& context_;
  const Problem& p_;
  const size_t width_;
};

template <class Problem>
void AttendManyRows(const OpContext& context, const Problem& problem) {
  ManyRows<Problem>(context, problem).Run();
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // STRATA_KERNELS_SIMD_ATTENTION_FORWARD_INL_H_
