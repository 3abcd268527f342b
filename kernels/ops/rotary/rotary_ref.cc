#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/rotary/rotary.h"

namespace strata {
namespace {

double TableAt(const TensorView& table, int64_t i) {
  return table.dtype == DType::kF64 ? table.In<double>()[i] : double{table.In<float>()[i]};
}

int64_t PositionAt(const TensorView& positions, int64_t i) {
  return positions.dtype == DType::kI32 ? positions.In<int32_t>()[i] : positions.In<int64_t>()[i];
}

// Element 0 of head `head`, where heads are counted over all tokens.
int64_t HeadStart(const TensorView& x, int64_t head) {
  int64_t start = 0;
  for (int dim = x.rank - 2; dim >= 0; --dim) {
    start += head % x.size(dim) * x.stride(dim);
    head /= x.size(dim);
  }
  return start;
}

// direction: 1 turns, -1 turns back.
void Turn(const TensorView& x, const TensorView& cos, const TensorView& sin, const TensorView& positions,
          RotaryPairs pairs, double direction, const TensorView& y) {
  const int64_t heads = x.size(-2), width = x.size(-1), angles = cos.size(1);
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    for (int64_t head = 0; head < positions.numel() * heads; ++head) {
      const T* from = x.In<T>() + HeadStart(x, head);
      T* to = y.Out<T>() + head * width;
      const int64_t row = PositionAt(positions, head / heads) * angles;
      for (int64_t i = 0; i < width; ++i) to[i] = from[i];
      for (int64_t i = 0; i < angles; ++i) {
        const int64_t a = pairs == RotaryPairs::kHalf ? i : 2 * i, b = pairs == RotaryPairs::kHalf ? i + angles : a + 1;
        const double c = TableAt(cos, row + i), s = direction * TableAt(sin, row + i);
        const double first = ToDouble(from[a]), second = ToDouble(from[b]);
        to[a] = FromDouble<T>(first * c - second * s);
        to[b] = FromDouble<T>(second * c + first * s);
      }
    }
  });
}

}  // namespace

void RotaryRef(const OpContext&, const TensorView& x, const TensorView& cos, const TensorView& sin,
               const TensorView& positions, RotaryPairs pairs, const TensorView& y) {
  Turn(x, cos, sin, positions, pairs, 1, y);
}

void RotaryBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& cos, const TensorView& sin,
                       const TensorView& positions, RotaryPairs pairs, const TensorView& grad_x) {
  Turn(grad_y, cos, sin, positions, pairs, -1, grad_x);
}

}  // namespace strata
