#include <cmath>

#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/rms_norm/rms_norm.h"

namespace strata {
namespace {

template <class T>
double Scale(const T* x, int64_t width, double eps) {
  double sum = 0;
  for (int64_t i = 0; i < width; ++i) sum += ToDouble(x[i]) * ToDouble(x[i]);
  return 1 / std::sqrt(sum / static_cast<double>(width) + eps);
}

}  // namespace

void RmsNormRef(const OpContext&, const TensorView& x, const TensorView& weight, double eps, const TensorView& y) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t width = x.size(-1);
    for (int64_t r = 0; r < x.rows(); ++r) {
      const T* row = x.In<T>() + r * width;
      const double scale = Scale(row, width, eps);
      for (int64_t i = 0; i < width; ++i) {
        y.Out<T>()[r * width + i] = FromDouble<T>(ToDouble(row[i]) * scale * ToDouble(weight.In<T>()[i]));
      }
    }
  });
}

void RmsNormBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& x, const TensorView& weight,
                        double eps, const TensorView& grad_x, const TensorView& grad_weight) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t width = x.size(-1), rows = x.rows();
    const T* w = weight.In<T>();
    for (int64_t r = 0; r < rows; ++r) {
      const T* row = x.In<T>() + r * width;
      const T* grad = grad_y.In<T>() + r * width;
      const double scale = Scale(row, width, eps);
      double dot = 0;
      for (int64_t i = 0; i < width; ++i) dot += ToDouble(grad[i]) * ToDouble(w[i]) * ToDouble(row[i]);
      const double pull = dot * scale * scale * scale / static_cast<double>(width);
      for (int64_t i = 0; i < width; ++i) {
        grad_x.Out<T>()[r * width + i] =
            FromDouble<T>(ToDouble(grad[i]) * ToDouble(w[i]) * scale - ToDouble(row[i]) * pull);
      }
    }
    for (int64_t i = 0; i < width; ++i) {
      double sum = 0;
      for (int64_t r = 0; r < rows; ++r) {
        const T* row = x.In<T>() + r * width;
        sum += ToDouble(grad_y.In<T>()[r * width + i]) * ToDouble(row[i]) * Scale(row, width, eps);
      }
      grad_weight.Out<T>()[i] = FromDouble<T>(sum);
    }
  });
}

}  // namespace strata
