#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/attention/attention_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include <cmath>
#include <utility>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/attention/attention.h"
#include "kernels/simd/attention-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

// What a block of queries works on: queries from `first_query` of the run, one block of keys from `first_key`.
template <class F>
struct Forward {
  F *q, *k, *v, *y, *max, *sum;
  size_t width, first_query, first_key, keys;
  F scale;
  bool causal;

  // The keys of the block that the query may see.
  size_t Count(size_t query) const {
    const size_t position = first_query + query + 1;
    if (!causal) return keys;
    return position <= first_key ? 0 : std::min(keys, position - first_key);
  }
};

// One block of keys for one tile of queries.
template <size_t kRows, class F>
HWY_NOINLINE void ForwardTile(const Forward<F>& s, size_t row) {
  const hn::ScalableTag<F> d;
  HWY_ALIGN F scores[kRows * kAttentionKeys], c[kRows * kPanel<F>];
  F factors[kRows];
  const size_t common = s.Count(row), most = s.Count(row + kRows - 1);
  if (most == 0) return;
  Scores<kRows>(s.q + row * s.width, s.k, most, s.width, kRows, scores);
  for (size_t r = 0; r < kRows; ++r) {
    if (s.Count(row + r) == 0) continue;
    factors[r] = SoftmaxBlock(scores + r * kPanel<F>, kRows, s.Count(row + r), s.scale, s.first_key == 0,
                              &s.max[row + r], &s.sum[row + r]);
  }
  for (size_t column = 0; column < s.width; column += kPanel<F>) {
    const F* values = s.v + column * kAttentionKeys;
    Weigh<kRows>(scores, kRows, values, 0, common, true, c);
    for (size_t r = 0; r < kRows; ++r) {
      const size_t count = s.Count(row + r);
      if (count == 0) continue;  // and nothing of the block may show, not even in the sign of a zero
      F* tile = c + r * kPanel<F>;
      if (count > common) Weigh<1>(scores + r * kPanel<F>, kRows, values, common, count, common == 0, tile);
      F* y = s.y + (row + r) * Padded<F>(s.width) + column;
      const auto factor = hn::Set(d, factors[r]);
      for (size_t i = 0; i < kPanel<F>; i += hn::Lanes(d)) {
        const auto v = hn::LoadU(d, tile + i);
        hn::StoreU(s.first_key == 0 ? v : hn::MulAdd(hn::LoadU(d, y + i), factor, v), d, y + i);
      }
    }
  }
}

// Every block of keys for up to kAttentionQueries queries of one head.
template <class T, class F>
void ForwardQueries(Rows<T> q, Rows<T> k, Rows<T> v, size_t length, Forward<F> s, size_t queries, T* out,
                    size_t out_step) {
  const hn::ScalableTag<F> d;
  const size_t end = s.causal ? s.first_query + queries : length;
  PackLeft(q, s.first_query, queries, s.width, s.q);
  for (s.first_key = 0; s.first_key < end; s.first_key += kAttentionKeys) {
    s.keys = std::min(kAttentionKeys, end - s.first_key);
    PackColumns(k, s.first_key, s.keys, s.width, s.k);
    PackRows(v, s.first_key, s.keys, s.width, kAttentionKeys, s.v);
    ForEachTile(queries, [&](auto tile, size_t r) { ForwardTile<tile()>(s, r); });
  }
  for (size_t r = 0; r < queries; ++r) {
    const F* y = s.y + r * Padded<F>(s.width);
    const auto sum = hn::Set(d, s.sum[r]);
    Map(d, s.width, out + (s.first_query + r) * out_step, [&](auto at) HWY_ATTR { return hn::Div(at(y), sum); });
  }
}

template <class F>
F ScaleOf(double scale, size_t width) {
  return static_cast<F>(scale != 0 ? scale : 1 / std::sqrt(static_cast<double>(width)));
}

