// The references of layer_norm and rms_norm, alone and behind an addition: plain loops, sums in double. rms_norm is
// layer_norm around a mean of zero.
//
//   NormReference(NormKind::kLayer, x, weight, bias, eps, y);
//   NormGradientReference(NormKind::kRms, grad_y, x, weight, TensorView(), eps, grad_x, grad_weight, TensorView());
#pragma once

#include <cmath>
#include <vector>

#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"

namespace strata {

enum class NormKind { kLayer, kRms };

template <class T>
struct RefRow {
  const T* x;
  int64_t width;
  double mean = 0, scale = 0;

  RefRow(NormKind kind, const T* row, int64_t size, double eps) : x(row), width(size) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < width && kind == NormKind::kLayer; ++i) sum += ToDouble(x[i]);
    mean = sum / static_cast<double>(width);
    for (int64_t i = 0; i < width; ++i) squares += (ToDouble(x[i]) - mean) * (ToDouble(x[i]) - mean);
    scale = 1 / std::sqrt(squares / static_cast<double>(width) + eps);
  }
  double Normal(int64_t i) const { return (ToDouble(x[i]) - mean) * scale; }
};

// y = x + residual
inline void AddReference(const TensorView& x, const TensorView& residual, const TensorView& y) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    for (int64_t i = 0; i < x.numel(); ++i) {
      y.Out<T>()[i] = FromDouble<T>(ToDouble(x.In<T>()[i]) + ToDouble(residual.In<T>()[i]));
    }
  });
}

// `bias` may be absent.
inline void NormReference(NormKind kind, const TensorView& x, const TensorView& weight, const TensorView& bias,
                          double eps, const TensorView& y) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t width = x.size(-1);
    for (int64_t r = 0; r < x.rows(); ++r) {
      const RefRow<T> row(kind, x.In<T>() + r * width, width, eps);
      for (int64_t i = 0; i < width; ++i) {
        const double shift = bias.present() ? ToDouble(bias.In<T>()[i]) : 0;
        y.Out<T>()[r * width + i] = FromDouble<T>(row.Normal(i) * ToDouble(weight.In<T>()[i]) + shift);
      }
    }
  });
}

// `more`, where it is present, is added to grad_x, which was rounded before. `grad_bias` may be absent.
inline void NormGradientReference(NormKind kind, const TensorView& grad_y, const TensorView& x,
                                  const TensorView& weight, const TensorView& more, double eps,
                                  const TensorView& grad_x, const TensorView& grad_weight,
                                  const TensorView& grad_bias) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t width = x.size(-1);
    std::vector<double> weight_sums(static_cast<size_t>(width)), bias_sums(static_cast<size_t>(width));
    for (int64_t r = 0; r < x.rows(); ++r) {
      const RefRow<T> row(kind, x.In<T>() + r * width, width, eps);
      const T* grad = grad_y.In<T>() + r * width;
      double mean_g = 0, mean_gn = 0;
      for (int64_t i = 0; i < width; ++i) {
        const double g = ToDouble(grad[i]) * ToDouble(weight.In<T>()[i]) / static_cast<double>(width);
        if (kind == NormKind::kLayer) mean_g += g;
        mean_gn += g * row.Normal(i);
        weight_sums[static_cast<size_t>(i)] += ToDouble(grad[i]) * row.Normal(i);
        bias_sums[static_cast<size_t>(i)] += ToDouble(grad[i]);
      }
      for (int64_t i = 0; i < width; ++i) {
        const double g = ToDouble(grad[i]) * ToDouble(weight.In<T>()[i]);
        const T own = FromDouble<T>(row.scale * (g - mean_g - row.Normal(i) * mean_gn));
        const int64_t at = r * width + i;
        grad_x.Out<T>()[at] = more.present() ? FromDouble<T>(ToDouble(own) + ToDouble(more.In<T>()[at])) : own;
      }
    }
    for (int64_t i = 0; i < width; ++i) {
      grad_weight.Out<T>()[i] = FromDouble<T>(weight_sums[static_cast<size_t>(i)]);
      if (grad_bias.present()) grad_bias.Out<T>()[i] = FromDouble<T>(bias_sums[static_cast<size_t>(i)]);
    }
  });
}

}  // namespace strata
