// Attention's forward for the runs of few rows, as when a language model writes tokens: what attention and
// paged_attention share. Blocks of keys are tasks of their own (attention_few-inl.h); then each head's are joined.
// Included once per SIMD target.
//
//   AttendFewRows(context, problem);  // a problem: attention_forward-inl.h
#if defined(STRATA_KERNELS_SIMD_ATTENTION_BLOCKS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_ATTENTION_BLOCKS_INL_H_
#undef STRATA_KERNELS_SIMD_ATTENTION_BLOCKS_INL_H_
#else
#define STRATA_KERNELS_SIMD_ATTENTION_BLOCKS_INL_H_
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/core/op_context.h"
#include "kernels/simd/attention_few-inl.h"
#include "kernels/simd/attention_plan.h"
#include "kernels/simd/attention_tasks-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

// Some key heads of a run of few rows: with the keys of the block at `first` alone, or (to join the blocks) with all.
// Their parts begin at `part`.
struct BlockTask {
  int64_t run, head, heads, first, rows;
  size_t part;
};

template <class Problem>
class FewOfRuns {
 public:
  using F = typename Problem::F;
  using T = typename Problem::T;

  FewOfRuns(const OpContext& context, const Problem& problem)
      : context_(context), p_(problem), width_(static_cast<size_t>(problem.width())) {
    int64_t blocks = 0;
    for (int64_t b = 0; b < problem.runs(); ++b) blocks += KeyBlocks(problem.Window(b), problem.Queries(b)).count();
    few_blocks_ = blocks < 3 * context.parallel->num_threads();
    parts_ = AttentionSpace<F>(context, context.parallel->num_threads(), width_);
  }

  void Run() const {
    const int64_t grain = AttentionGrain(p_.width());
    SplitTasks(
        context_, grain, [&](auto call) { EachBlock(call); },
        [&](int chunk, const BlockTask& task) { Block(chunk, task); });
    SplitTasks(
        context_, grain, [&](auto call) { EachJoin(call); },
        [&](int chunk, const BlockTask& task) { Join(chunk, task); });
  }

 private:
  size_t PartSize(int64_t rows) const { return AttentionPart(static_cast<size_t>(rows), width_, sizeof(F)); }

  template <class Call>
  void EachBlock(Call call) const {
    size_t part = 0;
    for (int64_t b = 0; b < p_.runs(); ++b) {
      const int64_t rows = p_.Queries(b) * p_.group();
      if (rows == 0 || rows > int64_t{kAttentionFewRows}) continue;
      const KeyBlocks blocks(p_.Window(b), p_.Queries(b));
      const int64_t together = few_blocks_ ? 1 : AttentionHeadsTogether(rows, p_.width(), sizeof(T));
      for (int64_t block = blocks.first; block < blocks.end; block += kAttentionKeys) {
        const int64_t cost = std::min<int64_t>(kAttentionKeys, blocks.end - block) * (rows + 3);
        for (int64_t head = 0, heads; head < p_.key_heads(); head += heads) {
          heads = std::min(together, p_.key_heads() - head);
          call(BlockTask{b, head, heads, block, rows, part}, cost * heads);
          part += PartSize(rows) * static_cast<size_t>(heads);
        }
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
        call(BlockTask{b, head, 1, 0, rows, part + static_cast<size_t>(head) * PartSize(rows)}, rows * (blocks + 1));
      }
      part += static_cast<size_t>(blocks * p_.key_heads()) * PartSize(rows);
    }
  }

  FewRows<F> Few(const BlockTask& task) const {
    return {.window = p_.Window(task.run),
            .group = static_cast<size_t>(p_.group()),
            .rows = static_cast<size_t>(task.rows),
            .width = width_,
            .heads = static_cast<size_t>(task.heads)};
  }
  void Block(int chunk, const BlockTask& task) const {
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
        AttentionSpace<F>(context_, chunk, width_),
        [&](size_t h, size_t r) { return p_.QueryRow(task.run, head(h), static_cast<int64_t>(r)); }, p_.scale());
    few.Block(
        block, at, p_.biased(),
        [&](size_t h, size_t r) { return p_.BiasRow(task.run, head(h), static_cast<int64_t>(r)) + block; },
        [&](size_t h) { return parts_ + task.part + h * PartSize(task.rows); });
  }

  void Join(int chunk, const BlockTask& task) const {
    const FewRows<F> few = Few(task);
    const KeyBlocks blocks(few.window, p_.Queries(task.run));
    const size_t step = static_cast<size_t>(p_.key_heads()) * PartSize(task.rows);
    const auto part_at = [&](int64_t block) {
      return parts_ + task.part + static_cast<size_t>(block - blocks.first) / kAttentionKeys * step;
    };
    JoinParts(
        few, blocks, part_at, AttentionSpace<F>(context_, chunk, width_),
        [&](size_t r) { return p_.YRow(task.run, task.head, static_cast<int64_t>(r)); },
        [&](size_t r, F lse) { p_.PutLse(task.run, task.head, static_cast<int64_t>(r), lse); });
  }

  const OpContext& context_;
  const Problem& p_;
  const size_t width_;
  bool few_blocks_;  // then threads share the heads
  F* parts_;
};

template <class Problem>
void AttendFewRows(const OpContext& context, const Problem& problem) {
  FewOfRuns<Problem>(context, problem).Run();
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // STRATA_KERNELS_SIMD_ATTENTION_BLOCKS_INL_H_
