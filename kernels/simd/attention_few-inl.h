// Attention for few rows, as when a language model writes a token: every key and value is read once, where it lies, for
// all the rows, and each block of keys gives a part of its own, so that threads can share one long run. JoinParts folds
// the parts in order, with the bits of AttentionFold (attention-inl.h). Included once per SIMD target.
//
//   FewRows<float> few{.window = window, .group = 4, .rows = 4, .width = 128, .heads = 8};
//   few.Begin(space, query_row, scale);
//   few.Block(block, at, /*biased=*/false, no_bias, part_of);  // a block of keys
//   JoinParts(few, blocks, part_at, space, y_row, put_lse);  // one head
#if defined(STRATA_KERNELS_SIMD_ATTENTION_FEW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_ATTENTION_FEW_INL_H_
#undef STRATA_KERNELS_SIMD_ATTENTION_FEW_INL_H_
#else
#define STRATA_KERNELS_SIMD_ATTENTION_FEW_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <type_traits>

#include "kernels/simd/attention-inl.h"
#include "kernels/simd/attention_plan.h"
#include "kernels/simd/attention_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Where the rows of a tensor lie: row j of head h at rows[j] + h * head_step.
template <class T>
struct RowsOfHeads {
  const T* const* rows;
  size_t count;
  int64_t head_step;
  const T* operator()(size_t row, size_t head) const { return rows[row] + static_cast<int64_t>(head) * head_step; }
};

// Asks for the lines of rows one after the other, as memory likes it, while others are computed with: those of one head
// lie far apart, which the processor does not foresee.
template <class T>
class Ahead {
 public:
  Ahead(const RowsOfHeads<T>& rows, size_t heads, size_t width)
      : rows_(rows), heads_(heads), lines_((width * sizeof(T) + 63) / 64) {
    Begin();
  }
  HWY_INLINE void Next() {
    if (row_ == rows_.count) return;
    __builtin_prefetch(at_ + 64 * line_, 0, 2);
    if (++line_ < lines_) return;
    line_ = 0;
    if (++head_ == heads_) head_ = 0, ++row_;
    Begin();
  }

 private:
  HWY_INLINE void Begin() {
    if (row_ < rows_.count) at_ = reinterpret_cast<const char*>(rows_(row_, head_));
  }
  const RowsOfHeads<T> rows_;
  const size_t heads_, lines_;
  size_t row_ = 0, head_ = 0, line_ = 0;
  const char* at_ = nullptr;
};

// A block's keys and values for some heads, and the first keys of the block that is read next (none: count is 0).
template <class T>
struct BlockRows {
  RowsOfHeads<T> keys, values, next;
};

// scores[j] = exp2(score - the greatest) for keys [first, end) of a block; gives the greatest and the sum, which runs
// in four chains, of keys 0, 1, 2, 3 mod 4.
template <class F>
HWY_NOINLINE void WeighRow(size_t first, size_t end, F* scores, F* max, F* sum) {
  using D = hn::ScalableTag<F>;
  const D d;
  constexpr size_t kLanes = hn::MaxLanes(D()), kStep = std::max<size_t>(kLanes, 4);
  constexpr F kLowest = -std::numeric_limits<F>::infinity();
  const size_t begin = first / kStep * kStep, stop = (end + kStep - 1) / kStep * kStep;
  std::fill(scores + begin, scores + first, kLowest);
  std::fill(scores + end, scores + stop, kLowest);
  auto most = hn::Set(d, kLowest);
  for (size_t j = begin; j < stop; j += kLanes) most = AtLeast(most, hn::Load(d, scores + j));
  *max = FoldLanes(d, most, [](auto a, auto b) HWY_ATTR { return AtLeast(a, b); });
  const auto shift = hn::Set(d, *max == kLowest ? F(0) : *max);
  for (size_t j = begin; j < stop; j += kLanes) {
    hn::Store(Exp2(d, hn::Sub(hn::Load(d, scores + j), shift)), d, scores + j);
  }
  const hn::CappedTag<F, 4> d4;
  constexpr size_t kParts = 4 / hn::MaxLanes(hn::CappedTag<F, 4>());
  hn::Vec<decltype(d4)> total[kParts];
  for (size_t i = 0; i < kParts; ++i) total[i] = hn::Zero(d4);
  for (size_t j = begin; j < stop; j += 4) {
    for (size_t i = 0; i < kParts; ++i) total[i] = hn::Add(total[i], hn::Load(d4, scores + j + i * hn::Lanes(d4)));
  }
  HWY_ALIGN F t[4];
  for (size_t i = 0; i < kParts; ++i) hn::Store(total[i], d4, t + i * hn::Lanes(d4));
  *sum = (t[0] + t[2]) + (t[1] + t[3]);
}

