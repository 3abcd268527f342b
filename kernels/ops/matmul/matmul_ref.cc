#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/matmul/matmul.h"

namespace strata {

void MatmulRef(const OpContext&, const MatmulBatch& all) {
  DispatchFloat(all.c->dtype, [&](auto type) {
    using T = decltype(type);
    for (size_t p = 0; p < all.batch; ++p) {
      const T *a = all.a.view->In<T>() + all.a.Offset(p), *b = all.b.view->In<T>() + all.b.Offset(p);
      T* c = all.c->Out<T>() + p * all.m * all.n;
      for (size_t i = 0; i < all.m; ++i) {
        for (size_t j = 0; j < all.n; ++j) {
          double sum = 0;
          for (size_t l = 0; l < all.k; ++l) {
            sum += ToDouble(a[i * all.a.row_stride + l * all.a.column_stride]) *
                   ToDouble(b[l * all.b.row_stride + j * all.b.column_stride]);
          }
          c[i * all.n + j] = FromDouble<T>(sum);
        }
      }
    }
  });
}

}  // namespace strata
