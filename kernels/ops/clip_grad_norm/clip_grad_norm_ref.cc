#include <cmath>

#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/clip_grad_norm/clip_grad_norm.h"

namespace strata {

void ClipGradNormRef(const OpContext&, Tensors grads, double max_norm, const TensorView& norm) {
  DispatchFloat(norm.dtype, [&](auto type) {
    using T = decltype(type);
    double squares = 0;
    for (const TensorView& grad : grads) {
      for (int64_t i = 0; i < grad.numel(); ++i) {
        const double g = ToDouble(grad.In<T>()[i]);
        squares += g * g;
      }
    }
    const double total = std::sqrt(squares), factor = max_norm / (total + 1e-6);
    norm.Out<T>()[0] = FromDouble<T>(total);
    if (factor >= 1) return;
    for (const TensorView& grad : grads) {
      for (int64_t i = 0; i < grad.numel(); ++i) {
        grad.Out<T>()[i] = FromDouble<T>(ToDouble(grad.In<T>()[i]) * factor);
      }
    }
  });
}

}  // namespace strata