template <class T>
void RunForward(const OpContext& context, const TensorView& q, const TensorView& k, const TensorView& v,
                const TensorView& cu_seqlens, double scale, bool causal, const TensorView& y) {
  using F = ComputeType<T>;
  const size_t width = static_cast<size_t>(q.size(2)), heads = static_cast<size_t>(q.size(1));
  if (width == 0) return;
  const size_t bytes = AlignUp(AttentionScratch(width, kPanel<F>) * sizeof(F));
  ForEachHead(context, cu_seqlens, heads, width, kAttentionQueries,
              [&](int chunk, const Head& head, size_t first, size_t queries) {
                F* space = reinterpret_cast<F*>(context.workspace + static_cast<size_t>(chunk) * bytes);
                Forward<F> s{};
                s.v = space, s.y = s.v + kAttentionKeys * Padded<F>(width);
                s.k = s.y + kAttentionQueries * Padded<F>(width), s.q = s.k + kAttentionKeys * width;
                s.max = s.q + kAttentionQueries * width, s.sum = s.max + kAttentionQueries;
                s.width = width, s.first_query = first, s.scale = ScaleOf<F>(scale, width), s.causal = causal;
                T* out = y.Out<T>() + (head.begin * heads + head.head) * width;
                ForwardQueries(RowsOf<T>(q, head), RowsOf<T>(k, head), RowsOf<T>(v, head), head.length, s, queries, out,
                               heads * width);
              });
}

// A square of kAttentionSquare queries and keys, for the gradients.
template <class T, class F>
struct Square {
  static constexpr size_t kSize = kAttentionSquare;
  Rows<T> grad_y, q, k, v;
  size_t width, length;
  F scale;
  bool causal;
  F *max, *sum, *pull;  // of every row of the run
  F *left_q, *left_grad, *right_k, *right_v, *rows_a, *rows_b, *total_a, *total_b, *p, *s;
  size_t first_query = 0, queries = 0, first_key = 0, keys = 0;

  void TakeQueries(size_t first) {
    first_query = first, queries = std::min(kSize, length - first);
    PackLeft(q, first, queries, width, left_q);
    PackLeft(grad_y, first, queries, width, left_grad);
  }
  void TakeKeys(size_t first) {
    first_key = first, keys = std::min(kSize, length - first);
    PackColumns(k, first, keys, width, right_k);
    PackColumns(v, first, keys, width, right_v);
  }
  bool Hidden() const { return causal && first_key >= first_query + queries; }
  size_t Count(size_t query) const {
    const size_t position = first_query + query + 1;
    if (!causal) return keys;
    return position <= first_key ? 0 : std::min(keys, position - first_key);
  }
  static F* At(F* tile, size_t row, size_t column) {
    return tile + (column / kPanel<F> * kSize + row) * kPanel<F> + column % kPanel<F>;
  }

