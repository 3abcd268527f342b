#include <cmath>

#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/layer_norm/layer_norm.h"

namespace strata {
namespace {

struct RowStats {
  double mean, scale;
};

template <class T>
RowStats StatsOf(const T* x, int64_t width, double eps) {
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < width; ++i) sum += ToDouble(x[i]);
  const double mean = sum / static_cast<double>(width);
  for (int64_t i = 0; i < width; ++i) squares += (ToDouble(x[i]) - mean) * (ToDouble(x[i]) - mean);
  return {mean, 1 / std::sqrt(squares / static_cast<double>(width) + eps)};
}

template <class T>
void BackwardRow(const T* grad, const T* x, const T* w, int64_t width, RowStats stats, T* out) {
  const auto normal = [&](int64_t i) { return (ToDouble(x[i]) - stats.mean) * stats.scale; };
  double sum = 0, dot = 0;
  for (int64_t i = 0; i < width; ++i) {
    sum += ToDouble(grad[i]) * ToDouble(w[i]);
    dot += ToDouble(grad[i]) * ToDouble(w[i]) * normal(i);
  }
  sum /= static_cast<double>(width);
  dot /= static_cast<double>(width);
  for (int64_t i = 0; i < width; ++i) {
    out[i] = FromDouble<T>(stats.scale * (ToDouble(grad[i]) * ToDouble(w[i]) - sum - normal(i) * dot));
  }
}

}  // namespace

void LayerNormRef(const OpContext&, const TensorView& x, const TensorView& weight, const TensorView& bias, double eps,
                  const TensorView& y) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t width = x.size(-1);
    for (int64_t r = 0; r < x.rows(); ++r) {
      const T* row = x.In<T>() + r * width;
      const RowStats stats = StatsOf(row, width, eps);
      for (int64_t i = 0; i < width; ++i) {
        const double normal = (ToDouble(row[i]) - stats.mean) * stats.scale;
        y.Out<T>()[r * width + i] = FromDouble<T>(normal * ToDouble(weight.In<T>()[i]) + ToDouble(bias.In<T>()[i]));
      }
    }
  });
}

void LayerNormBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& x, const TensorView& weight,
                          double eps, const TensorView& grad_x, const TensorView& grad_weight,
                          const TensorView& grad_bias) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t width = x.size(-1), rows = x.rows();
    const T *grad = grad_y.In<T>(), *in = x.In<T>();
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t start = r * width;
      BackwardRow(grad + start, in + start, weight.In<T>(), width, StatsOf(in + start, width, eps),
                  grad_x.Out<T>() + start);
    }
    for (int64_t i = 0; i < width; ++i) {
      double weight_sum = 0, bias_sum = 0;
      for (int64_t r = 0; r < rows; ++r) {
        const RowStats stats = StatsOf(in + r * width, width, eps);
        const double g = ToDouble(grad[r * width + i]);
        weight_sum += g * (ToDouble(in[r * width + i]) - stats.mean) * stats.scale;
        bias_sum += g;
      }
      grad_weight.Out<T>()[i] = FromDouble<T>(weight_sum);
      grad_bias.Out<T>()[i] = FromDouble<T>(bias_sum);
    }
  });
}

}  // namespace strata