// c[r, :] goes on, or begins, with the sum over keys [from, to) of weights[r, key] * values[key, :], one chain for
// every output: kVectors vectors from `column` on.
template <size_t kRows, size_t kVectors, class T, class F>
HWY_INLINE void WeightedColumns(const RowsOfHeads<T>& values, size_t head, size_t from, size_t to, bool begin,
                                size_t column, size_t width, const F* weights, Ahead<T>& ahead, F* c) {
  const hn::ScalableTag<F> d;
  constexpr size_t kLanes = hn::MaxLanes(hn::ScalableTag<F>());
  const size_t left = width - column, step = Padded<F>(width);
  hn::Vec<decltype(d)> acc[kRows][kVectors];
  STRATA_ATTENTION_UNROLL
  for (size_t r = 0; r < kRows; ++r) {
    STRATA_ATTENTION_UNROLL
    for (size_t v = 0; v < kVectors; ++v) {
      acc[r][v] = begin ? hn::Zero(d) : hn::Load(d, c + r * step + column + v * kLanes);
    }
  }
  for (size_t j = from; j < to; ++j) {
    const T* value = values(j, head) + column;
    hn::Vec<decltype(d)> b[kVectors];
    STRATA_ATTENTION_UNROLL
    for (size_t v = 0; v < kVectors; ++v) {
      b[v] = kVectors > 1 || left >= kLanes ? Read(d, value + v * kLanes) : ReadN(d, value, left);
    }
    STRATA_ATTENTION_UNROLL
    for (size_t r = 0; r < kRows; ++r) {
      const auto weight = hn::Set(d, weights[r * kAttentionKeys + j]);
      STRATA_ATTENTION_UNROLL
      for (size_t v = 0; v < kVectors; ++v) acc[r][v] = hn::MulAdd(weight, b[v], acc[r][v]);
    }
    STRATA_ATTENTION_UNROLL
    for (size_t v = 0; v < kVectors; ++v) ahead.Next();
  }
  STRATA_ATTENTION_UNROLL
  for (size_t r = 0; r < kRows; ++r) {
    STRATA_ATTENTION_UNROLL
    for (size_t v = 0; v < kVectors; ++v) hn::Store(acc[r][v], d, c + r * step + column + v * kLanes);
  }
}

template <size_t kRows, class T, class F>
HWY_NOINLINE void WeightedValues(const RowsOfHeads<T>& values, size_t head, size_t from, size_t to, bool begin,
                                 size_t width, const F* weights, Ahead<T>& ahead, F* c) {
  constexpr size_t kLanes = hn::MaxLanes(hn::ScalableTag<F>());
  // 16 accumulators of 32 registers, 8 of 16.
  constexpr size_t kVectors = std::min<size_t>(4, (HWY_TARGET == HWY_AVX2 ? 8 : 16) / kRows);
  size_t column = 0;
  for (; column + kVectors * kLanes <= width; column += kVectors * kLanes) {
    WeightedColumns<kRows, kVectors>(values, head, from, to, begin, column, width, weights, ahead, c);
  }
  if (kVectors > 2 && column + 2 * kLanes <= width) {
    WeightedColumns<kRows, 2>(values, head, from, to, begin, column, width, weights, ahead, c);
    column += 2 * kLanes;
  }
  for (; column < width; column += kLanes) {
    WeightedColumns<kRows, 1>(values, head, from, to, begin, column, width, weights, ahead, c);
  }
}

// Where a part of AttentionPart elements has what.
template <class F>
struct Part {
  F *max, *sum, *y;
  explicit Part(F* at) : max(at), sum(at + kAttentionFewRows), y(at + 2 * kAttentionFewRows) {}
};

