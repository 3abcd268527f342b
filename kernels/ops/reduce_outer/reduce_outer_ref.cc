#include "kernels/core/typed_kernel.h"
#include "kernels/ops/reduce_outer/reduce_outer.h"
#include "kernels/simd/reduction_ref.h"

namespace strata {

void ReduceOuterRef(const OpContext&, const TensorView& x, Reduction operation, int64_t correction,
                    const TensorView& y) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t rows = x.size(1), width = x.size(2);
    for (int64_t i = 0; i < y.numel(); ++i) {
      const T* column = x.In<T>() + i / width * rows * width + i % width;
      y.Out<T>()[i] = FromDouble<T>(ReduceElementsRef(column, rows, width, operation, correction));
    }
  });
}

void ReduceOuterBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& x, const TensorView& y,
                            Reduction operation, int64_t correction, const TensorView& grad_x) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t rows = x.size(1), width = x.size(2);
    for (int64_t i = 0; i < y.numel(); ++i) {
      const int64_t first = i / width * rows * width + i % width;
      ReduceGradientRef(ToDouble(grad_y.In<T>()[i]), x.In<T>() + first, ToDouble(y.In<T>()[i]), rows, width, operation,
                        correction, grad_x.Out<T>() + first);
    }
  });
}

}  // namespace strata
