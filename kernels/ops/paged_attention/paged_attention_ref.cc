#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/paged_attention/paged_attention.h"
#include "kernels/simd/attention_plan.h"

namespace strata {
namespace {

// One query of one head: its keys where they lie.
template <class T>
struct Query {
  const TensorView &q, &k_cache, &v_cache, &tables;
  int64_t row, head, run;
  double scale;

  const T* Key(const TensorView& cache, int64_t j) const {
    const int64_t length = cache.size(1), key_head = head * cache.size(2) / q.size(1);
    const int64_t block = OffsetAt(tables, run * tables.size(1) + j / length);
    return cache.In<T>() + ((block * length + j % length) * cache.size(2) + key_head) * cache.size(3);
  }
  double Score(int64_t j) const {
    const T *query = q.In<T>() + row * q.stride(0) + head * q.stride(1), *key = Key(k_cache, j);
    double sum = 0;
    for (int64_t d = 0; d < q.size(2); ++d) sum += ToDouble(query[d]) * ToDouble(key[d]);
    return scale * sum;
  }
};

}  // namespace

void PagedAttentionRef(const OpContext&, const TensorView& q, const TensorView& k_cache, const TensorView& v_cache,
                       const TensorView& cu_seqlens, const TensorView& block_tables, const TensorView& context_lens,
                       double scale, bool causal, int64_t window_left, const TensorView& y) {
  DispatchFloat(q.dtype, [&](auto type) {
    using T = decltype(type);
    for (int64_t b = 0; b + 1 < cu_seqlens.size(0); ++b) {
      const int64_t begin = OffsetAt(cu_seqlens, b), end = OffsetAt(cu_seqlens, b + 1);
      const KeyWindow window = PagedWindow(k_cache, cu_seqlens, block_tables, context_lens, causal, window_left, b);
      for (int64_t i = begin; i < end; ++i) {
        for (int64_t h = 0; h < q.size(1); ++h) {
          const Query<T> query{q, k_cache, v_cache, block_tables, i, h, b, AttentionScale(scale, q.size(2))};
          const int64_t first = window.First(i - begin), last = window.End(i - begin);
          double max = -std::numeric_limits<double>::infinity(), sum = 0;
          std::vector<double> total(static_cast<size_t>(q.size(2)));
          for (int64_t j = first; j < last; ++j) max = std::max(max, query.Score(j));
          for (int64_t j = first; j < last; ++j) {
            const double p = std::exp(query.Score(j) - max);
            sum += p;
            for (size_t d = 0; d < total.size(); ++d) total[d] += p * ToDouble(query.Key(v_cache, j)[d]);
          }
          T* out = y.Out<T>() + (i * q.size(1) + h) * q.size(2);
          for (size_t d = 0; d < total.size(); ++d) out[d] = FromDouble<T>(sum == 0 ? 0 : total[d] / sum);
        }
      }
    }
  });
}

}  // namespace strata
