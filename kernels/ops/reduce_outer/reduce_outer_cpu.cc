#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/reduce_outer/reduce_outer_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include <cmath>

#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/reduce_outer/reduce_outer.h"
#include "kernels/simd/reduction-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

// Columns that one thread reduces at a time: a strip of a row is long enough for the memory to stream it, and its
// accumulators stay in the first-level cache.
inline constexpr size_t kStrip = 1024;
// Rows whose results are joined at a time: short chains, small errors.
inline constexpr size_t kRunRows = 8;
// Of these, rows that are added to the accumulators at a time, in order.
inline constexpr size_t kRowsAtOnce = 4;

// One strip of columns of one matrix.
template <class T>
struct Strip {
  const T* x;
  size_t rows, stride, width;
};

// acc[c] = step(acc[c], at, row) for rows [first, last) in order.
template <class F, class T, class StepFn>
HWY_INLINE void FoldRows(Strip<T> strip, size_t first, size_t last, StepFn step, F* HWY_RESTRICT acc) {
  const hn::ScalableTag<F> d;
  size_t r = first;
  for (; r + kRowsAtOnce <= last; r += kRowsAtOnce) {
    const T* row = strip.x + r * strip.stride;
    ForEachVector(d, strip.width, [&](auto at) HWY_ATTR {
      auto v = step(at(acc), at, row);
      STRATA_UNROLL
      for (size_t i = 1; i < kRowsAtOnce; ++i) v = step(v, at, row + i * strip.stride);
      at.Put(v, acc);
    });
  }
  for (; r < last; ++r) {
    const T* row = strip.x + r * strip.stride;
    ForEachVector(d, strip.width, [&](auto at) HWY_ATTR { at.Put(step(at(acc), at, row), acc); });
  }
}

// out[c] = the fold of the rows, started at `start`: kRunRows rows in order, so many of these results, so many of
// those, then what there is.
template <class F, class T, class StepFn, class JoinFn>
HWY_INLINE void FoldStrip(Strip<T> strip, F start, StepFn step, JoinFn join, F* HWY_RESTRICT out) {
  const hn::ScalableTag<F> d;
  HWY_ALIGN F few[kStrip], many[kStrip], more[kStrip];
  F* const levels[] = {few, many, more, out};
  for (F* sums : levels) std::fill_n(sums, strip.width, start);
  for (size_t first = 0; first < strip.rows; first += kRunRows) {
    const size_t last = std::min(strip.rows, first + kRunRows);
    FoldRows(strip, first, last, step, few);
    size_t rows = kRunRows;
    for (size_t level = 0; level < 3 && (last % rows == 0 || last == strip.rows); ++level, rows *= kRunRows) {
      F *HWY_RESTRICT from = levels[level], *HWY_RESTRICT to = levels[level + 1];
      ForEachVector(d, strip.width, [&](auto at) HWY_ATTR {
        at.Put(join(at(to), at(from)), to);
        at.Put(hn::Set(d, start), from);
      });
    }
  }
}

template <Reduction kFold, class T, class F = ComputeType<T>>
void FoldColumns(Strip<T> strip, F* out) {
  const hn::ScalableTag<F> d;
  FoldStrip(
      strip, Step<kFold>::template Start<F>(),
      [&](auto acc, auto at, const T* row) HWY_ATTR { return Step<kFold>::Run(d, acc, at(row)); },
      [&](auto a, auto b) HWY_ATTR { return Step<kFold>::Join(d, a, b); }, out);
}

template <class F, class T>
void MeanColumns(Strip<T> strip, F* out) {
  FoldStrip(
      strip, F(0), [](auto acc, auto at, const T* row) HWY_ATTR { return hn::Add(acc, at(row)); },
      [](auto a, auto b) HWY_ATTR { return hn::Add(a, b); }, out);
  for (size_t c = 0; c < strip.width; ++c) out[c] = out[c] / static_cast<F>(strip.rows);
}

template <class T, class F = VarianceType<T>>
void VarianceStrip(Strip<T> strip, Reduction operation, F divisor, T* y) {
  HWY_ALIGN F mean[kStrip], squares[kStrip];
  MeanColumns(strip, mean);
  FoldStrip(
      strip, F(0),
      [&](auto acc, auto at, const T* row) HWY_ATTR {
        const auto v = hn::Sub(at(row), at(mean));
        return hn::MulAdd(v, v, acc);
      },
      [](auto a, auto b) HWY_ATTR { return hn::Add(a, b); }, squares);
  for (size_t c = 0; c < strip.width; ++c) {
    const F var = squares[c] / divisor;
    y[c] = FromDouble<T>(operation == Reduction::kStd ? std::sqrt(var) : var);
  }
}

template <class T, class F = ComputeType<T>>
void ReduceStrip(Strip<T> strip, Reduction operation, double divisor, T* y) {
  if (operation == Reduction::kVar || operation == Reduction::kStd) {
    return VarianceStrip(strip, operation, static_cast<VarianceType<T>>(divisor), y);
  }
  const hn::ScalableTag<F> d;
  HWY_ALIGN F folded[kStrip];
  DispatchFold(operation, [&](auto fold) HWY_ATTR { FoldColumns<fold()>(strip, folded); });
  const auto rows = hn::Set(d, static_cast<F>(strip.rows));
  Map(d, strip.width, y, [&](auto at) HWY_ATTR {
    const auto v = at(folded);
    if (operation == Reduction::kMean) return hn::Div(v, rows);
    // Which of two zeros an extreme is would depend on the processor.
    if (operation == Reduction::kMax || operation == Reduction::kMin) return hn::Add(v, hn::Zero(d));
    return v;
  });
}