  void Products(const F* left, const F* right, F* out) const {
    ForEachTile(queries, [&](auto tile, size_t r) {
      Scores<tile()>(left + r * width, right, keys, width, kSize, out + r * kPanel<F>);
    });
  }
  // max and sum of the softmax of every query.
  void Stats() {
    Products(left_q, right_k, p);
    for (size_t r = 0; r < queries; ++r) {
      const size_t row = first_query + r, count = Count(r);
      if (count > 0) SoftmaxBlock(At(p, r, 0), kSize, count, scale, first_key == 0, max + row, sum + row);
    }
  }
  // p and grad_y v^T, zero where hidden, and sum_j p g of every query.
  void Weights(bool add_pull) {
    const hn::ScalableTag<F> d;
    Products(left_q, right_k, p);
    Products(left_grad, right_v, s);
    for (size_t r = 0; r < queries; ++r) {
      const size_t row = first_query + r;
      const auto high = hn::Set(d, max[row]), factor = hn::Set(d, scale), inverse = hn::Set(d, F(1) / sum[row]);
      const auto count = Count(r);
      const F block = LaneSum(d, keys, [&](auto acc, auto at) HWY_ATTR {
        F* place = At(p, r, at.i);
        const auto seen = hn::FirstN(d, count > at.i ? count - at.i : 0);
        const auto e = Exp(d, hn::Sub(hn::Mul(hn::LoadU(d, place), factor), high));
        const auto weight = hn::IfThenElseZero(seen, hn::Mul(e, inverse));
        hn::StoreU(weight, d, place);
        return hn::Add(acc, hn::IfThenElseZero(seen, hn::Mul(weight, hn::LoadU(d, At(s, r, at.i)))));
      });
      if (add_pull) pull[row] = first_key == 0 ? block : pull[row] + block;
    }
  }
  // s = scale * p * (g - pull)
  void ScoreGradients() {
    const hn::ScalableTag<F> d;
    for (size_t r = 0; r < queries; ++r) {
      const auto shift = hn::Set(d, pull[first_query + r]), factor = hn::Set(d, scale);
      const size_t count = Count(r);
      ForEachVector(d, keys, [&](auto at) HWY_ATTR {
        F* place = At(s, r, at.i);
        const auto seen = hn::FirstN(d, count > at.i ? count - at.i : 0);
        const auto v = hn::Mul(hn::Mul(hn::LoadU(d, At(p, r, at.i)), hn::Sub(hn::LoadU(d, place), shift)), factor);
        hn::StoreU(hn::IfThenElseZero(seen, v), d, place);
      });
    }
  }
  // total[query] += tile rows
  void AddDown(const F* tile, const F* rows, bool start, F* total) const {
    for (size_t column = 0; column < width; column += kPanel<F>) {
      ForEachTile(queries, [&](auto height, size_t r) {
        Weigh<height()>(tile + r * kPanel<F>, kSize, rows + column * kSize, 0, keys, start,
                        total + column * kSize + r * kPanel<F>);
      });
    }
  }
  // total[key] += tile^T rows
  void AddAcross(const F* tile, const F* rows, bool start, F* total) const {
    const hn::ScalableTag<F> d;
    for (size_t column = 0; column < width; column += kPanel<F>) {
      for (size_t panel = 0; panel < keys; panel += kPanel<F>) {
        ForEachTile(std::min(kPanel<F>, keys - panel), [&](auto height, size_t j) HWY_ATTR {
          TilePanel<height(), 1, kPanel<F>, false>(d, tile + panel * kSize + j, rows + column * kSize, queries, start,
                                                   total + column * kSize + (panel + j) * kPanel<F>);
        });
      }
    }
  }
  void Put(const F* total, size_t first, size_t count, T* out, size_t out_step) const {
    const hn::ScalableTag<F> d;
    for (size_t r = 0; r < count; ++r) {
      for (size_t column = 0; column < width; column += kPanel<F>) {
        Map(d, std::min(kPanel<F>, width - column), out + (first + r) * out_step + column,
            [&](auto at) HWY_ATTR { return at(total + column * kSize + r * kPanel<F>); });
      }
    }
  }
};

// All queries, keys in order: the softmax's numbers, then grad_q. Then all keys, queries in order: grad_k and grad_v.
template <class T, class F>
void BackwardHead(Square<T, F> square, T* grad_q, T* grad_k, T* grad_v, size_t step) {
  constexpr size_t kSize = kAttentionSquare;
  const size_t length = square.length, width = square.width;
  const auto each_key = [&](auto visit) {
    for (size_t key = 0; key < length; key += kSize) {
      square.TakeKeys(key);
      if (!square.Hidden()) visit();
    }
  };
  for (size_t query = 0; query < length; query += kSize) {
    square.TakeQueries(query);
    each_key([&] { square.Stats(); });
    each_key([&] { square.Weights(/*add_pull=*/true); });
    each_key([&] {
      square.Weights(/*add_pull=*/false);
      square.ScoreGradients();
      PackRows(square.k, square.first_key, square.keys, width, kSize, square.rows_a);
      square.AddDown(square.s, square.rows_a, square.first_key == 0, square.total_a);
    });
    square.Put(square.total_a, query, square.queries, grad_q, step);
  }
  for (size_t key = 0; key < length; key += kSize) {
    square.TakeKeys(key);
    bool start = true;
    for (size_t query = 0; query < length; query += kSize) {
      square.TakeQueries(query);
      if (square.Hidden()) continue;
      square.Weights(/*add_pull=*/false);
      square.ScoreGradients();
      PackRows(square.q, query, square.queries, width, kSize, square.rows_a);
      PackRows(square.grad_y, query, square.queries, width, kSize, square.rows_b);
      square.AddAcross(square.s, square.rows_a, start, square.total_a);
      square.AddAcross(square.p, square.rows_b, start, square.total_b);
      start = false;
    }
    square.Put(square.total_a, key, square.keys, grad_k, step);
    square.Put(square.total_b, key, square.keys, grad_v, step);
  }
}

