#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/linear_cross_entropy/linear_cross_entropy.h"

namespace strata {
namespace {

// A row of logits becomes its gradient for grad_loss = grad; returns its loss.
template <class T>
double RowRef(double* row, int64_t classes, int64_t target, double smoothing, double grad) {
  double most = -std::numeric_limits<double>::infinity(), sum = 0, mean = 0;
  for (int64_t c = 0; c < classes; ++c) most = std::max(most, row[c]);
  for (int64_t c = 0; c < classes; ++c) {
    sum += std::exp(row[c] - most);
    mean += (row[c] - most) / static_cast<double>(classes);
  }
  const double loss = std::log(sum) - (1 - smoothing) * (row[target] - most) - (smoothing == 0 ? 0 : smoothing * mean);
  for (int64_t c = 0; c < classes; ++c) {
    const double want = smoothing / static_cast<double>(classes) + (c == target ? 1 - smoothing : 0);
    row[c] = ToDouble(FromDouble<T>(grad * (std::exp(row[c] - most) / sum - want)));
  }
  return ToDouble(FromDouble<T>(loss));
}

// out[i, j] = sum over k of a(i, k) * b(k, j)
template <class T, class A, class B>
void ProductRef(int64_t rows, int64_t columns, int64_t depth, A a, B b, T* out) {
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) {
      double sum = 0;
      for (int64_t k = 0; k < depth; ++k) sum += a(i, k) * b(k, j);
      out[i * columns + j] = FromDouble<T>(sum);
    }
  }
}

}  // namespace

void LinearCrossEntropyRef(const OpContext& context, const TensorView& x, const TensorView& weight,
                           const TensorView& target, const TensorView* bias, int64_t ignore_index,
                           double label_smoothing, LossReduction reduction, int64_t gradients, const TensorView& loss,
                           const TensorView& x_grad, const TensorView& weight_grad, const TensorView& bias_grad) {
  const int64_t rows = x.size(0), width = x.size(1), classes = weight.size(0);
  auto* all = reinterpret_cast<double*>(context.workspace);
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    DispatchIndex(target.dtype, [&](auto index) {
      const auto* wanted = target.In<decltype(index)>();
      const T *values = x.In<T>(), *weights = weight.In<T>();
      double counted = 0, total = 0;
      for (int64_t n = 0; n < rows; ++n) counted += wanted[n] != ignore_index;
      const bool mean = reduction == LossReduction::kMean;
      const double grad = mean ? ToDouble(FromDouble<T>(1 / counted)) : 1;
      for (int64_t n = 0; n < rows; ++n) {
        double* row = all + n * classes;
        for (int64_t v = 0; v < classes; ++v) {
          double sum = bias != nullptr ? ToDouble(bias->In<T>()[v]) : 0;
          for (int64_t k = 0; k < width; ++k) sum += ToDouble(values[n * width + k]) * ToDouble(weights[v * width + k]);
          row[v] = ToDouble(FromDouble<T>(sum));
        }
        if (wanted[n] == ignore_index) {
          std::fill_n(row, classes, 0.0);
        } else {
          total += RowRef<T>(row, classes, wanted[n], label_smoothing, grad);
        }
      }
      loss.Out<T>()[0] = FromDouble<T>(mean ? total / counted : total);
      if (gradients == 0) return;
      const auto g = [&](int64_t n, int64_t v) { return all[n * classes + v]; };
      const auto at = [&](int64_t n, int64_t k) { return ToDouble(values[n * width + k]); };
      ProductRef(
          rows, width, classes, g, [&](int64_t v, int64_t k) { return ToDouble(weights[v * width + k]); },
          x_grad.Out<T>());
      const auto turned = [&](int64_t v, int64_t n) { return g(n, v); };
      ProductRef(classes, width, rows, turned, at, weight_grad.Out<T>());
      ProductRef(classes, 1, rows, turned, [](int64_t, int64_t) { return 1.0; }, bias_grad.Out<T>());
    });
  });
}

void LinearCrossEntropyBackwardRef(const OpContext&, const TensorView& grad_loss, const TensorView& x_grad,
                                   const TensorView& weight_grad, const TensorView& bias_grad, int64_t, double,
                                   LossReduction, const TensorView& grad_x, const TensorView& grad_weight,
                                   const TensorView& grad_bias) {
  DispatchFloat(x_grad.dtype, [&](auto type) {
    using T = decltype(type);
    const double by = ToDouble(grad_loss.In<T>()[0]);
    const auto scale = [&](const TensorView& from, const TensorView& to) {
      for (int64_t i = 0; i < from.numel(); ++i) to.Out<T>()[i] = FromDouble<T>(by * ToDouble(from.In<T>()[i]));
    };
    scale(x_grad, grad_x);
    scale(weight_grad, grad_weight);
    scale(bias_grad, grad_bias);
  });
}

}  // namespace strata