// What the elements of a column need for their gradients: Gradient's `aside` and `count`.
template <Reduction kGradient, class T, class F = ComputeType<T>>
void ColumnsInCommon(Strip<T> strip, const T* y, F* aside, F* count) {
  const hn::ScalableTag<F> d;
  const auto one = hn::Set(d, F(1));
  const auto add = [](auto a, auto b) HWY_ATTR { return hn::Add(a, b); };
  if constexpr (kGradient == Reduction::kMax || kGradient == Reduction::kMin) {
    Map(d, strip.width, aside, [&](auto at) HWY_ATTR { return at(y); });
    FoldStrip(
        strip, F(0),
        [&](auto acc, auto at, const T* row)
            HWY_ATTR { return hn::Add(acc, hn::IfThenElseZero(hn::Eq(at(row), at(aside)), one)); },
        add, count);
  }
  if constexpr (kGradient == Reduction::kVar) MeanColumns(strip, aside);
}

template <class T, class F = ComputeType<T>>
void GradientStrip(Strip<T> strip, const T* grad_y, const T* y, Reduction operation, F divisor, T* grad_x) {
  const hn::ScalableTag<F> d;
  HWY_ALIGN F grad[kStrip], aside[kStrip] = {}, count[kStrip] = {};
  const auto by = hn::Set(d, operation == Reduction::kMean ? static_cast<F>(strip.rows) : divisor);
  Map(d, strip.width, grad,
      [&](auto at) HWY_ATTR { return operation == Reduction::kMean ? hn::Div(at(grad_y), by) : at(grad_y); });
  DispatchGradient(operation, [&](auto gradient) HWY_ATTR {
    ColumnsInCommon<gradient()>(strip, y, aside, count);
    if constexpr (gradient() == Reduction::kVar) {
      Map(d, strip.width, count, [&](auto at) HWY_ATTR {
        const auto g = at(grad);
        return operation == Reduction::kVar ? hn::Div(hn::Mul(hn::Set(d, F(2)), g), by)
                                            : hn::Div(g, hn::Mul(at(y), by));
      });
    }
    for (size_t r = 0; r < strip.rows; ++r) {
      const T* row = strip.x + r * strip.stride;
      Map(d, strip.width, grad_x + r * strip.stride, [&](auto at) HWY_ATTR {
        const Gradient<gradient(), hn::ScalableTag<F>> element{d, at(grad), at(aside), at(count)};
        return element.At(at(row));
      });
    }
  });
}

// Calls strip(T{}, Strip of x, its first element in x, its first in y) for all of x, on all threads.
template <class F>
void ForStrips(const OpContext& context, const TensorView& x, F strip) {
  const int64_t rows = x.size(1), width = x.size(2);
  const int64_t matrices = x.size(0), threads = context.parallel->num_threads();
  if (width == 0) return;
  // A strip for every thread where there are few matrices, of 64 columns or more.
  const int64_t wanted = std::min((threads + matrices - 1) / std::max<int64_t>(1, matrices), (width + 63) / 64);
  const int64_t strips = std::max<int64_t>(wanted, (width + 1023) / 1024);
  const int64_t grain = 1 + 32768 / (rows * width / strips + 1);
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    ParallelChunks(*context.parallel, matrices * strips, grain, [&](int, int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t matrix = i / strips, part = i % strips;
        const int64_t first = width * part / strips, last = width * (part + 1) / strips;
        const int64_t at = matrix * rows * width + first;
        strip(type,
              Strip<T>{x.In<T>() + at, static_cast<size_t>(rows), static_cast<size_t>(width),
                       static_cast<size_t>(last - first)},
              at, matrix * width + first);
      }
    });
  });
}

void ReduceOuter(const OpContext& context, const TensorView& x, Reduction operation, int64_t correction,
                 const TensorView& y) {
  const double divisor = VarianceDivisor(x.size(1), correction);
  ForStrips(context, x, [&](auto type, auto strip, int64_t, int64_t column) {
    using T = decltype(type);
    ReduceStrip(strip, operation, divisor, y.Out<T>() + column);
  });
}

void ReduceOuterBackward(const OpContext& context, const TensorView& grad_y, const TensorView& x, const TensorView& y,
                         Reduction operation, int64_t correction, const TensorView& grad_x) {
  const double divisor = VarianceDivisor(x.size(1), correction);
  ForStrips(context, x, [&](auto type, auto strip, int64_t element, int64_t column) {
    using T = decltype(type);
    GradientStrip(strip, grad_y.In<T>() + column, y.In<T>() + column, operation, static_cast<ComputeType<T>>(divisor),
                  grad_x.Out<T>() + element);
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(ReduceOuter);
HWY_EXPORT(ReduceOuterBackward);

void ReduceOuterCpu(const OpContext& context, const TensorView& x, Reduction operation, int64_t correction,
                    const TensorView& y) {
  HWY_DYNAMIC_DISPATCH(ReduceOuter)(context, x, operation, correction, y);
}

void ReduceOuterBackwardCpu(const OpContext& context, const TensorView& grad_y, const TensorView& x,
                            const TensorView& y, Reduction operation, int64_t correction, const TensorView& grad_x) {
  HWY_DYNAMIC_DISPATCH(ReduceOuterBackward)(context, grad_y, x, y, operation, correction, grad_x);
}

}  // namespace strata
#endif  // HWY_ONCE
