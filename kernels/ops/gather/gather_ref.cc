#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/gather/gather.h"

namespace strata {

void GatherRef(const OpContext&, const TensorView& x, const TensorView& index, const TensorView& y) {
  DispatchBits(x.dtype, [&](auto bits) {
    DispatchIndex(index.dtype, [&](auto place) {
      using T = decltype(bits);
      const int64_t picked = index.size(-1), width = x.size(-1);
      for (int64_t i = 0; i < y.numel(); ++i) {
        y.Out<T>()[i] = x.In<T>()[i / picked * width + index.In<decltype(place)>()[i]];
      }
    });
  });
}

void GatherBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& x, const TensorView& index,
                       const TensorView& grad_x) {
  DispatchFloat(grad_y.dtype, [&](auto type) {
    DispatchIndex(index.dtype, [&](auto place) {
      using T = decltype(type);
      const int64_t picked = index.size(-1), width = x.size(-1);
      for (int64_t i = 0; i < grad_x.numel(); ++i) {
        double sum = 0;
        for (int64_t k = 0; k < picked; ++k) {
          const int64_t at = i / width * picked + k;
          if (index.In<decltype(place)>()[at] == i % width) sum += ToDouble(grad_y.In<T>()[at]);
        }
        grad_x.Out<T>()[i] = FromDouble<T>(sum);
      }
    });
  });
}

}  // namespace strata
