#include <cmath>
#include <vector>

#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/add_layer_norm/add_layer_norm.h"

namespace strata {
namespace {

struct RowStats {
  double mean, scale;
};

RowStats StatsOf(const std::vector<double>& x, double eps) {
  double sum = 0, squares = 0;
  for (double v : x) sum += v;
  const double count = static_cast<double>(x.size()), mean = sum / count;
  for (double v : x) squares += (v - mean) * (v - mean);
  return {mean, 1 / std::sqrt(squares / count + eps)};
}

template <class T>
std::vector<double> RowOf(const T* x, int64_t width) {
  std::vector<double> row(static_cast<size_t>(width));
  for (int64_t i = 0; i < width; ++i) row[static_cast<size_t>(i)] = ToDouble(x[i]);
  return row;
}

}  // namespace

void AddLayerNormRef(const OpContext&, const TensorView& x, const TensorView& residual, const TensorView& weight,
                     const TensorView& bias, double eps, const TensorView& y, const TensorView& sum) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t width = x.size(-1);
    for (int64_t i = 0; i < x.numel(); ++i) {
      sum.Out<T>()[i] = FromDouble<T>(ToDouble(x.In<T>()[i]) + ToDouble(residual.In<T>()[i]));
    }
    for (int64_t r = 0; r < x.rows(); ++r) {
      const std::vector<double> row = RowOf(sum.In<T>() + r * width, width);
      const RowStats stats = StatsOf(row, eps);
      for (int64_t i = 0; i < width; ++i) {
        const double normal = (row[static_cast<size_t>(i)] - stats.mean) * stats.scale;
        y.Out<T>()[r * width + i] = FromDouble<T>(normal * ToDouble(weight.In<T>()[i]) + ToDouble(bias.In<T>()[i]));
      }
    }
  });
}

void AddLayerNormBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& grad_sum,
                             const TensorView& sum, const TensorView& weight, double eps, const TensorView& grad_x,
                             const TensorView& grad_weight, const TensorView& grad_bias) {
  DispatchFloat(sum.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t width = sum.size(-1);
    std::vector<double> weight_sums(static_cast<size_t>(width));
    std::vector<double> bias_sums(static_cast<size_t>(width));
    for (int64_t r = 0; r < sum.rows(); ++r) {
      const std::vector<double> row = RowOf(sum.In<T>() + r * width, width);
      const T* grad = grad_y.In<T>() + r * width;
      const RowStats stats = StatsOf(row, eps);
      const auto normal = [&](int64_t i) { return (row[static_cast<size_t>(i)] - stats.mean) * stats.scale; };
      double mean_g = 0, mean_gn = 0;
      for (int64_t i = 0; i < width; ++i) {
        const double g = ToDouble(grad[i]) * ToDouble(weight.In<T>()[i]);
        mean_g += g / static_cast<double>(width);
        mean_gn += g * normal(i) / static_cast<double>(width);
        weight_sums[static_cast<size_t>(i)] += ToDouble(grad[i]) * normal(i);
        bias_sums[static_cast<size_t>(i)] += ToDouble(grad[i]);
      }
      for (int64_t i = 0; i < width; ++i) {
        const double g = ToDouble(grad[i]) * ToDouble(weight.In<T>()[i]);
        const T own = FromDouble<T>(stats.scale * (g - mean_g - normal(i) * mean_gn));
        grad_x.Out<T>()[r * width + i] = FromDouble<T>(ToDouble(own) + ToDouble(grad_sum.In<T>()[r * width + i]));
      }
    }
    for (int64_t i = 0; i < width; ++i) {
      grad_weight.Out<T>()[i] = FromDouble<T>(weight_sums[static_cast<size_t>(i)]);
      grad_bias.Out<T>()[i] = FromDouble<T>(bias_sums[static_cast<size_t>(i)]);
    }
  });
}

}  // namespace strata
