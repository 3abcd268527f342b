#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/cross_entropy/cross_entropy.h"

namespace strata {
namespace {

struct RowStats {
  double most, sum;
};

template <class T>
RowStats StatsOf(const T* x, int64_t classes) {
  RowStats stats = {-std::numeric_limits<double>::infinity(), 0};
  for (int64_t c = 0; c < classes; ++c) stats.most = std::max(stats.most, ToDouble(x[c]));
  for (int64_t c = 0; c < classes; ++c) stats.sum += std::exp(ToDouble(x[c]) - stats.most);
  return stats;
}

// Calls f(T{}, Index{}) for the dtypes of the two.
template <class F>
void Dispatch(const TensorView& logits, const TensorView& target, F f) {
  DispatchFloat(logits.dtype, [&](auto type) { DispatchIndex(target.dtype, [&](auto index) { f(type, index); }); });
}

}  // namespace

void CrossEntropyRef(const OpContext&, const TensorView& logits, const TensorView& target, const TensorView& loss) {
  Dispatch(logits, target, [&](auto type, auto index) {
    using T = decltype(type);
    const int64_t classes = logits.size(1);
    for (int64_t n = 0; n < logits.size(0); ++n) {
      const T* row = logits.In<T>() + n * classes;
      const RowStats stats = StatsOf(row, classes);
      const auto at = target.In<decltype(index)>()[n];
      loss.Out<T>()[n] = FromDouble<T>(std::log(stats.sum) - (ToDouble(row[at]) - stats.most));
    }
  });
}

void CrossEntropyBackwardRef(const OpContext&, const TensorView& grad_loss, const TensorView& logits,
                             const TensorView& target, const TensorView& grad_logits) {
  Dispatch(logits, target, [&](auto type, auto index) {
    using T = decltype(type);
    const int64_t classes = logits.size(1);
    for (int64_t n = 0; n < logits.size(0); ++n) {
      const T* row = logits.In<T>() + n * classes;
      const RowStats stats = StatsOf(row, classes);
      const double grad = ToDouble(grad_loss.In<T>()[n]);
      for (int64_t c = 0; c < classes; ++c) {
        const double p = std::exp(ToDouble(row[c]) - stats.most) / stats.sum;
        const bool hit = c == target.In<decltype(index)>()[n];
        grad_logits.Out<T>()[n * classes + c] = FromDouble<T>(grad * (hit ? p - 1 : p));
      }
    }
  });
}

}  // namespace strata
