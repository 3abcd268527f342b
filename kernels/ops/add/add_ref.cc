#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/add/add.h"

namespace strata {

void AddRef(const OpContext&, const TensorView& x, const TensorView& y, const TensorView& z) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    for (int64_t i = 0, n = x.numel(); i < n; ++i) {
      z.Out<T>()[i] = FromDouble<T>(ToDouble(x.In<T>()[i]) + ToDouble(y.In<T>()[i]));
    }
  });
}

}  // namespace strata
