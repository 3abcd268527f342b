#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/cumsum/cumsum.h"

namespace strata {
namespace {

template <class Index>
void Integers(const TensorView& x, bool reverse, const TensorView& y) {
  const int64_t n = x.size(-1);
  for (int64_t i = 0; i < x.numel(); ++i) {
    uint64_t sum = 0;
    const int64_t row = i / n * n, first = reverse ? i : row, last = reverse ? row + n - 1 : i;
    for (int64_t s = first; s <= last; ++s) sum += static_cast<uint64_t>(x.In<Index>()[s]);
    y.Out<Index>()[i] = static_cast<Index>(sum);
  }
}

}  // namespace

void CumsumRef(const OpContext&, const TensorView& x, bool reverse, const TensorView& y) {
  if (x.dtype == DType::kI32) return Integers<int32_t>(x, reverse, y);
  if (x.dtype == DType::kI64) return Integers<int64_t>(x, reverse, y);
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t n = x.size(-1);
    for (int64_t row = 0; row < x.numel(); row += n) {
      double sum = 0;
      for (int64_t r = 0; r < n; ++r) {
        const int64_t at = row + (reverse ? n - 1 - r : r);
        y.Out<T>()[at] = FromDouble<T>(sum += ToDouble(x.In<T>()[at]));
      }
    }
  });
}

}  // namespace strata