template <class T>
void RunBackward(const OpContext& context, const TensorView& grad_y, const TensorView& q, const TensorView& k,
                 const TensorView& v, const TensorView& cu_seqlens, double scale, bool causal, const TensorView& grad_q,
                 const TensorView& grad_k, const TensorView& grad_v) {
  using F = ComputeType<T>;
  const size_t width = static_cast<size_t>(q.size(2)), heads = static_cast<size_t>(q.size(1));
  const size_t rows = static_cast<size_t>(q.size(0)) * heads, padded = Padded<F>(width);
  if (width == 0) return;
  const size_t bytes = AlignUp(AttentionBackwardScratch(width, kPanel<F>) * sizeof(F));
  // A head is one task, whatever its length: its gradients are sums over all of it.
  const size_t whole = std::max<size_t>(1, static_cast<size_t>(q.size(0)));
  ForEachHead(context, cu_seqlens, heads, width, whole, [&](int chunk, const Head& head, size_t, size_t) {
    constexpr size_t kSize = kAttentionSquare;
    F* stats = reinterpret_cast<F*>(context.workspace) + head.head * static_cast<size_t>(q.size(0)) + head.begin;
    F* space =
        reinterpret_cast<F*>(context.workspace + AlignUp(3 * rows * sizeof(F)) + static_cast<size_t>(chunk) * bytes);
    const auto take = [&](size_t row) { return std::exchange(space, space + kSize * row); };
    F *p = take(kSize), *s = take(kSize), *rows_a = take(padded), *rows_b = take(padded), *total_a = take(padded),
      *total_b = take(padded), *left_q = take(width), *left_grad = take(width), *right_k = take(width),
      *right_v = take(width);
    const Square<T, F> square{.grad_y = RowsOf<T>(grad_y, head),
                              .q = RowsOf<T>(q, head),
                              .k = RowsOf<T>(k, head),
                              .v = RowsOf<T>(v, head),
                              .width = width,
                              .length = head.length,
                              .scale = ScaleOf<F>(scale, width),
                              .causal = causal,
                              .max = stats,
                              .sum = stats + rows,
                              .pull = stats + 2 * rows,
                              .left_q = left_q,
                              .left_grad = left_grad,
                              .right_k = right_k,
                              .right_v = right_v,
                              .rows_a = rows_a,
                              .rows_b = rows_b,
                              .total_a = total_a,
                              .total_b = total_b,
                              .p = p,
                              .s = s};
    const size_t out = (head.begin * heads + head.head) * width;
    BackwardHead(square, grad_q.Out<T>() + out, grad_k.Out<T>() + out, grad_v.Out<T>() + out, heads * width);
  });
}

void Attention(const OpContext& context, const TensorView& q, const TensorView& k, const TensorView& v,
               const TensorView& cu_seqlens, double scale, bool causal, const TensorView& y) {
  DispatchFloat(q.dtype,
                [&](auto type) { RunForward<decltype(type)>(context, q, k, v, cu_seqlens, scale, causal, y); });
}
void AttentionBackward(const OpContext& context, const TensorView& grad_y, const TensorView& q, const TensorView& k,
                       const TensorView& v, const TensorView& cu_seqlens, double scale, bool causal,
                       const TensorView& grad_q, const TensorView& grad_k, const TensorView& grad_v) {
  DispatchFloat(q.dtype, [&](auto type) {
    RunBackward<decltype(type)>(context, grad_y, q, k, v, cu_seqlens, scale, causal, grad_q, grad_k, grad_v);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(Attention);
HWY_EXPORT(AttentionBackward);

void AttentionCpu(const OpContext& context, const TensorView& q, const TensorView& k, const TensorView& v,
                  const TensorView& cu_seqlens, double scale, bool causal, const TensorView& y) {
  HWY_DYNAMIC_DISPATCH(Attention)(context, q, k, v, cu_seqlens, scale, causal, y);
}

void AttentionBackwardCpu(const OpContext& context, const TensorView& grad_y, const TensorView& q, const TensorView& k,
                          const TensorView& v, const TensorView& cu_seqlens, double scale, bool causal,
                          const TensorView& grad_q, const TensorView& grad_k, const TensorView& grad_v) {
  HWY_DYNAMIC_DISPATCH(AttentionBackward)
  (context, grad_y, q, k, v, cu_seqlens, scale, causal, grad_q, grad_k, grad_v);
}

}  // namespace strata
#endif  // HWY_ONCE
