#include <algorithm>

#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/top_k/top_k.h"
#include "kernels/simd/select.h"

namespace strata {

void TopKRef(const OpContext&, const TensorView& x, int64_t k, bool smallest, const TensorView& values,
             const TensorView& indices) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    using Rank = RankOf<double>;
    const int64_t n = x.size(-1);
    for (int64_t r = 0; r < x.rows(); ++r) {
      const T* row = x.In<T>() + r * n;
      Rank::Key before = ~Rank::Key{0};
      for (int64_t j = 0; j < k; ++j) {
        Rank::Key best = 0;
        for (int64_t i = 0; i < n; ++i) {
          const Rank::Key key = Rank::Of(ToDouble(row[i]), static_cast<size_t>(i), !smallest);
          if (key < before) best = std::max(best, key);
        }
        before = best;
        values.Out<T>()[r * k + j] = row[Rank::Index(best)];
        indices.Out<int64_t>()[r * k + j] = static_cast<int64_t>(Rank::Index(best));
      }
    }
  });
}

void TopKBackward(const OpContext& context, const TensorView& grad_values, const TensorView& x,
                  const TensorView& indices, int64_t k, bool, const TensorView& grad_x) {
  const int64_t n = x.size(-1);
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    DispatchIndex(indices.dtype, [&](auto index) {
      ParallelChunks(*context.parallel, x.rows(), 1 + 65536 / (n + 1), [&](int, int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
          T* out = grad_x.Out<T>() + r * n;
          std::fill_n(out, n, T{});
          for (int64_t j = 0; j < k; ++j) {
            out[indices.In<decltype(index)>()[r * k + j]] = grad_values.In<T>()[r * k + j];
          }
        }
      });
    });
  });
}

}  // namespace strata