// Up to kAttentionFewRows rows of each of some key heads that lie side by side; row r of a head is query r / group,
// head r % group of those that share it.
template <class F>
struct FewRows {
  KeyWindow window;
  size_t group, rows, width, heads;
  F *q = nullptr, *panel = nullptr, *scores = nullptr;

  // Takes `space` (AttentionScratch) and packs the queries, times `scale`. query_row(head, row).
  template <class QueryRow>
  void Begin(F* space, const QueryRow& query_row, double scale) {
    const hn::ScalableTag<F> d;
    const auto take = [&](size_t count) { return space += count, space - count; };
    scores = take(kAttentionFewTasks * kAttentionKeys), panel = take(kPanel<F> * width);
    q = take(kAttentionFewTasks * width);
    const auto factor = hn::Set(d, static_cast<F>(scale * Exp2Constants<double>::kLog2E));
    for (size_t h = 0; h < heads; ++h) {
      PackLeft([&](size_t r) { return query_row(h, r); }, 0, rows, width, q + h * rows * width);
    }
    Map(d, heads * rows * width, q, [&](auto at) HWY_ATTR { return hn::Mul(at(q), factor); });
  }

  // The keys from `block` on; bias_row(head, r): a row's biases from key `block` on; part_of(head).
  template <class T, class BiasRow, class PartOf>
  void Block(size_t block, const BlockRows<T>& at, bool biased, const BiasRow& bias_row, const PartOf& part_of) const {
    size_t first[kAttentionFewRows], end[kAttentionFewRows];
    const size_t keys = at.keys.count;
    for (size_t r = 0; r < rows; ++r) See(r, block, keys, &first[r], &end[r]);
    for (size_t j = 0; j < keys; j += kPanel<F>) {
      Ahead<T> ahead(Panel(j + kPanel<F> < keys ? at.keys : at.values, j + kPanel<F> < keys ? j + kPanel<F> : 0), heads,
                     width);
      for (size_t h = 0; h < heads; ++h) Score(at.keys, h, j, ahead);
    }
    for (size_t h = 0; h < heads; ++h) {
      Part<F> part(part_of(h));
      std::fill_n(part.max, kAttentionFewRows, -std::numeric_limits<F>::infinity());
      std::fill_n(part.sum, kAttentionFewRows, F(0));
      for (size_t r = 0; r < rows; ++r) {
        if (first[r] >= end[r]) continue;
        F* row = Scores(h, r);
        if (biased) AddBias(bias_row(h, r), first[r], end[r], row);
        WeighRow(first[r], end[r], row, part.max + r, part.sum + r);
      }
    }
    for (size_t j = 0; j < keys; j += kPanel<F>) {
      Ahead<T> ahead(Panel(j + kPanel<F> < keys ? at.values : at.next, j + kPanel<F> < keys ? j + kPanel<F> : 0), heads,
                     width);
      for (size_t h = 0; h < heads; ++h) Weigh(at.values, h, j, first, end, ahead, Part<F>(part_of(h)).y);
    }
  }

  // The keys [*first, *end) of a block that a row sees.
  void See(size_t row, size_t block, size_t keys, size_t* first, size_t* end) const {
    const auto query = static_cast<int64_t>(row / group);
    const auto place = [&](int64_t key) {
      return static_cast<size_t>(std::clamp<int64_t>(key - static_cast<int64_t>(block), 0, static_cast<int64_t>(keys)));
    };
    *first = place(window.First(query)), *end = place(window.End(query));
  }

 private:
  F* Scores(size_t head, size_t row) const { return scores + (head * rows + row) * kAttentionKeys; }

  template <class T>
  static RowsOfHeads<T> Panel(const RowsOfHeads<T>& all, size_t first) {
    return {all.rows + first, std::min(kPanel<F>, all.count - first), all.head_step};
  }

