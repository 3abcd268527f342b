#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/batch_norm/batch_norm_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/core/call.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/batch_norm/batch_norm.h"
#include "kernels/simd/activation-inl.h"
#include "kernels/simd/columns-inl.h"
#include "kernels/simd/stream-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

// What is known of channels: of one in every lane, or of one a lane.
template <class D>
struct Channels {
  hn::Vec<D> mean, scale, weight;
};

// p[0] in every lane.
template <class D, class T>
HWY_INLINE hn::Vec<D> Spread(D d, const T* p) {
  const hn::CappedTag<hn::TFromD<D>, 1> one;
  return hn::Set(d, hn::GetLane(ReadN(one, p, 1)));
}

template <class D>
HWY_INLINE Channels<D> ChannelsOf(D d, hn::Vec<D> mean, hn::Vec<D> var, hn::Vec<D> weight, double eps) {
  using F = hn::TFromD<D>;
  return {mean, hn::Div(hn::Set(d, F(1)), hn::Sqrt(hn::Add(var, hn::Set(d, static_cast<F>(eps))))), weight};
}

template <class T>
struct Statistics {
  const T *mean, *var, *weight;
  double eps;

  template <class D, class At>
  HWY_INLINE Channels<D> Each(D d, At at) const {
    return ChannelsOf(d, at(mean), at(var), at(weight), eps);
  }
  template <class D>
  HWY_INLINE Channels<D> One(D d, size_t channel) const {
    return ChannelsOf(d, Spread(d, mean + channel), Spread(d, var + channel), Spread(d, weight + channel), eps);
  }
};

// Elements that lie together: `count` places of one channel, or the one place of `count` channels.
template <class T>
struct Row {
  const T *x, *bias, *residual;
  T* y;
  size_t count;
};

template <bool kResidual, bool kRelu, class T>
struct Forward {
  using F = ComputeType<T>;
  using D = hn::ScalableTag<F>;

  // relu needs no rounding before it: it keeps or clears what is rounded after it.
  template <class At>
  static HWY_INLINE hn::Vec<D> Finish(At at, const Row<T>& row, const Channels<D>& channels, hn::Vec<D> bias) {
    const D d;
    const auto normal = hn::Mul(hn::Sub(at(row.x), channels.mean), channels.scale);
    auto y = hn::MulAdd(normal, channels.weight, bias);
    if constexpr (kResidual) y = hn::Add(RoundTo<T>(d, y), at(row.residual));
    if constexpr (kRelu) y = Relu(d, y);
    return y;
  }
  static void OneChannel(const Statistics<T>& statistics, size_t channel, bool stream, const Row<T>& row) {
    const D d;
    const auto channels = statistics.One(d, channel);
    const auto bias = Spread(d, row.bias + channel);
    const auto finish = [&](auto at) HWY_ATTR { return Finish(at, row, channels, bias); };
    if constexpr (kResidual) {
      MapRow(d, row.count, stream, row.y, finish, row.x + row.count, row.residual + row.count);
    } else {
      MapRow(d, row.count, stream, row.y, finish, row.x + row.count);
    }
  }
  static void EachChannel(const Statistics<T>& statistics, const Row<T>& row) {
    const D d;
    Map(d, row.count, row.y, [&](auto at) HWY_ATTR { return Finish(at, row, statistics.Each(d, at), at(row.bias)); });
  }
};

// Calls row(r, first element, channel) for every channel of every sample, of which r counts them. `each` is what a row
// costs beside its places, in elements.
template <class T, class OneRow>
void ForChannels(const OpContext& context, const TensorView& x, int64_t each, bool stream, OneRow row) {
  const int64_t channels = x.size(1), places = x.size(2);
  ForRows(*context.parallel, x.size(0) * channels, each + places, stream,
          [&](int64_t r) HWY_ATTR { row(r, static_cast<size_t>(r * places), static_cast<size_t>(r % channels)); });
}

