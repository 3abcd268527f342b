#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/cross_entropy/cross_entropy_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/cross_entropy/cross_entropy.h"
#include "kernels/simd/math-inl.h"
#include "kernels/simd/row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

template <class T>
ComputeType<T> Widen(T v) {
  if constexpr (std::is_same_v<T, BF16>) {
    return ToFloat(v);
  } else {
    return v;
  }
}
template <class T>
void Narrow(ComputeType<T> v, T* out) {
  if constexpr (std::is_same_v<T, BF16>) {
    *out = ToBF16(v);
  } else {
    *out = v;
  }
}

// The same bits as a lane of Exp gives: it is one.
template <class F>
F ExpOf(F v) {
  const hn::ScalableTag<F> d;
  return hn::GetLane(Exp(d, hn::Set(d, v)));
}
template <class F>
F LogOf(F v) {
  const hn::ScalableTag<F> d;
  return hn::GetLane(Log(d, hn::Set(d, v)));
}

template <class F>
struct RowStats {
  F most, sum;
};

template <class T, class F = ComputeType<T>>
RowStats<F> StatsOf(const T* x, size_t classes) {
  const hn::ScalableTag<F> d;
  const F most = LaneMax(d, classes, x);
  const auto vmost = hn::Set(d, most);
  return {most, LaneSum(d, classes, [&](auto acc, auto at) HWY_ATTR {
            return hn::Add(acc, at.Keep(Exp(d, hn::Sub(at(x), vmost))));
          })};
}

template <class T, class F = ComputeType<T>>
void BackwardRow(F grad, const T* x, size_t classes, size_t target, T* out) {
  const hn::ScalableTag<F> d;
  const RowStats<F> stats = StatsOf(x, classes);
  const auto most = hn::Set(d, stats.most), sum = hn::Set(d, stats.sum), scale = hn::Set(d, grad);
  Map(d, classes, out, [&](auto at) HWY_ATTR { return hn::Mul(hn::Div(Exp(d, hn::Sub(at(x), most)), sum), scale); });
  Narrow((ExpOf(Widen(x[target]) - stats.most) / stats.sum - F(1)) * grad, out + target);
}

// Calls row(T{}, n, target[n]) for every row, on all threads.
template <class Row>
void ForRows(const OpContext& context, const TensorView& logits, const TensorView& target, Row row) {
  // An exponential costs about four times an element's other work.
  const int64_t grain = 1 + 4096 / (logits.size(1) + 1);
  DispatchFloat(logits.dtype, [&](auto type) {
    ParallelChunks(*context.parallel, logits.size(0), grain, [&](int, int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        row(type, n, target.dtype == DType::kI32 ? target.In<int32_t>()[n] : target.In<int64_t>()[n]);
      }
    });
  });
}

void CrossEntropy(const OpContext& context, const TensorView& logits, const TensorView& target,
                  const TensorView& loss) {
  const int64_t classes = logits.size(1);
  ForRows(context, logits, target, [&](auto type, int64_t n, int64_t at) {
    using T = decltype(type);
    const T* row = logits.In<T>() + n * classes;
    const auto stats = StatsOf(row, static_cast<size_t>(classes));
    Narrow(LogOf(stats.sum) - (Widen(row[at]) - stats.most), loss.Out<T>() + n);
  });
}

void CrossEntropyBackward(const OpContext& context, const TensorView& grad_loss, const TensorView& logits,
                          const TensorView& target, const TensorView& grad_logits) {
  const int64_t classes = logits.size(1);
  ForRows(context, logits, target, [&](auto type, int64_t n, int64_t at) {
    using T = decltype(type);
    BackwardRow(Widen(grad_loss.In<T>()[n]), logits.In<T>() + n * classes, static_cast<size_t>(classes),
                static_cast<size_t>(at), grad_logits.Out<T>() + n * classes);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(CrossEntropy);
HWY_EXPORT(CrossEntropyBackward);

void CrossEntropyCpu(const OpContext& context, const TensorView& logits, const TensorView& target,
                     const TensorView& loss) {
  HWY_DYNAMIC_DISPATCH(CrossEntropy)(context, logits, target, loss);
}

void CrossEntropyBackwardCpu(const OpContext& context, const TensorView& grad_loss, const TensorView& logits,
                             const TensorView& target, const TensorView& grad_logits) {
  HWY_DYNAMIC_DISPATCH(CrossEntropyBackward)(context, grad_loss, logits, target, grad_logits);
}

}  // namespace strata
#endif  // HWY_ONCE
