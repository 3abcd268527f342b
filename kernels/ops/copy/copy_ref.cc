#include "kernels/core/typed_kernel.h"
#include "kernels/ops/copy/copy.h"

namespace strata {

void CopyRef(const OpContext&, const TensorView& x, const TensorView& y) {
  DispatchBits(x.dtype, [&](auto type) {
    using T = decltype(type);
    for (int64_t i = 0, n = x.numel(); i < n; ++i) {
      int64_t left = i, from = 0;
      for (int dim = x.rank - 1; dim >= 0; --dim) {
        from += left % x.size(dim) * x.stride(dim);
        left /= x.size(dim);
      }
      static_cast<T*>(y.data)[i] = static_cast<const T*>(x.data)[from];
    }
  });
}

}  // namespace strata