  // Scores of a panel of keys from `first` on.
  template <class T>
  void Score(const RowsOfHeads<T>& all, size_t head, size_t first, Ahead<T>& ahead) const {
    const size_t lines = (width * sizeof(T) + 127) / 128;
    const size_t count = std::min(kPanel<F>, all.count - first);
    const T* rows_at[kPanel<F>];
    for (size_t j = 0; j < count; ++j) rows_at[j] = all(first + j, head);
    PackColumns<kPanel<F>>(rows_at, count, width, panel, [&]() HWY_ATTR {
      for (size_t i = 0; i < lines; ++i) ahead.Next();
    });
    const auto next = [&]() HWY_ATTR { ahead.Next(); };
    ForEachHeight(rows, [&](auto height, size_t r) {
      Dots<height()>(q + (head * rows + r) * width, panel, width, Scores(head, r) + first, kAttentionKeys, next);
    });
  }

  // A panel of values from `panel` on: rows of y go on.
  template <class T>
  void Weigh(const RowsOfHeads<T>& values, size_t head, size_t panel_at, const size_t* first, const size_t* end,
             Ahead<T>& ahead, F* y) const {
    const size_t panel_end = std::min(panel_at + kPanel<F>, values.count);
    for (size_t r = 0, count; r < rows; r += count) {
      for (count = 8; r + count > rows || first[r + count - 1] != first[r] || end[r + count - 1] != end[r];) count /= 2;
      const size_t from = std::max(panel_at, first[r]), to = std::min(panel_end, end[r]);
      if (from >= to) continue;
      const auto run = [&](auto height) {
        WeightedValues<height()>(values, head, from, to, from == first[r], width, Scores(head, r), ahead,
                                 y + r * Padded<F>(width));
      };
      if (count == 8) run(std::integral_constant<size_t, 8>());
      if (count == 4) run(std::integral_constant<size_t, 4>());
      if (count == 2) run(std::integral_constant<size_t, 2>());
      if (count == 1) run(std::integral_constant<size_t, 1>());
    }
  }

  template <class T>
  void AddBias(const T* bias, size_t first, size_t end, F* row) const {
    const hn::ScalableTag<F> d;
    const auto log2e = hn::Set(d, Exp2Constants<F>::kLog2E);
    Map(d, end - first, row + first,
        [&](auto at) HWY_ATTR { return hn::MulAdd(at(bias + first), log2e, at(row + first)); });
  }
};

// Folds the parts of a run's blocks in order: part_at(block). Works in `space`.
template <class F, class PartAt, class YRow, class PutLse>
void JoinParts(const FewRows<F>& few, const KeyBlocks& blocks, const PartAt& part_at, F* space, const YRow& y_row,
               const PutLse& put_lse) {
  const hn::ScalableTag<F> d;
  const size_t step = Padded<F>(few.width);
  Part<F> all(space);
  std::fill_n(all.max, kAttentionFewRows, -std::numeric_limits<F>::infinity());
  std::fill_n(all.sum, kAttentionFewRows, F(0));
  std::fill_n(all.y, few.rows * step, F(0));
  HWY_ALIGN F before_factor[kAttentionFewRows], block_factor[kAttentionFewRows];
  for (int64_t block = blocks.first; block < blocks.end; block += kAttentionKeys) {
    const Part<F> part(part_at(block));
    for (size_t r = 0; r < few.rows; r += hn::Lanes(d)) {
      const auto factors = MergeFactors(d, hn::Load(d, all.max + r), hn::Load(d, part.max + r));
      const auto added = hn::Mul(hn::Load(d, part.sum + r), factors.block);
      hn::Store(hn::MulAdd(hn::Load(d, all.sum + r), factors.before, added), d, all.sum + r);
      hn::Store(factors.max, d, all.max + r);
      hn::Store(factors.before, d, before_factor + r);
      hn::Store(factors.block, d, block_factor + r);
    }
    const auto keys = static_cast<size_t>(std::min<int64_t>(kAttentionKeys, blocks.end - block));
    for (size_t r = 0; r < few.rows; ++r) {
      size_t first, end;
      few.See(r, static_cast<size_t>(block), keys, &first, &end);
      if (first >= end) continue;
      for (size_t column = 0; column < step; column += kPanel<F>) {
        Merge(part.y + r * step + column, before_factor[r], block_factor[r], all.y + r * step + column);
      }
    }
  }
  FinishRows(few.rows, few.width, all.y, step, all.max, all.sum, y_row, put_lse);
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // STRATA_KERNELS_SIMD_ATTENTION_FEW_INL_H_
