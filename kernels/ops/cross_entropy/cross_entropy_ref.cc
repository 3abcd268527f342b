#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/cross_entropy/cross_entropy.h"

namespace strata {
namespace {

// Calls f(T{}, F{}, n, target) for every row, with F the type of statistics.
template <class Row>
void ForRows(const TensorView& logits, const TensorView& target, Row row) {
  DispatchFloat(logits.dtype, [&](auto type) {
    using F = std::conditional_t<std::is_same_v<decltype(type), double>, double, float>;
    DispatchIndex(target.dtype, [&](auto index) {
      for (int64_t n = 0; n < logits.size(0); ++n) row(type, F{}, n, int64_t{target.In<decltype(index)>()[n]});
    });
  });
}

}  // namespace

void CrossEntropyRef(const OpContext&, const TensorView& logits, const TensorView& target, int64_t ignore_index,
                     double label_smoothing, const TensorView& loss, const TensorView& stats) {
  ForRows(logits, target, [&](auto type, auto statistic, int64_t n, int64_t at) {
    using T = decltype(type);
    using F = decltype(statistic);
    const int64_t classes = logits.size(1);
    const T* row = logits.In<T>() + n * classes;
    double most = -std::numeric_limits<double>::infinity(), sum = 0, mean = 0;
    for (int64_t c = 0; c < classes; ++c) most = std::max(most, ToDouble(row[c]));
    for (int64_t c = 0; c < classes; ++c) {
      sum += std::exp(ToDouble(row[c]) - most);
      mean += (ToDouble(row[c]) - most) / static_cast<double>(classes);
    }
    const bool ignored = at == ignore_index;
    const double smooth = label_smoothing == 0 ? 0 : label_smoothing * mean;
    stats.Out<F>()[2 * n] = static_cast<F>(ignored ? 0 : most);
    stats.Out<F>()[2 * n + 1] = static_cast<F>(ignored ? 1 : sum);
    loss.Out<T>()[n] =
        FromDouble<T>(ignored ? 0 : std::log(sum) - (1 - label_smoothing) * (ToDouble(row[at]) - most) - smooth);
  });
}

void CrossEntropyBackwardRef(const OpContext&, const TensorView& grad_loss, const TensorView& logits,
                             const TensorView& target, const TensorView& stats, int64_t ignore_index,
                             double label_smoothing, const TensorView& grad_logits) {
  ForRows(logits, target, [&](auto type, auto statistic, int64_t n, int64_t at) {
    using T = decltype(type);
    const auto* found = stats.In<decltype(statistic)>() + 2 * n;
    const int64_t classes = logits.size(1);
    const double grad = ToDouble(grad_loss.In<T>()[n]);
    for (int64_t c = 0; c < classes; ++c) {
      const double p = std::exp(ToDouble(logits.In<T>()[n * classes + c]) - found[0]) / found[1];
      const double want = label_smoothing / static_cast<double>(classes) + (c == at ? 1 - label_smoothing : 0);
      grad_logits.Out<T>()[n * classes + c] = FromDouble<T>(at == ignore_index ? 0 : grad * (p - want));
    }
  });
}

}  // namespace strata