void BatchNorm(const OpContext& context, const TensorView& x, const TensorView& mean, const TensorView& var,
               const TensorView& weight, const TensorView& bias, const TensorView* residual, double eps,
               BatchNormActivation activation, const TensorView& y) {
  const auto run = [&](auto type, auto with_residual, auto relu) {
    using T = decltype(type);
    using Kernel = Forward<decltype(with_residual)::value, decltype(relu)::value, T>;
    const Statistics<T> statistics = {mean.In<T>(), var.In<T>(), weight.In<T>(), eps};
    const auto row = [&](size_t start, int64_t count) {
      return Row<T>{x.In<T>() + start, bias.In<T>(), residual == nullptr ? nullptr : residual->In<T>() + start,
                    y.Out<T>() + start, static_cast<size_t>(count)};
    };
    if (x.size(2) == 1) {
      return ForRows(*context.parallel, x.size(0), x.size(1), false, [&](int64_t n) {
        Kernel::EachChannel(statistics, row(static_cast<size_t>(n * x.size(1)), x.size(1)));
      });
    }
    const bool stream = Streams<T>(y.data, x.numel(), x.size(2));
    ForChannels<T>(context, x, 0, stream, [&](int64_t, size_t start, size_t channel) {
      Kernel::OneChannel(statistics, channel, stream, row(start, x.size(2)));
    });
  };
  DispatchFloat(x.dtype, [&](auto type) {
    const auto with = [&](auto with_residual) {
      activation == BatchNormActivation::kRelu ? run(type, with_residual, std::true_type())
                                               : run(type, with_residual, std::false_type());
    };
    residual == nullptr ? with(std::false_type()) : with(std::true_type());
  });
}

template <class T>
struct GradientRow {
  const T *grad_y, *x, *y;
  T *grad_x, *grad_residual;  // the second nullptr where nobody wants it
  bool relu, stream;

  template <class D, class At>
  HWY_INLINE hn::Vec<D> Before(D d, At at) const {
    const auto grad = at(grad_y);
    return relu ? hn::IfThenZeroElse(hn::Le(at(y), hn::Zero(d)), grad) : grad;
  }
  // A streamed row is whole lines, so that every place in it is a whole vector, too.
  template <class At, class V>
  HWY_INLINE void Put(At at, V v, T* out) const {
    stream ? WriteStream(v, at.d, out + at.i) : at.Put(v, out);
  }
  // Writes the gradients at a place; returns that ahead of the residual.
  template <class D, class At>
  HWY_INLINE hn::Vec<D> Visit(D d, At at, const Channels<D>& channels) const {
    const auto grad = Before(d, at);
    Put(at, hn::Mul(hn::Mul(grad, channels.weight), channels.scale), grad_x);
    if (grad_residual != nullptr) Put(at, grad, grad_residual);
    return grad;
  }
};

// Folding two sums of 64 lanes takes about as long.
inline constexpr int64_t kSumsCost = 256;

