// Attention's forward for some rows of one head, wherever its keys and values lie: what attention and paged_attention
// share. A row is a query of one of the heads that share a key head: row r is query r / group, head r % group.
// Included once per SIMD target. The order of sums: docs/design/numerics.md.
//
//   AttentionFold<float> fold{...};
//   fold.Begin(space, width, query_rows, scale, count);
//   fold.Run<float>(key_rows, value_rows, /*biased=*/false, no_bias_rows, {});
//   fold.Finish([&](size_t row) { return y + ...; }, [&](size_t row, float lse) { ... });
#if defined(STRATA_KERNELS_SIMD_ATTENTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_ATTENTION_INL_H_
#undef STRATA_KERNELS_SIMD_ATTENTION_INL_H_
#else
#define STRATA_KERNELS_SIMD_ATTENTION_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <limits>

#include "kernels/core/tensor_view.h"
#include "kernels/simd/attention_plan.h"
#include "kernels/simd/attention_tile-inl.h"
#include "kernels/simd/math-inl.h"
#include "kernels/simd/row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The stretch of a block's keys that each row of a panel sees, as numbers from the block's start.
template <class F>
struct Seen {
  HWY_ALIGN F first[kPanel<F>], end[kPanel<F>];
  size_t begin, common_begin, common_end, stop;  // seen by any row: [begin, stop); by every one: [common_...)
};

// scores[j, lane] = -inf where the lane does not see key j, for keys [from, to); returns the greatest of all.
template <bool kMasked, class D, class F>
HWY_INLINE void MaxOfKeys(D d, const Seen<F>& seen, size_t lane, size_t from, size_t to, F* scores,
                          hn::Vec<D> (&most)[4]) {
  const auto first = hn::Load(d, seen.first + lane), end = hn::Load(d, seen.end + lane);
  for (size_t j = from; j < to; j += 4) {
    for (size_t u = 0; u < 4; ++u) {
      F* at = scores + (j + u) * kPanel<F> + lane;
      auto v = hn::Load(d, at);
      if constexpr (kMasked) {
        const auto key = hn::Set(d, static_cast<F>(j + u));
        v = hn::IfThenElse(hn::And(hn::Ge(key, first), hn::Lt(key, end)), v,
                           hn::Set(d, -std::numeric_limits<F>::infinity()));
        hn::Store(v, d, at);
      }
      most[u] = AtLeast(most[u], v);
    }
  }
}

// Sums and weighted values so far, and a block's, are multiplied with these before they are added.
template <class V>
struct Factors {
  V max, before, block;
};
template <class D, class V = hn::Vec<D>>
HWY_INLINE Factors<V> MergeFactors(D d, V before, V block) {
  const auto lowest = hn::Set(d, -std::numeric_limits<hn::TFromD<D>>::infinity());
  const auto max = AtLeast(before, block), shift = hn::IfThenZeroElse(hn::Eq(max, lowest), max);
  return {max, Exp2(d, hn::Sub(before, shift)), Exp2(d, hn::Sub(block, shift))};
}

