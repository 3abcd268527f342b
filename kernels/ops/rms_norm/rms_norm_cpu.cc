#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/rms_norm/rms_norm_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include <cmath>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/rms_norm/rms_norm.h"
#include "kernels/simd/row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

template <class F, class T>
F RowScale(const T* x, size_t width, double eps) {
  const hn::ScalableTag<F> d;
  const F sum = LaneSum(d, width, [&](auto acc, auto at) HWY_ATTR {
    const auto v = at(x);
    return hn::MulAdd(v, v, acc);
  });
  return F(1) / std::sqrt(sum / static_cast<F>(width) + static_cast<F>(eps));
}

template <class T>
void Forward(const OpContext& context, const TensorView& x, const TensorView& weight, double eps, const TensorView& y) {
  using F = ComputeType<T>;
  const hn::ScalableTag<F> d;
  const size_t width = static_cast<size_t>(x.size(-1));
  const T* w = weight.In<T>();
  const int64_t grain = 1 + 16384 / (x.size(-1) + 1);
  ParallelChunks(*context.parallel, x.rows(), grain, [&](int, int64_t begin, int64_t end) HWY_ATTR {
    for (int64_t r = begin; r < end; ++r) {
      const T* row = x.In<T>() + r * x.size(-1);
      const auto scale = hn::Set(d, RowScale<F>(row, width, eps));
      Map(d, width, y.Out<T>() + r * x.size(-1),
          [&](auto at) HWY_ATTR { return hn::Mul(hn::Mul(at(row), scale), at(w)); });
    }
  });
}

// grad_x of a range of rows; leaves every row's scale for the weight's gradient.
template <class T, class F = ComputeType<T>>
void BackwardRows(const T* grad, const T* x, const T* w, double eps, size_t width, int64_t begin, int64_t end, T* out,
                  F* scales) {
  const hn::ScalableTag<F> d;
  for (int64_t r = begin; r < end; ++r) {
    const size_t start = static_cast<size_t>(r) * width;
    const F scale = scales[r] = RowScale<F>(x + start, width, eps);
    const F dot = LaneSum(d, width, [&](auto acc, auto at) HWY_ATTR {
      return hn::MulAdd(hn::Mul(at(grad + start), at(w)), at(x + start), acc);
    });
    const auto pull = hn::Set(d, dot * scale * scale * scale / static_cast<F>(width));
    const auto vscale = hn::Set(d, scale);
    Map(d, width, out + start, [&](auto at) HWY_ATTR {
      return hn::NegMulAdd(at(x + start), pull, hn::Mul(hn::Mul(at(grad + start), at(w)), vscale));
    });
  }
}

// grad_weight of a range of columns: down the rows in order, in blocks of kSumBlock.
template <class T, class F = ComputeType<T>>
void BackwardColumns(const T* grad, const T* x, const F* scales, size_t width, size_t rows, size_t begin, size_t end,
                     T* out) {
  const hn::ScalableTag<F> d;
  Map(d, end - begin, out + begin, [&](auto at) HWY_ATTR {
    auto total = hn::Zero(d);
    for (size_t block = 0; block < rows; block += kSumBlock) {
      auto sum = hn::Zero(d);
      for (size_t r = block; r < std::min(rows, block + kSumBlock); ++r) {
        const size_t start = r * width + begin;
        sum = hn::MulAdd(hn::Mul(at(grad + start), at(x + start)), hn::Set(d, scales[r]), sum);
      }
      total = hn::Add(total, sum);
    }
    return total;
  });
}

template <class T>
void Backward(const OpContext& context, const TensorView& grad_y, const TensorView& x, const TensorView& weight,
              double eps, const TensorView& grad_x, const TensorView& grad_weight) {
  using F = ComputeType<T>;
  F* scales = reinterpret_cast<F*>(context.workspace);
  const int64_t width = x.size(-1), rows = x.rows();
  const T *grad = grad_y.In<T>(), *in = x.In<T>();
  ParallelChunks(*context.parallel, rows, 1 + 16384 / (width + 1), [&](int, int64_t begin, int64_t end) {
    BackwardRows<T>(grad, in, weight.In<T>(), eps, static_cast<size_t>(width), begin, end, grad_x.Out<T>(), scales);
  });
  ParallelChunks(*context.parallel, width, 64, [&](int, int64_t begin, int64_t end) {
    BackwardColumns<T>(grad, in, scales, static_cast<size_t>(width), static_cast<size_t>(rows),
                       static_cast<size_t>(begin), static_cast<size_t>(end), grad_weight.Out<T>());
  });
}

void RmsNorm(const OpContext& context, const TensorView& x, const TensorView& weight, double eps, const TensorView& y) {
  DispatchFloat(x.dtype, [&](auto type) { Forward<decltype(type)>(context, x, weight, eps, y); });
}
void RmsNormBackward(const OpContext& context, const TensorView& grad_y, const TensorView& x, const TensorView& weight,
                     double eps, const TensorView& grad_x, const TensorView& grad_weight) {
  DispatchFloat(x.dtype,
                [&](auto type) { Backward<decltype(type)>(context, grad_y, x, weight, eps, grad_x, grad_weight); });
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(RmsNorm);
HWY_EXPORT(RmsNormBackward);

void RmsNormCpu(const OpContext& context, const TensorView& x, const TensorView& weight, double eps,
                const TensorView& y) {
  HWY_DYNAMIC_DISPATCH(RmsNorm)(context, x, weight, eps, y);
}

void RmsNormBackwardCpu(const OpContext& context, const TensorView& grad_y, const TensorView& x,
                        const TensorView& weight, double eps, const TensorView& grad_x, const TensorView& grad_weight) {
  HWY_DYNAMIC_DISPATCH(RmsNormBackward)(context, grad_y, x, weight, eps, grad_x, grad_weight);
}

}  // namespace strata
#endif  // HWY_ONCE