// The gradients of the elements, and each channel's sums of a sample: of g * (x - mean) and of g.
template <class T, class F = ComputeType<T>>
void ElementGradients(const OpContext& context, const BatchNormBackwardCall& call, const Statistics<T>& statistics,
                      F* by_x, F* plain) {
  const hn::ScalableTag<F> d;
  const int64_t channels = call.x.size(1), places = call.x.size(2);
  const bool stream = Streams<T>(call.grad_x.data, call.x.numel(), places) &&
                      Streams<T>(call.grad_residual.data, call.x.numel(), places);
  const auto row = [&](size_t start) {
    T* residual = call.grad_residual.numel() > 0 ? call.grad_residual.Out<T>() + start : nullptr;
    return GradientRow<T>{call.grad_y.In<T>() + start,
                          call.x.In<T>() + start,
                          call.y.In<T>() + start,
                          call.grad_x.Out<T>() + start,
                          residual,
                          call.relu,
                          stream};
  };
  if (places == 1) {
    return ForRows(*context.parallel, call.x.size(0), channels, false, [&](int64_t n) HWY_ATTR {
      const size_t start = static_cast<size_t>(n * channels);
      const GradientRow<T> of = row(start);
      ForEachVector(d, static_cast<size_t>(channels), [&](auto at) HWY_ATTR {
        const auto each = statistics.Each(d, at);
        const auto grad = of.Visit(d, at, each);
        at.Put(hn::Mul(grad, hn::Sub(at(of.x), each.mean)), by_x + start);
        at.Put(grad, plain + start);
      });
    });
  }
  ForChannels<T>(context, call.x, kSumsCost, stream, [&](int64_t r, size_t start, size_t channel) HWY_ATTR {
    const GradientRow<T> of = row(start);
    const auto one = statistics.One(d, channel);
    const auto sums = LaneSums<2>(d, static_cast<size_t>(places), [&](auto* acc, auto at) HWY_ATTR {
      const auto grad = at.Keep(of.Visit(d, at, one));
      acc[0] = hn::MulAdd(grad, at.Keep(hn::Sub(at(of.x), one.mean)), acc[0]);
      acc[1] = hn::Add(acc[1], grad);
    });
    by_x[r] = sums[0];
    plain[r] = sums[1];
  });
}

template <class T, class F = ComputeType<T>>
void Backward(const OpContext& context, const BatchNormBackwardCall& call) {
  const hn::ScalableTag<F> d;
  const auto samples = static_cast<size_t>(call.x.size(0)), channels = static_cast<size_t>(call.x.size(1));
  const Statistics<T> statistics = {call.mean.In<T>(), call.var.In<T>(), call.weight.In<T>(), call.eps};
  F* by_x = reinterpret_cast<F*>(context.workspace);
  F* plain = by_x + samples * channels;
  ElementGradients(context, call, statistics, by_x, plain);
  const auto down = [&](const F* sums, auto put) HWY_ATTR {
    SumDown(d, samples, channels, [&](auto at, size_t n) HWY_ATTR { return at(sums + n * channels); }, put);
  };
  down(by_x, [&](auto at, auto sum) HWY_ATTR {
    const auto each = statistics.Each(d, at);
    const auto by_normal = hn::Mul(sum, each.scale);
    at.Put(by_normal, call.grad_weight.Out<T>());
    const auto slope = hn::Mul(hn::Mul(each.scale, each.scale), hn::Mul(each.weight, hn::Set(d, F(-0.5))));
    at.Put(hn::Mul(by_normal, slope), call.grad_var.Out<T>());
  });
  down(plain, [&](auto at, auto sum) HWY_ATTR {
    const auto each = statistics.Each(d, at);
    at.Put(sum, call.grad_bias.Out<T>());
    at.Put(hn::Neg(hn::Mul(hn::Mul(sum, each.weight), each.scale)), call.grad_mean.Out<T>());
  });
}

void BatchNormBackward(const OpContext& context, const Call& c) {
  const BatchNormBackwardCall call(c);
  DispatchFloat(call.x.dtype, [&](auto type) { Backward<decltype(type)>(context, call); });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(BatchNorm);
HWY_EXPORT(BatchNormBackward);

void BatchNormCpu(const OpContext& context, const TensorView& x, const TensorView& mean, const TensorView& var,
                  const TensorView& weight, const TensorView& bias, const TensorView* residual, double eps,
                  BatchNormActivation activation, const TensorView& y) {
  HWY_DYNAMIC_DISPATCH(BatchNorm)(context, x, mean, var, weight, bias, residual, eps, activation, y);
}
void BatchNormBackwardCpu(const OpContext& context, const Call& call) {
  HWY_DYNAMIC_DISPATCH(BatchNormBackward)(context, call);
}

}  // namespace strata
#endif  // HWY_ONCE
