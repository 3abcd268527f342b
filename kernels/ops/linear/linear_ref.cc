#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/linear/linear.h"

namespace strata {

void LinearRef(const OpContext&, const TensorView& x, const TensorView& weight, const TensorView* bias,
               Activation activation, const TensorView& y) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t in = weight.size(1), out = weight.size(0);
    for (int64_t r = 0; r < x.rows(); ++r) {
      for (int64_t o = 0; o < out; ++o) {
        double sum = 0;
        for (int64_t k = 0; k < in; ++k) sum += ToDouble(x.In<T>()[r * in + k]) * ToDouble(weight.In<T>()[o * in + k]);
        if (bias != nullptr) sum += ToDouble(bias->In<T>()[o]);
        y.Out<T>()[r * out + o] = FromDouble<T>(Activate(activation, ToDouble(FromDouble<T>(sum))));
      }
    }
  });
}

void LinearBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& x, const TensorView& weight,
                       const TensorView& grad_x, const TensorView& grad_weight, const TensorView& grad_bias) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t in = weight.size(1), out = weight.size(0), rows = x.rows();
    const T* grad = grad_y.In<T>();
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t k = 0; k < in; ++k) {
        double sum = 0;
        for (int64_t o = 0; o < out; ++o) sum += ToDouble(grad[r * out + o]) * ToDouble(weight.In<T>()[o * in + k]);
        grad_x.Out<T>()[r * in + k] = FromDouble<T>(sum);
      }
    }
    for (int64_t o = 0; o < out; ++o) {
      for (int64_t k = 0; k < in; ++k) {
        double sum = 0;
        for (int64_t r = 0; r < rows; ++r) sum += ToDouble(grad[r * out + o]) * ToDouble(x.In<T>()[r * in + k]);
        grad_weight.Out<T>()[o * in + k] = FromDouble<T>(sum);
      }
      double sum = 0;
      for (int64_t r = 0; r < rows; ++r) sum += ToDouble(grad[r * out + o]);
      grad_bias.Out<T>()[o] = FromDouble<T>(sum);
    }
  });
}

}  // namespace strata
