#include <cmath>

#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/batch_norm/batch_norm.h"

namespace strata {

void BatchNormRef(const OpContext&, const TensorView& x, const TensorView& mean, const TensorView& var,
                  const TensorView& weight, const TensorView& bias, double eps, const TensorView& y) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    for (int64_t i = 0; i < x.numel(); ++i) {
      const int64_t c = i / x.size(2) % x.size(1);
      const double normal =
          (ToDouble(x.In<T>()[i]) - ToDouble(mean.In<T>()[c])) / std::sqrt(ToDouble(var.In<T>()[c]) + eps);
      y.Out<T>()[i] = FromDouble<T>(normal * ToDouble(weight.In<T>()[c]) + ToDouble(bias.In<T>()[c]));
    }
  });
}

}  // namespace strata
