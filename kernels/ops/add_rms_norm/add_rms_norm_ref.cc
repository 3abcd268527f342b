#include <cmath>
#include <vector>

#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/add_rms_norm/add_rms_norm.h"

namespace strata {
namespace {

double ScaleOf(const std::vector<double>& x, double eps) {
  double squares = 0;
  for (double v : x) squares += v * v;
  return 1 / std::sqrt(squares / static_cast<double>(x.size()) + eps);
}

template <class T>
std::vector<double> RowOf(const T* x, int64_t width) {
  std::vector<double> row(static_cast<size_t>(width));
  for (int64_t i = 0; i < width; ++i) row[static_cast<size_t>(i)] = ToDouble(x[i]);
  return row;
}

}  // namespace

void AddRmsNormRef(const OpContext&, const TensorView& x, const TensorView& residual, const TensorView& weight,
                   double eps, const TensorView& y, const TensorView& sum) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t width = x.size(-1);
    for (int64_t i = 0; i < x.numel(); ++i) {
      sum.Out<T>()[i] = FromDouble<T>(ToDouble(x.In<T>()[i]) + ToDouble(residual.In<T>()[i]));
    }
    for (int64_t r = 0; r < x.rows(); ++r) {
      const std::vector<double> row = RowOf(sum.In<T>() + r * width, width);
      const double scale = ScaleOf(row, eps);
      for (int64_t i = 0; i < width; ++i) {
        y.Out<T>()[r * width + i] = FromDouble<T>(row[static_cast<size_t>(i)] * scale * ToDouble(weight.In<T>()[i]));
      }
    }
  });
}

void AddRmsNormBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& grad_sum,
                           const TensorView& sum, const TensorView& weight, double eps, const TensorView& grad_x,
                           const TensorView& grad_weight) {
  DispatchFloat(sum.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t width = sum.size(-1);
    std::vector<double> weight_sums(static_cast<size_t>(width));
    for (int64_t r = 0; r < sum.rows(); ++r) {
      const std::vector<double> row = RowOf(sum.In<T>() + r * width, width);
      const T* grad = grad_y.In<T>() + r * width;
      const double scale = ScaleOf(row, eps);
      double dot = 0;
      for (int64_t i = 0; i < width; ++i) {
        dot += ToDouble(grad[i]) * ToDouble(weight.In<T>()[i]) * row[static_cast<size_t>(i)];
        weight_sums[static_cast<size_t>(i)] += ToDouble(grad[i]) * row[static_cast<size_t>(i)] * scale;
      }
      const double pull = dot * scale * scale * scale / static_cast<double>(width);
      for (int64_t i = 0; i < width; ++i) {
        const double g = ToDouble(grad[i]) * ToDouble(weight.In<T>()[i]);
        const T own = FromDouble<T>(g * scale - row[static_cast<size_t>(i)] * pull);
        grad_x.Out<T>()[r * width + i] = FromDouble<T>(ToDouble(own) + ToDouble(grad_sum.In<T>()[r * width + i]));
      }
    }
    for (int64_t i = 0; i < width; ++i) {
      grad_weight.Out<T>()[i] = FromDouble<T>(weight_sums[static_cast<size_t>(i)]);
    }
  });
}

}  // namespace strata
