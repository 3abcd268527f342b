#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/cross_entropy/cross_entropy_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/cross_entropy/cross_entropy.h"
#include "kernels/simd/cross_entropy-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

// Calls row(T{}, n, target[n]) for every row, on all threads.
template <class Row>
void ForRows(const OpContext& context, const TensorView& logits, const TensorView& target, bool stream, Row row) {
  // An exponential costs about four times an element's other work.
  const int64_t grain = 1 + 4096 / (logits.size(1) + 1);
  DispatchFloat(logits.dtype, [&](auto type) {
    ParallelChunks(*context.parallel, logits.size(0), grain, [&](int, int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        row(type, n, target.dtype == DType::kI32 ? target.In<int32_t>()[n] : target.In<int64_t>()[n]);
      }
      if (stream) hwy::FlushStream();
    });
  });
}

void CrossEntropy(const OpContext& context, const TensorView& logits, const TensorView& target, int64_t ignore_index,
                  double label_smoothing, const TensorView& loss, const TensorView& stats) {
  const int64_t classes = logits.size(1);
  ForRows(context, logits, target, false, [&](auto type, int64_t n, int64_t at) {
    using T = decltype(type);
    using F = ComputeType<T>;
    const T* row = logits.In<T>() + n * classes;
    F* out = stats.Out<F>() + 2 * n;
    if (at == ignore_index) {
      out[0] = 0, out[1] = 1;
      return Narrow(F(0), loss.Out<T>() + n);
    }
    const auto found = SoftmaxStats(row, static_cast<size_t>(classes), row + classes);
    out[0] = found.most, out[1] = found.sum;
    Narrow(RowLoss(row, static_cast<size_t>(classes), static_cast<size_t>(at), static_cast<F>(label_smoothing), found),
           loss.Out<T>() + n);
  });
}

void CrossEntropyBackward(const OpContext& context, const TensorView& grad_loss, const TensorView& logits,
                          const TensorView& target, const TensorView& stats, int64_t ignore_index,
                          double label_smoothing, const TensorView& grad_logits) {
  const int64_t classes = logits.size(1);
  const bool stream = SizeOf(logits.dtype) == 2   ? Streams<BF16>(grad_logits.data, logits.numel(), classes)
                      : SizeOf(logits.dtype) == 4 ? Streams<float>(grad_logits.data, logits.numel(), classes)
                                                  : Streams<double>(grad_logits.data, logits.numel(), classes);
  ForRows(context, logits, target, stream, [&](auto type, int64_t n, int64_t at) {
    using T = decltype(type);
    using F = ComputeType<T>;
    T* out = grad_logits.Out<T>() + n * classes;
    if (at == ignore_index) {
      std::fill_n(out, classes, T{});
      return;
    }
    const F* found = stats.In<F>() + 2 * n;
    const T* row = logits.In<T>() + n * classes;
    RowGradient(Widen(grad_loss.In<T>()[n]), row, static_cast<size_t>(classes), static_cast<size_t>(at),
                static_cast<F>(label_smoothing), RowStats<F>{found[0], found[1]}, out, stream, row + classes);
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(CrossEntropy);
HWY_EXPORT(CrossEntropyBackward);

void CrossEntropyCpu(const OpContext& context, const TensorView& logits, const TensorView& target, int64_t ignore_index,
                     double label_smoothing, const TensorView& loss, const TensorView& stats) {
  HWY_DYNAMIC_DISPATCH(CrossEntropy)(context, logits, target, ignore_index, label_smoothing, loss, stats);
}

void CrossEntropyBackwardCpu(const OpContext& context, const TensorView& grad_loss, const TensorView& logits,
                             const TensorView& target, const TensorView& stats, int64_t ignore_index,
                             double label_smoothing, const TensorView& grad_logits) {
  HWY_DYNAMIC_DISPATCH(CrossEntropyBackward)
  (context, grad_loss, logits, target, stats, ignore_index, label_smoothing, grad_logits);
}

}  // namespace strata
#endif  // HWY_ONCE
