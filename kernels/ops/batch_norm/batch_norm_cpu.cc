#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/batch_norm/batch_norm_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/batch_norm/batch_norm.h"
#include "kernels/simd/row-inl.h"
#include "kernels/simd/stream-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

// What the channels at a place are normalised with.
template <class D>
struct Affine {
  hn::Vec<D> mean, scale, weight, bias;

  HWY_INLINE hn::Vec<D> operator()(hn::Vec<D> x) const {
    return hn::MulAdd(hn::Mul(hn::Sub(x, mean), scale), weight, bias);
  }
};

template <class T>
struct Statistics {
  const T *mean, *var, *weight, *bias;
  double eps;

  // Of the channels [c, c + lanes of d), one a lane.
  template <class D, class At>
  HWY_INLINE Affine<D> Of(D d, At at) const {
    using F = hn::TFromD<D>;
    const auto root = hn::Sqrt(hn::Add(at(var), hn::Set(d, static_cast<F>(eps))));
    return {at(mean), hn::Div(hn::Set(d, F(1)), root), at(weight), at(bias)};
  }
};

template <class T, class F = ComputeType<T>>
HWY_INLINE void ChannelRow(const Statistics<T>& statistics, size_t channel, const T* x, size_t places, bool stream,
                           T* y) {
  const hn::ScalableTag<F> d;
  const hn::CappedTag<F, 1> one;
  const auto a = statistics.Of(one, AtTail<decltype(one)>{one, channel, 1});
  const auto all = [d](auto v) HWY_ATTR { return hn::Set(d, hn::GetLane(v)); };
  const Affine<decltype(d)> affine = {all(a.mean), all(a.scale), all(a.weight), all(a.bias)};
  MapRow(d, places, stream, y, [&](auto at) HWY_ATTR { return affine(at(x)); }, x + places);
}

template <class T>
void Forward(const OpContext& context, const TensorView& x, const Statistics<T>& statistics, const TensorView& y) {
  const hn::ScalableTag<ComputeType<T>> d;
  const int64_t channels = x.size(1), places = x.size(2);
  if (places == 1) {  // channels are neighbours: vectors of them
    return ForRows(*context.parallel, x.size(0), channels, false, [&](int64_t n) HWY_ATTR {
      const T* row = x.In<T>() + n * channels;
      Map(d, static_cast<size_t>(channels), y.Out<T>() + n * channels,
          [&](auto at) HWY_ATTR { return statistics.Of(d, at)(at(row)); });
    });
  }
  const bool stream = Streams<T>(y.data, x.numel(), places);
  ForRows(*context.parallel, x.size(0) * channels, places, stream, [&](int64_t r) HWY_ATTR {
    ChannelRow(statistics, static_cast<size_t>(r % channels), x.In<T>() + r * places, static_cast<size_t>(places),
               stream, y.Out<T>() + r * places);
  });
}

void BatchNorm(const OpContext& context, const TensorView& x, const TensorView& mean, const TensorView& var,
               const TensorView& weight, const TensorView& bias, double eps, const TensorView& y) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    Forward<T>(context, x, {mean.In<T>(), var.In<T>(), weight.In<T>(), bias.In<T>(), eps}, y);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(BatchNorm);

void BatchNormCpu(const OpContext& context, const TensorView& x, const TensorView& mean, const TensorView& var,
                  const TensorView& weight, const TensorView& bias, double eps, const TensorView& y) {
  HWY_DYNAMIC_DISPATCH(BatchNorm)(context, x, mean, var, weight, bias, eps, y);
}

}  // namespace strata
#endif  // HWY_ONCE
