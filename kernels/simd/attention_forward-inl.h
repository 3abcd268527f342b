// Attention's forward over a ragged batch, wherever its rows lie: what attention and paged_attention share. Runs of few
// rows are split into blocks of keys (attention_few-inl.h), others into rows (attention-inl.h). Included once per SIMD
// target.
//
//   RunAttention(context, problem);
//
// A problem says, for run b and key head h, in rows as attention-inl.h counts them:
//   int64_t runs(), group(), key_heads(), width(); double scale(); static constexpr bool kBias;
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
#include "kernels/simd/attention_few-inl.h"
#include "kernels/simd/attention_plan.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

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

// Rows [first, first + rows) of one key head of one run, with all their keys; of a run of few rows some heads with the
// keys from `first` on alone, whose parts begin at `part`.
struct ForwardTask {
  int64_t run, head, heads, first, rows;
  bool few;
  size_t part;
};

template <class Problem>
class Forward {
 public:
  using F = typename Problem::F;
  using T = typename Problem::T;

  Forward(const OpContext& context, const Problem& problem)
      : context_(context), p_(problem), width_(static_cast<size_t>(problem.width())) {
    int64_t blocks = 0;
    for (int64_t b = 0; b < problem.runs(); ++b) blocks += KeyBlocks(problem.Window(b), problem.Queries(b)).count();
    few_blocks_ = blocks < 3 * context.parallel->num_threads();
    thread_bytes_ = AlignUp(AttentionScratch(width_, sizeof(F)) * sizeof(F));
    parts_ =
        reinterpret_cast<F*>(context.workspace + thread_bytes_ * static_cast<size_t>(context.parallel->num_threads()));
  }

  void Run() const {
    const int64_t grain = 1 + (1 << 18) / (p_.width() + 16);
    SplitTasks(
        context_, grain, [&](auto call) { EachTask(call); },
        [&](int chunk, const ForwardTask& task) { task.few ? Block(chunk, task) : Fold(chunk, task); });
    SplitTasks(
        context_, grain, [&](auto call) { EachJoin(call); },
        [&](int chunk, const ForwardTask& task) { Join(chunk, task); });
  }

 private:
  F* Space(int chunk) const {
    return reinterpret_cast<F*>(context_.workspace + static_cast<size_t>(chunk) * thread_bytes_);
  }
  size_t PartSize(int64_t rows) const { return AttentionPart(static_cast<size_t>(rows), width_, sizeof(F)); }

  template <class Call>
  void EachTask(Call call) const {
    size_t part = 0;
    for (int64_t b = 0; b < p_.runs(); ++b) {
      const int64_t rows = p_.Queries(b) * p_.group();
      if (rows == 0) continue;
      if (rows > int64_t{kAttentionFewRows}) {
        EachOfRows(b, rows, call);
        continue;
      }
      const KeyBlocks blocks(p_.Window(b), p_.Queries(b));
      const int64_t together = few_blocks_ ? 1 : AttentionHeadsTogether(rows, p_.width(), sizeof(T));
      for (int64_t block = blocks.first; block < blocks.end; block += kAttentionKeys) {
        const int64_t cost = std::min<int64_t>(kAttentionKeys, blocks.end - block) * (rows + 3);
        for (int64_t head = 0, heads; head < p_.key_heads(); head += heads) {
          heads = std::min(together, p_.key_heads() - head);
          call(ForwardTask{b, head, heads, block, rows, true, part}, cost * heads);
          part += PartSize(rows) * static_cast<size_t>(heads);
        }
      }
    }
  }

  template <class Call>
  void EachOfRows(int64_t b, int64_t all, Call call) const {
    const KeyWindow window = p_.Window(b);
    for (int64_t head = 0; head < p_.key_heads(); ++head) {
      for (int64_t first = 0; first < all; first += kAttentionRows) {
        const ForwardTask task{b, head, 1, first, std::min<int64_t>(kAttentionRows, all - first), false, 0};
        const int64_t last = (first + task.rows - 1) / p_.group(), start = first / p_.group();
        const int64_t keys = window.End(last) - window.First(start) + window.End(start) - window.First(last);
        call(task, task.rows * (std::max<int64_t>(keys, 0) / 2 + 16));  // 16: packing and the ends of tiles
      }
    }
  }

  // Every key head of the runs of few rows.
  template <class Call>
  void EachJoin(Call call) const {
    size_t part = 0;
    for (int64_t b = 0; b < p_.runs(); ++b) {
      const int64_t rows = p_.Queries(b) * p_.group();
      if (rows == 0 || rows > int64_t{kAttentionFewRows}) continue;
      const int64_t blocks = KeyBlocks(p_.Window(b), p_.Queries(b)).count();
      for (int64_t head = 0; head < p_.key_heads(); ++head) {
        call(ForwardTask{b, head, 1, 0, rows, true, part + static_cast<size_t>(head) * PartSize(rows)},
             rows * (blocks + 1));
      }
      part += static_cast<size_t>(blocks * p_.key_heads()) * PartSize(rows);
    }
  }

