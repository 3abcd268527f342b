#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/log_softmax/log_softmax.h"

namespace strata {

void LogSoftmaxRef(const OpContext&, const TensorView& x, const TensorView& y) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t width = x.size(-1);
    for (int64_t r = 0; r < x.rows(); ++r) {
      const T* row = x.In<T>() + r * width;
      double most = -std::numeric_limits<double>::infinity(), sum = 0;
      for (int64_t i = 0; i < width; ++i) most = std::max(most, ToDouble(row[i]));
      for (int64_t i = 0; i < width; ++i) sum += std::exp(ToDouble(row[i]) - most);
      for (int64_t i = 0; i < width; ++i) {
        y.Out<T>()[r * width + i] = FromDouble<T>(ToDouble(row[i]) - most - std::log(sum));
      }
    }
  });
}

void LogSoftmaxBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& y, const TensorView& grad_x) {
  DispatchFloat(y.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t width = y.size(-1);
    for (int64_t r = 0; r < y.rows(); ++r) {
      const T* row = y.In<T>() + r * width;
      const T* grad = grad_y.In<T>() + r * width;
      double sum = 0;
      for (int64_t i = 0; i < width; ++i) sum += ToDouble(grad[i]);
      for (int64_t i = 0; i < width; ++i) {
        grad_x.Out<T>()[r * width + i] = FromDouble<T>(ToDouble(grad[i]) - std::exp(ToDouble(row[i])) * sum);
      }
    }
  });
}

}  // namespace strata
