#include "kernels/core/typed_kernel.h"
#include "kernels/ops/concat/concat.h"

namespace strata {

void ConcatRef(const OpContext&, std::span<const TensorView> xs, int64_t dim, const TensorView& y) {
  DispatchBits(y.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t row = RunLength(y, dim);
    int64_t first = 0;
    for (const TensorView& x : xs) {
      const int64_t run = RunLength(x, dim);
      for (int64_t i = 0; i < x.numel(); ++i)
        static_cast<T*>(y.data)[i / run * row + first + i % run] = static_cast<const T*>(x.data)[i];
      first += run;
    }
  });
}

}  // namespace strata
