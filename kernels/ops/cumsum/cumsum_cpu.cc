// No Highway: a running sum is one chain of additions. Four rows at a time hide what an addition takes.
#include <algorithm>
#include <cstdint>

#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/cumsum/cumsum.h"

namespace strata {
namespace {

// kRows rows of n elements from x on; the element that comes first is at `start`, the next ones `step` further.
template <int kRows, class T, class Sum, class Wide, class Narrow>
void SumRows(const T* x, int64_t n, int64_t start, int64_t step, T* y, Wide wide, Narrow narrow) {
  Sum sums[kRows] = {};
  for (int64_t i = 0, at = start; i < n; ++i, at += step) {
    for (int r = 0; r < kRows; ++r) {
      sums[r] += wide(x[r * n + at]);
      y[r * n + at] = narrow(sums[r]);
    }
  }
}

template <class T, class Sum, class Wide, class Narrow>
void SumAll(const OpContext& context, const TensorView& x, bool reverse, const TensorView& y, Wide wide,
            Narrow narrow) {
  const int64_t n = x.size(-1), start = reverse ? n - 1 : 0, step = reverse ? -1 : 1;
  ParallelChunks(*context.parallel, x.numel() / n, 1 + 16384 / n, [&](int, int64_t begin, int64_t end) {
    int64_t row = begin;
    for (; row + 4 <= end; row += 4) {
      SumRows<4, T, Sum>(x.In<T>() + row * n, n, start, step, y.Out<T>() + row * n, wide, narrow);
    }
    for (; row < end; ++row) {
      SumRows<1, T, Sum>(x.In<T>() + row * n, n, start, step, y.Out<T>() + row * n, wide, narrow);
    }
  });
}

}  // namespace

void CumsumCpu(const OpContext& context, const TensorView& x, bool reverse, const TensorView& y) {
  if (x.numel() == 0) return;
  const auto bits = [](auto v) { return static_cast<uint64_t>(v); };
  if (x.dtype == DType::kI32) {
    return SumAll<int32_t, uint64_t>(context, x, reverse, y, bits, [](uint64_t v) { return static_cast<int32_t>(v); });
  }
  if (x.dtype == DType::kI64) {
    return SumAll<int64_t, uint64_t>(context, x, reverse, y, bits, [](uint64_t v) { return static_cast<int64_t>(v); });
  }
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    SumAll<T, double>(
        context, x, reverse, y, [](T v) { return ToDouble(v); }, [](double v) { return FromDouble<T>(v); });
  });
}

}  // namespace strata
