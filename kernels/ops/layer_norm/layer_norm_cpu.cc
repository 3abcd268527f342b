#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/layer_norm/layer_norm_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include <cmath>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/layer_norm/layer_norm.h"
#include "kernels/simd/columns-inl.h"
#include "kernels/simd/row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

template <class F>
struct RowStats {
  F mean, scale;
};

template <class F, class T>
RowStats<F> StatsOf(const T* x, size_t width, double eps) {
  const hn::ScalableTag<F> d;
  const F count = static_cast<F>(width);
  const F mean = LaneSum(d, width, [&](auto acc, auto at) HWY_ATTR { return hn::Add(acc, at(x)); }) / count;
  const auto vmean = hn::Set(d, mean);
  const F squares = LaneSum(d, width, [&](auto acc, auto at) HWY_ATTR {
    const auto v = at.Keep(hn::Sub(at(x), vmean));
    return hn::MulAdd(v, v, acc);
  });
  return {mean, F(1) / std::sqrt(squares / count + static_cast<F>(eps))};
}

template <class T>
void Forward(const OpContext& context, const TensorView& x, const TensorView& weight, const TensorView& bias,
             double eps, const TensorView& y) {
  using F = ComputeType<T>;
  const hn::ScalableTag<F> d;
  const size_t width = static_cast<size_t>(x.size(-1));
  const T *w = weight.In<T>(), *b = bias.In<T>();
  const int64_t grain = 1 + 16384 / (x.size(-1) + 1);
  ParallelChunks(*context.parallel, x.rows(), grain, [&](int, int64_t begin, int64_t end) HWY_ATTR {
    for (int64_t r = begin; r < end; ++r) {
      const T* row = x.In<T>() + r * x.size(-1);
      const RowStats<F> stats = StatsOf<F>(row, width, eps);
      const auto mean = hn::Set(d, stats.mean), scale = hn::Set(d, stats.scale);
      Map(d, width, y.Out<T>() + r * x.size(-1),
          [&](auto at) HWY_ATTR { return hn::MulAdd(hn::Mul(hn::Sub(at(row), mean), scale), at(w), at(b)); });
    }
  });
}

template <class T, class F = ComputeType<T>>
void BackwardRow(const T* grad, const T* x, const T* w, size_t width, RowStats<F> stats, T* out) {
  const hn::ScalableTag<F> d;
  const auto mean = hn::Set(d, stats.mean), scale = hn::Set(d, stats.scale);
  const auto normal = [&](auto at) HWY_ATTR { return hn::Mul(hn::Sub(at(x), mean), scale); };
  const F count = static_cast<F>(width);
  const F sum = LaneSum(d, width, [&](auto acc, auto at) HWY_ATTR { return hn::MulAdd(at(grad), at(w), acc); });
  const F dot = LaneSum(d, width, [&](auto acc, auto at) HWY_ATTR {
    return hn::MulAdd(hn::Mul(at(grad), at(w)), at.Keep(normal(at)), acc);
  });
  const auto mean_g = hn::Set(d, sum / count), mean_gn = hn::Set(d, dot / count);
  Map(d, width, out, [&](auto at) HWY_ATTR {
    const auto g = hn::Sub(hn::Mul(at(grad), at(w)), mean_g);
    return hn::Mul(scale, hn::NegMulAdd(normal(at), mean_gn, g));
  });
}

// grad_weight and grad_bias of `width` columns; rows lie `stride` apart.
template <class T, class F = ComputeType<T>>
void BackwardColumns(const T* grad, const T* x, const RowStats<F>* stats, size_t rows, size_t stride, size_t width,
                     T* grad_weight, T* grad_bias) {
  const hn::ScalableTag<F> d;
  const auto weight_term = [&](auto at, size_t r) HWY_ATTR {
    const auto centred = hn::Sub(at(x + r * stride), hn::Set(d, stats[r].mean));
    return hn::Mul(at(grad + r * stride), hn::Mul(centred, hn::Set(d, stats[r].scale)));
  };
  const auto bias_term = [&](auto at, size_t r) HWY_ATTR { return at(grad + r * stride); };
  SumDown(d, rows, width, weight_term, [&](auto at, auto sum) HWY_ATTR { at.Put(sum, grad_weight); });
  SumDown(d, rows, width, bias_term, [&](auto at, auto sum) HWY_ATTR { at.Put(sum, grad_bias); });
}

template <class T>
void Backward(const OpContext& context, const TensorView& grad_y, const TensorView& x, const TensorView& weight,
              double eps, const TensorView& grad_x, const TensorView& grad_weight, const TensorView& grad_bias) {
  using F = ComputeType<T>;
  auto* stats = reinterpret_cast<RowStats<F>*>(context.workspace);
  const int64_t rows = x.rows();
  const size_t width = static_cast<size_t>(x.size(-1));
  const T *grad = grad_y.In<T>(), *in = x.In<T>();
  ParallelChunks(*context.parallel, rows, 1 + 16384 / (x.size(-1) + 1), [&](int, int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const size_t start = static_cast<size_t>(r) * width;
      stats[r] = StatsOf<F>(in + start, width, eps);
      BackwardRow<T>(grad + start, in + start, weight.In<T>(), width, stats[r], grad_x.Out<T>() + start);
    }
  });
  ParallelChunks(*context.parallel, x.size(-1), 1 + 16384 / (rows + 1), [&](int, int64_t begin, int64_t end) {
    // 64 columns at a time, so that the second sum finds grad_y in the cache.
    for (int64_t c = begin; c < end; c += 64) {
      BackwardColumns<T>(grad + c, in + c, stats, static_cast<size_t>(rows), width,
                         static_cast<size_t>(std::min<int64_t>(64, end - c)), grad_weight.Out<T>() + c,
                         grad_bias.Out<T>() + c);
    }
  });
}

void LayerNorm(const OpContext& context, const TensorView& x, const TensorView& weight, const TensorView& bias,
               double eps, const TensorView& y) {
  DispatchFloat(x.dtype, [&](auto type) { Forward<decltype(type)>(context, x, weight, bias, eps, y); });
}
void LayerNormBackward(const OpContext& context, const TensorView& grad_y, const TensorView& x,
                       const TensorView& weight, double eps, const TensorView& grad_x, const TensorView& grad_weight,
                       const TensorView& grad_bias) {
  DispatchFloat(x.dtype, [&](auto type) {
    Backward<decltype(type)>(context, grad_y, x, weight, eps, grad_x, grad_weight, grad_bias);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(LayerNorm);
HWY_EXPORT(LayerNormBackward);

void LayerNormCpu(const OpContext& context, const TensorView& x, const TensorView& weight, const TensorView& bias,
                  double eps, const TensorView& y) {
  HWY_DYNAMIC_DISPATCH(LayerNorm)(context, x, weight, bias, eps, y);
}

void LayerNormBackwardCpu(const OpContext& context, const TensorView& grad_y, const TensorView& x,
                          const TensorView& weight, double eps, const TensorView& grad_x, const TensorView& grad_weight,
                          const TensorView& grad_bias) {
  HWY_DYNAMIC_DISPATCH(LayerNormBackward)(context, grad_y, x, weight, eps, grad_x, grad_weight, grad_bias);
}

}  // namespace strata
#endif  // HWY_ONCE
