#include "kernels/core/typed_kernel.h"
#include "kernels/ops/reduce/reduce.h"
#include "kernels/simd/reduction_ref.h"

namespace strata {

void ReduceRef(const OpContext&, const TensorView& x, Reduction operation, int64_t correction, const TensorView& y) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t n = x.size(-1);
    for (int64_t r = 0; r < x.rows(); ++r) {
      y.Out<T>()[r] = FromDouble<T>(ReduceElementsRef(x.In<T>() + r * n, n, 1, operation, correction));
    }
  });
}

void ReduceBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& x, const TensorView& y,
                       Reduction operation, int64_t correction, const TensorView& grad_x) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t n = x.size(-1);
    for (int64_t r = 0; r < x.rows(); ++r) {
      ReduceGradientRef(ToDouble(grad_y.In<T>()[r]), x.In<T>() + r * n, ToDouble(y.In<T>()[r]), n, 1, operation,
                        correction, grad_x.Out<T>() + r * n);
    }
  });
}

}  // namespace strata
