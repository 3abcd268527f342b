#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/matmul/matmul.h"

namespace strata {
namespace {

int64_t Batch(const TensorView& view) {
  int64_t n = 1;
  for (int i = 0; i + 2 < view.rank; ++i) n *= view.size(i);
  return n;
}

// c[i, j] = sum over k of a(i, k) * b(k, j), for one matrix.
template <class T, class A, class B>
void Product(int64_t m, int64_t n, int64_t k, A a, B b, T* c) {
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t l = 0; l < k; ++l) sum += ToDouble(a(i, l)) * ToDouble(b(l, j));
      c[i * n + j] = FromDouble<T>(sum);
    }
  }
}

}  // namespace

void MatmulRef(const OpContext&, const TensorView& a, const TensorView& b, const TensorView& c) {
  DispatchFloat(a.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t m = a.size(-2), k = a.size(-1), n = b.size(-1);
    for (int64_t p = 0; p < Batch(c); ++p) {
      const T *x = a.In<T>() + p * m * k, *y = b.In<T>() + p * k * n;
      Product(
          m, n, k, [&](int64_t i, int64_t l) { return x[i * k + l]; },
          [&](int64_t l, int64_t j) { return y[l * n + j]; }, c.Out<T>() + p * m * n);
    }
  });
}

void MatmulBackwardRef(const OpContext&, const TensorView& grad_c, const TensorView& a, const TensorView& b,
                       const TensorView& grad_a, const TensorView& grad_b) {
  DispatchFloat(a.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t m = a.size(-2), k = a.size(-1), n = b.size(-1);
    for (int64_t p = 0; p < Batch(grad_c); ++p) {
      const T *x = a.In<T>() + p * m * k, *y = b.In<T>() + p * k * n, *g = grad_c.In<T>() + p * m * n;
      Product(
          m, k, n, [&](int64_t i, int64_t l) { return g[i * n + l]; },
          [&](int64_t l, int64_t j) { return y[j * n + l]; }, grad_a.Out<T>() + p * m * k);
      Product(
          k, n, m, [&](int64_t i, int64_t l) { return x[l * k + i]; },
          [&](int64_t l, int64_t j) { return g[l * n + j]; }, grad_b.Out<T>() + p * k * n);
    }
  });
}

}  // namespace strata
