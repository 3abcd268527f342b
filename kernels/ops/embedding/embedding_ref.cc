#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/embedding/embedding.h"

namespace strata {
namespace {

// Calls f(T{}, Index{}) for the dtypes of the two.
template <class F>
void Dispatch(const TensorView& values, const TensorView& ids, F f) {
  DispatchFloat(values.dtype, [&](auto type) { DispatchIndex(ids.dtype, [&](auto index) { f(type, index); }); });
}

}  // namespace

void EmbeddingRef(const OpContext&, const TensorView& weight, const TensorView& ids, const TensorView& y) {
  DispatchBits(weight.dtype, [&](auto bits) {
    DispatchIndex(ids.dtype, [&](auto index) {
      using T = decltype(bits);
      const int64_t width = weight.size(1);
      for (int64_t n = 0; n < ids.numel(); ++n) {
        const T* row = static_cast<const T*>(weight.data) + ids.In<decltype(index)>()[n] * width;
        for (int64_t i = 0; i < width; ++i) static_cast<T*>(y.data)[n * width + i] = row[i];
      }
    });
  });
}

// Slow on purpose: every element of the table asks every id, so that it needs no memory to add in double.
void EmbeddingBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView&, const TensorView& ids,
                          const TensorView& grad_weight) {
  Dispatch(grad_y, ids, [&](auto type, auto index) {
    using T = decltype(type);
    const int64_t rows = grad_weight.size(0), width = grad_weight.size(1);
    for (int64_t v = 0; v < rows; ++v) {
      for (int64_t i = 0; i < width; ++i) {
        double sum = 0;
        for (int64_t n = 0; n < ids.numel(); ++n) {
          if (ids.In<decltype(index)>()[n] == v) sum += ToDouble(grad_y.In<T>()[n * width + i]);
        }
        grad_weight.Out<T>()[v * width + i] = FromDouble<T>(sum);
      }
    }
  });
}

}  // namespace strata
