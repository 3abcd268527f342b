#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/sample/sample_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include <cmath>

#include "kernels/base/aligned_buffer.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/sample/sample.h"
#include "kernels/simd/argmax-inl.h"
#include "kernels/simd/math-inl.h"
#include "kernels/simd/philox.h"
#include "kernels/simd/select-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

// One row and its options.
template <class T, class F = ComputeType<T>>
struct Row {
  const T* logits;
  size_t size;
  F temperature, most;  // most: of the logits over the temperature

  F Weight(size_t i) const {
    const hn::ScalableTag<F> d;
    return hn::GetLane(ExpNonPositive(d, hn::Set(d, static_cast<F>(ToDouble(logits[i])) / temperature - most)));
  }
  size_t blocks() const { return (size + kSampleBlock - 1) / kSampleBlock; }
  // The sum of a block's weights.
  F BlockWeight(size_t block) const {
    const hn::ScalableTag<F> d;
    const T* x = logits + block * kSampleBlock;
    const auto by = hn::Set(d, temperature), largest = hn::Set(d, most);
    return LaneSum(d, std::min(kSampleBlock, size - block * kSampleBlock), [&](auto acc, auto at) HWY_ATTR {
      return hn::Add(acc, at.Keep(ExpNonPositive(d, hn::Sub(hn::Div(at(x), by), largest))));
    });
  }
};

// Fills before[b], the weight ahead of block b, for b up to the number of blocks: the last is the total.
template <class T>
void SumBlocks(const Row<T>& row, double* before) {
  before[0] = 0;
  for (size_t b = 0; b < row.blocks(); ++b) before[b + 1] = before[b] + static_cast<double>(row.BlockWeight(b));
}

// From all tokens, in order of their numbers.
template <class T>
size_t DrawFromAll(const Row<T>& row, const double* before, double u) {
  const double at = u * before[row.blocks()];
  size_t block = row.blocks() - 1;
  while (block > 0 && (before[block] > at || before[block + 1] == before[block])) --block;
  const size_t first = block * kSampleBlock, last = std::min(row.size, first + kSampleBlock);
  double sum = before[block];
  size_t token = first;
  for (size_t i = first; i < last; ++i) {
    const auto weight = row.Weight(i);
    if (weight > 0) token = i;
    sum += static_cast<double>(weight);
    if (sum > at) break;
  }
  return token;
}

// How many of the tokens in `ranks`, in order of rank, add up to `enough`; *sum gets what they add up to.
template <class T, class F = ComputeType<T>>
size_t CountUntil(const Row<T>& row, const typename RankOf<F>::Key* ranks, size_t count, double enough, double* sum) {
  *sum = 0;
  for (size_t j = 0; j < count; ++j) {
    *sum += static_cast<double>(row.Weight(RankOf<F>::Index(ranks[j])));
    if (*sum >= enough) return j + 1;
  }
  return count;
}

// From the tokens that top_k and top_p leave, in order of rank.
template <class T, class F = ComputeType<T>>
size_t DrawFromTop(const Row<T>& row, size_t top_k, double top_p, double u, double* before,
                   typename RankOf<F>::Key* ranks) {
  constexpr double kAll = std::numeric_limits<double>::infinity();
  size_t count = top_k;
  double sum = 0;
  if (top_k > 0) {
    SelectTop(row.logits, row.size, count, true, ranks);
    CountUntil(row, ranks, count, kAll, &sum);
    if (top_p < 1) count = CountUntil(row, ranks, count, top_p * sum, &sum);
  } else {
    SumBlocks(row, before);
    const double enough = top_p * before[row.blocks()];
    // The cut is seldom far down: more are put in order only where the first are not enough.
    for (size_t tried = std::min<size_t>(row.size, 64);; tried = std::min(row.size, 8 * tried)) {
      SelectTop(row.logits, row.size, tried, true, ranks);
      count = CountUntil(row, ranks, tried, enough, &sum);
      if (sum >= enough || tried == row.size) break;
    }
  }
  const double at = u * sum;
  sum = 0;
  size_t j = 0;
  for (; j + 1 < count; ++j) {
    sum += static_cast<double>(row.Weight(RankOf<F>::Index(ranks[j])));
    if (sum > at) break;
  }
  return RankOf<F>::Index(ranks[j]);
}

template <class T, class F = ComputeType<T>>
size_t Draw(const T* logits, size_t size, F temperature, int64_t top_k, float top_p, uint64_t seed, uint64_t position,
            std::byte* workspace) {
  const F most = ExtremeOf<Reduction::kMax>(logits, size);
  if (!(temperature > 0) || !std::isfinite(most) || !std::isfinite(most / temperature)) {
    return FirstOf(logits, size, most);
  }
  const Row<T> row{logits, size, temperature, most / temperature};
  const auto words = PhiloxBlock(seed, kSampleStream, position);
  const double u = UniformDouble(words[0], words[1]);
  auto* before = reinterpret_cast<double*>(workspace);
  const bool cut = top_k > 0 && static_cast<size_t>(top_k) < size;
  if (!cut && !(top_p < 1)) {
    SumBlocks(row, before);
    return DrawFromAll(row, before, u);
  }
  auto* ranks = reinterpret_cast<typename RankOf<F>::Key*>(workspace + AlignUp((row.blocks() + 1) * sizeof(double)));
  return DrawFromTop(row, cut ? static_cast<size_t>(top_k) : 0, top_p, u, before, ranks);
}

void Sample(const OpContext& context, const TensorView& logits, const TensorView& seed, const TensorView& position,
            const TensorView* temperature, const TensorView* top_k, const TensorView* top_p, size_t bytes,
            const TensorView& token) {
  const auto size = static_cast<size_t>(logits.size(1));
  const auto grain = static_cast<int64_t>(1 + 8192 / size);
  DispatchFloat(logits.dtype, [&](auto type) {
    using T = decltype(type);
    using F = ComputeType<T>;
    ParallelChunks(*context.parallel, logits.size(0), grain, [&](int chunk, int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        const F heat = temperature == nullptr ? F(1) : static_cast<F>(temperature->In<float>()[b]);
        const size_t drawn = Draw(
            logits.In<T>() + b * logits.size(1), size, heat, top_k == nullptr ? 0 : top_k->In<int64_t>()[b],
            top_p == nullptr ? 1 : top_p->In<float>()[b], static_cast<uint64_t>(seed.In<int64_t>()[b]),
            static_cast<uint64_t>(position.In<int64_t>()[b]), context.workspace + static_cast<size_t>(chunk) * bytes);
        token.Out<int64_t>()[b] = static_cast<int64_t>(drawn);
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

HWY_EXPORT(Sample);

// Of one row: the weights ahead of its blocks, and the ranks of all its tokens.
static size_t RowBytes(const TensorView& logits) {
  const auto size = static_cast<size_t>(logits.size(1));
  const size_t rank = logits.dtype == DType::kF64 ? sizeof(RankOf<double>::Key) : sizeof(RankOf<float>::Key);
  return AlignUp(((size + kSampleBlock - 1) / kSampleBlock + 1) * sizeof(double)) + AlignUp(size * rank);
}

size_t SampleBytes(const Call& call) { return RowBytes(call.inputs[0]); }

void SampleCpu(const OpContext& context, const TensorView& logits, const TensorView& seed, const TensorView& position,
               const TensorView* temperature, const TensorView* top_k, const TensorView* top_p,
               const TensorView& token) {
  HWY_DYNAMIC_DISPATCH(Sample)
  (context, logits, seed, position, temperature, top_k, top_p, RowBytes(logits), token);
}

}  // namespace strata
#endif  // HWY_ONCE
