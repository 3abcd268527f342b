#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/linear_half/linear_half.h"

namespace strata {

void LinearHalfRef(const OpContext&, const TensorView& x, const TensorView& weight, const TensorView* bias,
                   Activation activation, const TensorView& y) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t in = weight.size(1), out = weight.size(0);
    const auto at = [&](int64_t i) {
      return weight.dtype == DType::kF16 ? ToDouble(weight.In<F16>()[i]) : ToDouble(weight.In<BF16>()[i]);
    };
    for (int64_t r = 0; r < x.rows(); ++r) {
      for (int64_t o = 0; o < out; ++o) {
        double sum = 0;
        for (int64_t k = 0; k < in; ++k) sum += ToDouble(x.In<T>()[r * in + k]) * at(o * in + k);
        if (bias != nullptr) sum += ToDouble(bias->In<T>()[o]);
        y.Out<T>()[r * out + o] = FromDouble<T>(Activate(activation, ToDouble(FromDouble<T>(sum))));
      }
    }
  });
}

}  // namespace strata
