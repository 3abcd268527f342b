#include <cmath>

#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/l2_normalize/l2_normalize.h"

namespace strata {
namespace {

template <class T>
double NormOf(const T* x, int64_t width) {
  double sum = 0;
  for (int64_t i = 0; i < width; ++i) sum += ToDouble(x[i]) * ToDouble(x[i]);
  return std::sqrt(sum);
}

}  // namespace

void L2NormalizeRef(const OpContext&, const TensorView& x, double eps, const TensorView& y) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t width = x.size(-1);
    for (int64_t r = 0; r < x.rows(); ++r) {
      const T* row = x.In<T>() + r * width;
      const double norm = NormOf(row, width);
      for (int64_t i = 0; i < width; ++i) {
        y.Out<T>()[r * width + i] = FromDouble<T>(ToDouble(row[i]) / (norm < eps ? eps : norm));
      }
    }
  });
}

void L2NormalizeBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& x, double eps,
                            const TensorView& grad_x) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t width = x.size(-1);
    for (int64_t r = 0; r < x.rows(); ++r) {
      const T* row = x.In<T>() + r * width;
      const T* grad = grad_y.In<T>() + r * width;
      const double norm = NormOf(row, width);
      double dot = 0;
      for (int64_t i = 0; i < width; ++i) dot += ToDouble(grad[i]) * (ToDouble(row[i]) / norm);
      for (int64_t i = 0; i < width; ++i) {
        const double g = ToDouble(grad[i]);
        grad_x.Out<T>()[r * width + i] =
            FromDouble<T>(norm < eps ? g / eps : (g - ToDouble(row[i]) / norm * dot) / norm);
      }
    }
  });
}

}  // namespace strata
