#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/rotary/rotary_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include <cstring>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/rotary/rotary.h"
#include "kernels/simd/row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

// One head. `direction` is 1 or -1 and multiplies the sines, which changes no bit but the sign.
template <class T, class F = ComputeType<T>>
void TurnHalves(const T* x, const F* cos, const F* sin, F direction, size_t angles, T* y) {
  const hn::ScalableTag<F> d;
  const auto sign = hn::Set(d, direction);
  ForEachVector(d, angles, [&](auto at) HWY_ATTR {
    const auto first = at(x), second = at(x + angles), c = at(cos), s = hn::Mul(at(sin), sign);
    at.Put(hn::NegMulAdd(second, s, hn::Mul(first, c)), y);
    at.Put(hn::MulAdd(first, s, hn::Mul(second, c)), y + angles);
  });
}

// `cos` and `sin` hold two equal cosines and a negative and a positive sine for every pair (see Spread).
template <class T, class F = ComputeType<T>>
void TurnPairs(const T* x, const F* cos, const F* sin, size_t angles, T* y) {
  const hn::ScalableTag<F> d;
  Map(d, 2 * angles, y, [&](auto at) HWY_ATTR {
    const auto v = at(x);
    return hn::MulAdd(hn::Reverse2(d, v), at(sin), hn::Mul(v, at(cos)));
  });
}

// A row of the tables as TurnPairs reads it: then no element changes its lane.
template <class F, class Table>
void Spread(const Table* cos, const Table* sin, F direction, size_t angles, F* cos_out, F* sin_out) {
  for (size_t i = 0; i < angles; ++i) {
    const F s = static_cast<F>(sin[i]) * direction;
    cos_out[2 * i] = cos_out[2 * i + 1] = static_cast<F>(cos[i]);
    sin_out[2 * i] = -s;
    sin_out[2 * i + 1] = s;
  }
}

// Tokens [begin, end). `memory` has room for two spread rows.
template <class T, class Table, class Index, class F = ComputeType<T>>
void TurnTokens(const TensorView& x, const TensorView& cos, const TensorView& sin, const TensorView& positions,
                RotaryPairs pairs, F direction, int64_t begin, int64_t end, F* memory, const TensorView& y) {
  const auto heads = static_cast<size_t>(x.size(-2)), width = static_cast<size_t>(x.size(-1));
  const auto angles = static_cast<size_t>(cos.size(1));
  const int64_t head_step = x.stride(-2);
  T* to = y.Out<T>() + static_cast<size_t>(begin) * heads * width;
  for (int64_t token = begin; token < end; ++token) {
    const size_t row = static_cast<size_t>(positions.In<Index>()[token]) * angles;
    const Table *c = cos.In<Table>() + row, *s = sin.In<Table>() + row;
    const F *cos_row = memory, *sin_row = memory + 2 * angles;
    if (pairs == RotaryPairs::kInterleaved) {
      Spread(c, s, direction, angles, memory, memory + 2 * angles);
    } else if constexpr (std::is_same_v<F, Table>) {
      cos_row = c, sin_row = s;
    } else {
      for (size_t i = 0; i < angles; ++i) {
        memory[i] = static_cast<F>(c[i]), memory[2 * angles + i] = static_cast<F>(s[i]);
      }
    }
    const T* from = x.In<T>();
    for (int64_t dim = x.rank - 3, left = token; dim >= 0; --dim) {
      from += left % x.sizes[static_cast<size_t>(dim)] * x.strides[static_cast<size_t>(dim)];
      left /= x.sizes[static_cast<size_t>(dim)];
    }
    for (size_t head = 0; head < heads; ++head, from += head_step, to += width) {
      if (pairs == RotaryPairs::kHalf) {
        TurnHalves(from, cos_row, sin_row, direction, angles, to);
      } else {
        TurnPairs(from, cos_row, sin_row, angles, to);
      }
      if (2 * angles < width) std::memcpy(to + 2 * angles, from + 2 * angles, (width - 2 * angles) * sizeof(T));
    }
  }
}

void Rotary(const OpContext& context, const TensorView& x, const TensorView& cos, const TensorView& sin,
            const TensorView& positions, RotaryPairs pairs, double direction, const TensorView& y) {
  if (y.numel() == 0) return;
  const int64_t per_token = x.size(-2) * x.size(-1), angles = cos.size(1);
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    using F = ComputeType<T>;
    const auto all = [&](auto table, auto index) {
      const int64_t grain = 1 + 16384 / (per_token + 1);
      ParallelChunks(*context.parallel, positions.numel(), grain, [&](int chunk, int64_t begin, int64_t end) {
        F* memory = reinterpret_cast<F*>(context.workspace) + chunk * 4 * angles;
        TurnTokens<T, decltype(table), decltype(index)>(x, cos, sin, positions, pairs, static_cast<F>(direction), begin,
                                                        end, memory, y);
      });
    };
    DispatchIndex(positions.dtype,
                  [&](auto index) { cos.dtype == DType::kF64 ? all(double{}, index) : all(float{}, index); });
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(Rotary);

void RotaryCpu(const OpContext& context, const TensorView& x, const TensorView& cos, const TensorView& sin,
               const TensorView& positions, RotaryPairs pairs, const TensorView& y) {
  HWY_DYNAMIC_DISPATCH(Rotary)(context, x, cos, sin, positions, pairs, 1, y);
}

void RotaryBackwardCpu(const OpContext& context, const TensorView& grad_y, const TensorView& cos, const TensorView& sin,
                       const TensorView& positions, RotaryPairs pairs, const TensorView& grad_x) {
  HWY_DYNAMIC_DISPATCH(Rotary)(context, grad_y, cos, sin, positions, pairs, -1, grad_x);
}

}  // namespace strata
#endif  // HWY_ONCE