// A block of scores (base 2) becomes exp2(score - the block's greatest); sums run in four chains, of keys 0, 1, 2, 3
// mod 4. Gives what the sums so far and the block's are to be multiplied with; updates max and sum.
template <class F>
HWY_NOINLINE void SoftmaxBlock(const Seen<F>& seen, size_t rows, F* scores, F* max, F* sum, F* before_factor,
                               F* block_factor) {
  using D = hn::ScalableTag<F>;
  const D d;
  const size_t begin = seen.begin / 4 * 4, stop = (seen.stop + 3) / 4 * 4;
  const size_t common_begin = std::min(stop, (seen.common_begin + 3) / 4 * 4);
  const size_t common_end = std::max(common_begin, seen.common_end / 4 * 4);
  const auto lowest = hn::Set(d, -std::numeric_limits<F>::infinity());
  for (size_t lane = 0; lane < rows; lane += hn::MaxLanes(D())) {
    hn::Vec<D> most[4] = {lowest, lowest, lowest, lowest};
    MaxOfKeys<true>(d, seen, lane, begin, common_begin, scores, most);
    MaxOfKeys<false>(d, seen, lane, common_begin, common_end, scores, most);
    MaxOfKeys<true>(d, seen, lane, common_end, stop, scores, most);
    const auto block = AtLeast(AtLeast(most[0], most[1]), AtLeast(most[2], most[3]));
    const auto shift = hn::IfThenZeroElse(hn::Eq(block, lowest), block);
    hn::Vec<D> total[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
    for (size_t j = begin; j < stop; j += 4) {
      STRATA_ATTENTION_UNROLL
      for (size_t u = 0; u < 4; ++u) {
        F* at = scores + (j + u) * kPanel<F> + lane;
        const auto p = Exp2(d, hn::Sub(hn::Load(d, at), shift));
        hn::Store(p, d, at);
        total[u] = hn::Add(total[u], p);
      }
    }
    const auto factors = MergeFactors(d, hn::Load(d, max + lane), block);
    const auto added = hn::Mul(hn::Add(hn::Add(total[0], total[2]), hn::Add(total[1], total[3])), factors.block);
    hn::Store(hn::MulAdd(hn::Load(d, sum + lane), factors.before, added), d, sum + lane);
    hn::Store(factors.max, d, max + lane);
    hn::Store(factors.before, d, before_factor + lane);
    hn::Store(factors.block, d, block_factor + lane);
  }
}

// c[0, :] goes on over keys [from, to): for rows of a tile that see more than the others.
template <class F>
HWY_NOINLINE void RowChain(const F* weights, const F* values, size_t from, size_t to, F* c) {
  const hn::ScalableTag<F> d;
  constexpr size_t kLanes = hn::MaxLanes(hn::ScalableTag<F>());
  for (size_t i = 0; i < kPanel<F>; i += 2 * kLanes) {
    auto c0 = hn::Load(d, c + i), c1 = hn::Load(d, c + i + kLanes);
    for (size_t j = from; j < to; ++j) {
      const auto weight = hn::Set(d, weights[j * kPanel<F>]);
      c0 = hn::MulAdd(weight, hn::Load(d, values + j * kPanel<F> + i), c0);
      c1 = hn::MulAdd(weight, hn::Load(d, values + j * kPanel<F> + i + kLanes), c1);
    }
    hn::Store(c0, d, c + i);
    hn::Store(c1, d, c + i + kLanes);
  }
}

// The part of the keys that all rows of a tile see, and each row's own: as whole numbers from the block's start.
template <size_t kRows>
struct TileKeys {
  size_t first[kRows], end[kRows], begin = 0, stop = kAttentionKeys;

  template <class F>
  HWY_INLINE TileKeys(const Seen<F>& seen, size_t row) {
    for (size_t r = 0; r < kRows; ++r) {
      first[r] = static_cast<size_t>(seen.first[row + r]), end[r] = static_cast<size_t>(seen.end[row + r]);
      begin = std::max(begin, first[r]), stop = std::min(stop, end[r]);
    }
    if (stop < begin) stop = begin;
  }
};

// One row of y takes in a block's sums.
template <class F>
HWY_INLINE void Merge(const F* block, F before_factor, F block_factor, F* y) {
  const hn::ScalableTag<F> d;
  const auto f = hn::Set(d, before_factor), g = hn::Set(d, block_factor);
  for (size_t i = 0; i < kPanel<F>; i += hn::MaxLanes(hn::ScalableTag<F>())) {
    const auto added = hn::Mul(hn::Load(d, block + i), g);
    hn::Store(hn::MulAdd(hn::Load(d, y + i), f, added), d, y + i);
  }
}

// Rows [row, row + kRows) of a panel: the block's weights times its values, into y. Keys that a row does not see are
// not multiplied by zero but left out, so that a NaN behind the mask stays there.
template <size_t kRows, class F>
HWY_NOINLINE void ValuesTile(const Seen<F>& seen, const F* weights, const F* values, size_t width, size_t row,
                             const F* before_factor, const F* block_factor, F* y) {
  const TileKeys<kRows> keys(seen, row);
  const size_t step = Padded<F>(width);
  HWY_ALIGN F c[kRows * kPanel<F>];
  for (size_t column = 0; column < width; column += kPanel<F>) {
    const F* panel = values + column * kAttentionKeys;
    bool started = false;
    for (size_t r = 0; r < kRows; ++r) {
      const size_t to = std::min(keys.begin, keys.end[r]);
      if (keys.first[r] >= to) continue;
      if (!started) std::fill(c, c + kRows * kPanel<F>, F(0));
      started = true;
      RowChain(weights + row + r, panel, keys.first[r], to, c + r * kPanel<F>);
    }
    Tile<kRows, 1>(weights + row + keys.begin * kPanel<F>, kPanel<F>, panel + keys.begin * kPanel<F>, kPanel<F>,
                   keys.stop - keys.begin, started ? Into::kContinue : Into::kSet, c, kPanel<F>);
    for (size_t r = 0; r < kRows; ++r) {
      if (keys.first[r] == keys.end[r]) continue;  // and nothing of the block may show, not even in a zero's sign
      const size_t from = std::max(keys.stop, keys.first[r]);
      if (from < keys.end[r]) RowChain(weights + row + r, panel, from, keys.end[r], c + r * kPanel<F>);
      Merge(c + r * kPanel<F>, before_factor[row + r], block_factor[row + r], y + (row + r) * step + column);
    }
  }
}

// Rows that lie evenly, to be asked of memory before they are needed.
struct Stretch {
  const char* at;
  size_t rows, lines;
  int64_t step;  // in bytes

  template <class T>
  static Stretch Of(const T* first, size_t rows, int64_t step, size_t width) {
    constexpr auto kSize = static_cast<int64_t>(sizeof(T));
    return {reinterpret_cast<const char*>(first), rows, (width * sizeof(T) + 63) / 64, step * kSize};
  }
};

// Asks for one line of some stretches after the other, one at a time: many at once would stop what is computed
// meanwhile.
class Stretches {
 public:
  void Add(const Stretch& stretch) {
    if (stretch.rows * stretch.lines > 0) all_[count_++] = stretch;
  }
  HWY_INLINE void Next() {
    if (now_ == count_) return;
    const Stretch& stretch = all_[now_];
    __builtin_prefetch(stretch.at + stretch.step * static_cast<int64_t>(row_) + 64 * line_, 0, 2);
    if (++line_ < stretch.lines) return;
    line_ = 0;
    if (++row_ == stretch.rows) row_ = 0, ++now_;
  }

 private:
  static constexpr size_t kMost = 4;
  Stretch all_[kMost];
  size_t count_ = 0, now_ = 0, row_ = 0, line_ = 0;
};

// Where the rows of one head of a tensor [N, H, D] lie.
template <class T>
struct HeadRows {
  const T* data;
  int64_t step;
  const T* operator()(size_t row) const { return data + static_cast<int64_t>(row) * step; }
  void Find(size_t first, size_t count, const T** at) const {
    for (size_t j = 0; j < count; ++j) at[j] = (*this)(first + j);
  }
  Stretch All(size_t first, size_t count, size_t width) const {
    return Stretch::Of((*this)(first), count, step, width);
  }
};

// The end of every row: y by its sum, and the logarithm of the sum in place of the sum. Rows of y are `step` apart.
template <class F, class YRow, class PutLse>
void FinishRows(size_t rows, size_t width, const F* y, size_t step, const F* max, F* sum, const YRow& y_row,
                const PutLse& put_lse) {
  const hn::ScalableTag<F> d;
  const auto lowest = hn::Set(d, -std::numeric_limits<F>::infinity());
  for (size_t r = 0; r < rows; ++r) {
    const F* from = y + r * step;
    // A row that sees no key gives zeros.
    const auto factor = hn::Set(d, F(1) / (sum[r] == 0 ? F(1) : sum[r]));
    Map(d, width, y_row(r), [&](auto at) HWY_ATTR { return hn::Mul(at(from), factor); });
  }
  for (size_t r = 0; r < rows; r += hn::Lanes(d)) {
    const auto total = hn::Load(d, sum + r);
    const auto lse = hn::MulAdd(hn::Load(d, max + r), hn::Set(d, Exp2Constants<F>::kLn2), Log(d, total));
    hn::Store(hn::IfThenElse(hn::Eq(total, hn::Zero(d)), lowest, lse), d, sum + r);
  }
  for (size_t r = 0; r < rows; ++r) put_lse(r, sum[r]);
}

// Up to kAttentionRows rows of one key head, and all the keys that they see, block by block.
template <class F>
struct AttentionFold {
  KeyWindow window;
  size_t group;            // heads that share the keys
  size_t first_row, rows;  // rows of this part
  size_t width;
  F *q = nullptr, *k = nullptr, *v = nullptr, *y = nullptr, *max = nullptr, *sum = nullptr, *scores = nullptr,
    *bias = nullptr;

  size_t Query(size_t row) const { return (first_row + row) / group; }
  size_t Panels() const { return (rows + kPanel<F> - 1) / kPanel<F>; }

  // Takes `space` (AttentionScratch) and packs the queries, times `scale`. query_rows(r): row r of the head's run.
  template <class QueryRows>
  void Begin(F* space, const QueryRows& query_rows, double scale) {
    const hn::ScalableTag<F> d;
    const size_t padded = Padded<F>(width);
    const auto take = [&](size_t count) { return space += count, space - count; };
    scores = take(kAttentionKeys * kPanel<F>), bias = take(kAttentionKeys * kPanel<F>);
    max = take(kAttentionRows), sum = take(kAttentionRows);
    v = take(kAttentionKeys * padded), y = take(kAttentionRows * padded);
    q = take(kAttentionRows * width), k = take(kAttentionKeys * width);
    PackRight(query_rows, first_row, rows, width, q);
    const auto factor = hn::Set(d, static_cast<F>(scale * Exp2Constants<double>::kLog2E));
    for (size_t i = 0; i < Panels() * kPanel<F> * width; i += hn::Lanes(d)) {
      hn::Store(hn::Mul(hn::Load(d, q + i), factor), d, q + i);
    }
    std::fill(max, max + kAttentionRows, -std::numeric_limits<F>::infinity());
    std::fill(sum, sum + kAttentionRows, F(0));
    std::fill(y, y + rows * padded, F(0));
  }

  // key_rows, value_rows: where the run's keys and values lie, as HeadRows; bias_rows(row): a row's biases by key.
  // `after`: what is read after the last block.
  template <class T, class KeyRows, class ValueRows, class BiasRows>
  void Run(const KeyRows& key_rows, const ValueRows& value_rows, bool biased, const BiasRows& bias_rows,
           const Stretches& after) {
    const size_t begin = static_cast<size_t>(window.First(static_cast<int64_t>(Query(0))));
    const size_t end = static_cast<size_t>(window.End(static_cast<int64_t>(Query(rows - 1))));
    for (size_t block = begin / kAttentionKeys * kAttentionKeys; block < end; block += kAttentionKeys) {
      const size_t keys = std::min(kAttentionKeys, end - block);
      // Where the rows lie, once: a paged cache has to look for them.
      const T *key_at[kAttentionKeys], *value_at[kAttentionKeys];
      key_rows.Find(block, keys, key_at), value_rows.Find(block, keys, value_at);
      PackLeft([&](size_t j) { return key_at[j]; }, 0, keys, width, k);
      PackRows([&](size_t j) { return value_at[j]; }, 0, keys, width, kAttentionKeys, v);
      Stretches ahead = after;
      if (const size_t next = block + kAttentionKeys; next < end) {
        ahead = {};
        ahead.Add(key_rows.All(next, std::min(kAttentionKeys, end - next), width));
        ahead.Add(value_rows.All(next, std::min(kAttentionKeys, end - next), width));
      }
      for (size_t panel = 0; panel < rows; panel += kPanel<F>) {
        Seen<F> seen;
        if (!See(panel, block, keys, &seen)) continue;
        Score(panel, keys, seen, ahead);
        if (biased) {
          const auto from = [&](size_t r) { return bias_rows(first_row + panel + r) + block; };
          AddBias(from, std::min(kPanel<F>, rows - panel), keys);
        }
        Weigh(panel, seen);
      }
    }
  }

  // y_row(row) takes a row of the result, put_lse(row, lse) the logarithm of its sum.
  template <class YRow, class PutLse>
  void Finish(const YRow& y_row, const PutLse& put_lse) {
    FinishRows(
        rows, width, y, Padded<F>(width), max, sum, [&](size_t r) { return y_row(first_row + r); },
        [&](size_t r, F lse) { put_lse(first_row + r, lse); });
  }

 private:
  // False where no row of the panel sees a key of the block.
  bool See(size_t panel, size_t block, size_t keys, Seen<F>* seen) const {
    const auto place = [&](int64_t key) {
      return static_cast<size_t>(std::clamp<int64_t>(key - static_cast<int64_t>(block), 0, static_cast<int64_t>(keys)));
    };
    seen->begin = seen->common_end = kAttentionKeys, seen->stop = seen->common_begin = 0;
    for (size_t lane = 0; lane < kPanel<F>; ++lane) {
      // Lanes past the last row repeat it: nobody reads them.
      const auto query = static_cast<int64_t>(Query(std::min(panel + lane, rows - 1)));
      const size_t first = place(window.First(query)), end = place(window.End(query));
      seen->first[lane] = static_cast<F>(first), seen->end[lane] = static_cast<F>(end);
      seen->common_begin = std::max(seen->common_begin, first), seen->common_end = std::min(seen->common_end, end);
      if (first < end) seen->begin = std::min(seen->begin, first), seen->stop = std::max(seen->stop, end);
    }
    return seen->begin < seen->stop;
  }

  void Score(size_t panel, size_t keys, const Seen<F>& seen, Stretches& ahead) {
    const auto next = [&]() HWY_ATTR { ahead.Next(); };
    ForEachHeight(keys, [&](auto height, size_t j) {
      if (j + height() <= seen.begin || j >= seen.stop) return;
      Dots<height()>(k + j * width, q + panel * width, width, scores + j * kPanel<F>, kPanel<F>, next);
    });
  }

  template <class BiasRows>
  void AddBias(const BiasRows& rows_of_bias, size_t count, size_t keys) {
    const hn::ScalableTag<F> d;
    PackColumnsOf<kPanel<F>>(rows_of_bias, 0, count, keys, bias);
    const auto log2e = hn::Set(d, Exp2Constants<F>::kLog2E);
    for (size_t i = 0; i < keys * kPanel<F>; i += hn::Lanes(d)) {
      hn::Store(hn::MulAdd(hn::Load(d, bias + i), log2e, hn::Load(d, scores + i)), d, scores + i);
    }
  }

  void Weigh(size_t panel, const Seen<F>& seen) {
    HWY_ALIGN F before_factor[kPanel<F>], block_factor[kPanel<F>];
    SoftmaxBlock(seen, std::min(kPanel<F>, rows - panel), scores, max + panel, sum + panel, before_factor,
                 block_factor);
    ForEachHeight(std::min(kPanel<F>, rows - panel), [&](auto height, size_t row) {
      ValuesTile<height()>(seen, scores, v, width, row, before_factor, block_factor, y + panel * Padded<F>(width));
    });
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // STRATA_KERNELS_SIMD_ATTENTION_INL_H_
