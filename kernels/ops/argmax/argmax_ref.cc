#include <cmath>

#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/argmax/argmax.h"

namespace strata {

void ArgmaxRef(const OpContext&, const TensorView& x, bool smallest, const TensorView& index) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t n = x.size(-1);
    for (int64_t r = 0; r < x.rows(); ++r) {
      const T* row = x.In<T>() + r * n;
      int64_t best = 0;
      for (int64_t i = 1; i < n && !std::isnan(ToDouble(row[best])); ++i) {
        const double v = ToDouble(row[i]), most = ToDouble(row[best]);
        if (std::isnan(v) || (smallest ? v < most : v > most)) best = i;
      }
      index.Out<int64_t>()[r] = best;
    }
  });
}

}  // namespace strata