  FewRows<F> Few(const ForwardTask& task) const {
    return {.window = p_.Window(task.run),
            .group = static_cast<size_t>(p_.group()),
            .rows = static_cast<size_t>(task.rows),
            .width = width_,
            .heads = static_cast<size_t>(task.heads)};
  }
  auto QueryRow(const ForwardTask& task) const {
    return [this, &task](size_t r) { return p_.QueryRow(task.run, task.head, static_cast<int64_t>(r)); };
  }
  auto YRow(const ForwardTask& task) const {
    return [this, &task](size_t r) { return p_.YRow(task.run, task.head, static_cast<int64_t>(r)); };
  }
  auto PutLse(const ForwardTask& task) const {
    return [this, &task](size_t r, F lse) { p_.PutLse(task.run, task.head, static_cast<int64_t>(r), lse); };
  }

  void Fold(int chunk, const ForwardTask& task) const {
    AttentionFold<F> fold{.window = p_.Window(task.run),
                          .group = static_cast<size_t>(p_.group()),
                          .first_row = static_cast<size_t>(task.first),
                          .rows = static_cast<size_t>(task.rows),
                          .width = width_};
    fold.Begin(Space(chunk), QueryRow(task), p_.scale());
    const auto bias_row = [&](size_t r) { return p_.BiasRow(task.run, task.head, static_cast<int64_t>(r)); };
    fold.template Run<Problem::kBias, T>(p_.Keys(task.run, task.head), p_.Values(task.run, task.head), bias_row,
                                         After(task));
    fold.Finish(YRow(task), PutLse(task));
  }

  // What is read after a task's last keys: of the next run, in the order of memory, the share that falls to one of the
  // tasks of a run. (By heads, it would be some lines here and there, at which memory is slow.)
  Stretches After(const ForwardTask& task) const {
    Stretches after;
    if (task.run + 1 < p_.runs()) p_.AddRun(task.run + 1, task.head, &after);
    return after;
  }

  void Block(int chunk, const ForwardTask& task) const {
    FewRows<F> few = Few(task);
    const int64_t block_end = KeyBlocks(few.window, p_.Queries(task.run)).end;
    const auto block = static_cast<size_t>(task.first), end = static_cast<size_t>(block_end);
    const auto keys = p_.Keys(task.run, task.head);
    const T *key_at[kAttentionKeys], *value_at[kAttentionKeys], *next_at[kPanel<F>];
    BlockRows<T> at;
    at.keys = {key_at, std::min(kAttentionKeys, end - block), p_.KeyHeadStep()};
    at.values = {value_at, at.keys.count, p_.ValueHeadStep()};
    at.next = {next_at, std::min(kPanel<F>, end - block - at.keys.count), p_.KeyHeadStep()};
    keys.Find(block, at.keys.count, key_at);
    p_.Values(task.run, task.head).Find(block, at.keys.count, value_at);
    keys.Find(block + at.keys.count, at.next.count, next_at);
    const auto head = [&](size_t h) { return task.head + static_cast<int64_t>(h); };
    few.Begin(
        Space(chunk), [&](size_t h, size_t r) { return p_.QueryRow(task.run, head(h), static_cast<int64_t>(r)); },
        p_.scale());
    few.template Block<Problem::kBias>(
        block, at, [&](size_t h, size_t r) { return p_.BiasRow(task.run, head(h), static_cast<int64_t>(r)) + block; },
        [&](size_t h) { return parts_ + task.part + h * PartSize(task.rows); });
  }

  void Join(int chunk, const ForwardTask& task) const {
    const FewRows<F> few = Few(task);
    const KeyBlocks blocks(few.window, p_.Queries(task.run));
    const size_t step = static_cast<size_t>(p_.key_heads()) * PartSize(task.rows);
    const auto part_at = [&](int64_t block) {
      return parts_ + task.part + static_cast<size_t>(block - blocks.first) / kAttentionKeys * step;
    };
    JoinParts(few, blocks, part_at, Space(chunk), YRow(task), PutLse(task));
  }

  const OpContext& context_;
  const Problem& p_;
  const size_t width_;
  bool few_blocks_;  // then threads share the heads
  size_t thread_bytes_;
  F* parts_;
};

template <class Problem>
void RunAttention(const OpContext& context, const Problem& problem) {
  Forward<Problem>(context, problem).Run();
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // STRATA_KERNELS_SIMD_ATTENTION_FORWARD_INL_H_
