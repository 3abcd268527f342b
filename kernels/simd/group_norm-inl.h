// group_norm, forward and backward, for the operator and the one that adds a residual first. Included once per SIMD
// target.
//
//   GroupNormForward<T, /*kSilu=*/true>(context, x, weight, bias, groups, eps, y, [](int64_t, int64_t) {});
//   GroupNormGradient<T, /*kSilu=*/true, /*kAdd=*/false>(context, grad_y, x, weight, bias, TensorView(), groups, eps,
//                                                        grad_x, grad_weight, grad_bias);
#if defined(STRATA_KERNELS_SIMD_GROUP_NORM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_GROUP_NORM_INL_H_
#undef STRATA_KERNELS_SIMD_GROUP_NORM_INL_H_
#else
#define STRATA_KERNELS_SIMD_GROUP_NORM_INL_H_
#endif

#include "kernels/simd/activation-inl.h"
#include "kernels/simd/columns-inl.h"
#include "kernels/simd/norm-inl.h"
#include "kernels/simd/stream-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

// One group of one sample: `size` channels of `places`, from channel `first` on.
template <class T>
struct Group {
  using F = ComputeType<T>;
  const T *x, *weight, *bias;  // x: of the group; the others: of its first channel
  size_t size, places;
  MeanAndScale<F> stats;

  // Calls visit(channel, first element in the group).
  template <class Visit>
  HWY_INLINE void ForChannels(Visit visit) const {
    for (size_t c = 0; c < size; ++c) visit(c, c * places);
  }
};

// x of a channel as a normal number, and the channel's weight and bias.
template <class T, class F = ComputeType<T>, class D = hn::ScalableTag<F>>
struct Channel {
  const T* x;
  hn::Vec<D> mean, scale, weight, bias;

  HWY_INLINE Channel(const Group<T>& group, size_t channel, size_t start)
      : x(group.x + start),
        mean(hn::Set(D(), group.stats.mean)),
        scale(hn::Set(D(), group.stats.scale)),
        weight(Widen(group.weight + channel)),
        bias(Widen(group.bias + channel)) {}
  static HWY_INLINE hn::Vec<D> Widen(const T* p) {
    const hn::CappedTag<F, 1> one;
    return hn::Set(D(), hn::GetLane(ReadN(one, p, 1)));
  }
  template <class At>
  HWY_INLINE hn::Vec<D> Normal(At at) const {
    return hn::Mul(hn::Sub(at(x), mean), scale);
  }
  template <class At>
  HWY_INLINE hn::Vec<D> Affine(At at) const {
    return hn::MulAdd(Normal(at), weight, bias);
  }
};

template <bool kSilu, class T, class D>
HWY_INLINE hn::Vec<D> Activated(D d, hn::Vec<D> z) {
  if constexpr (kSilu) return Silu(d, RoundTo<T>(d, z));
  return z;
}

// The gradient before the activation: grad * (s + z s (1 - s)) with s = sigmoid(z).
template <bool kSilu, class T, class D>
HWY_INLINE hn::Vec<D> BeforeActivation(D d, hn::Vec<D> z, hn::Vec<D> grad) {
  if constexpr (!kSilu) return grad;
  const auto one = hn::Set(d, hn::TFromD<D>(1));
  const auto rounded = RoundTo<T>(d, z);
  const auto s = Sigmoid(d, rounded);
  return RoundTo<T>(d, hn::Mul(grad, hn::MulAdd(hn::Mul(rounded, s), hn::Sub(one, s), s)));
}

template <bool kSilu, class T>
HWY_INLINE void ForwardGroup(const Group<T>& group, bool stream, T* y) {
  const hn::ScalableTag<ComputeType<T>> d;
  if (group.places == 1) {  // channels are neighbours: vectors of them
    const auto mean = hn::Set(d, group.stats.mean), scale = hn::Set(d, group.stats.scale);
    return Map(d, group.size, y, [&](auto at) HWY_ATTR {
      const auto normal = hn::Mul(hn::Sub(at(group.x), mean), scale);
      return Activated<kSilu, T>(d, hn::MulAdd(normal, at(group.weight), at(group.bias)));
    });
  }
  group.ForChannels([&](size_t c, size_t start) HWY_ATTR {
    const Channel<T> channel(group, c, start);
    MapRow(d, group.places, stream, y + start,
           [&](auto at) HWY_ATTR { return Activated<kSilu, T>(d, channel.Affine(at)); });
  });
}

// grad_x of a group; leaves every channel's sums of d * n and d in weight_sums and bias_sums. With kSilu, d waits in
// grad_x, which it is rounded for anyhow: an exponential costs more than an ordinary store.
//
// The mean that was subtracted is rounded: far from zero all n are off by the same, which their own mean shows. It is
// taken from n where n counts by itself.
template <bool kSilu, bool kAdd, class T, class F = ComputeType<T>>
HWY_INLINE void BackwardGroup(const Group<T>& group, const T* grad, const T* more, bool stream, T* grad_x,
                              F* weight_sums, F* bias_sums) {
  const hn::ScalableTag<F> d;
  const auto one_of = [](const T* p) HWY_ATTR { return hn::GetLane(Channel<T>::Widen(p)); };
  F sum_g = 0, sum_gn = 0, sum_n = 0;
  group.ForChannels([&](size_t c, size_t start) HWY_ATTR {
    const Channel<T> channel(group, c, start);
    const auto [by_normal, plain, normals] = LaneSums<3>(d, group.places, [&](auto* acc, auto at) HWY_ATTR {
      const auto g = at.Keep(BeforeActivation<kSilu, T>(d, channel.Affine(at), at(grad + start)));
      const auto normal = at.Keep(channel.Normal(at));
      if constexpr (kSilu) at.Put(g, grad_x + start);
      acc[0] = hn::MulAdd(g, normal, acc[0]);
      acc[1] = hn::Add(acc[1], g);
      acc[2] = hn::Add(acc[2], normal);
    });
    weight_sums[c] = by_normal;
    bias_sums[c] = plain;
    sum_n += normals;
  });
  const F count = static_cast<F>(group.size * group.places), off = group.places == 0 ? F(0) : sum_n / count;
  for (size_t c = 0; c < group.size; ++c) {
    weight_sums[c] = std::fma(-off, bias_sums[c], weight_sums[c]);
    sum_g = std::fma(bias_sums[c], one_of(group.weight + c), sum_g);
    sum_gn = std::fma(weight_sums[c], one_of(group.weight + c), sum_gn);
  }
  const auto mean_g = hn::Set(d, sum_g / count), mean_gn = hn::Set(d, sum_gn / count), all_off = hn::Set(d, off);
  const T* before = kSilu ? grad_x : grad;
  group.ForChannels([&](size_t c, size_t start) HWY_ATTR {
    const Channel<T> channel(group, c, start);
    MapRow(d, group.places, stream, grad_x + start, [&](auto at) HWY_ATTR {
      const auto g = hn::Sub(hn::Mul(at(before + start), channel.weight), mean_g);
      const auto out = hn::Mul(channel.scale, hn::NegMulAdd(hn::Sub(channel.Normal(at), all_off), mean_gn, g));
      if constexpr (kAdd) return hn::Add(RoundTo<T>(d, out), at(more + start));
      return out;
    });
  });
}

// Calls visit(group, offset of its first element, offset of its first channel among all samples' channels), and before
// that make(offset, elements), which may compute the group's x.
template <class T, class Make, class Visit>
void ForGroups(const OpContext& context, const TensorView& x, const TensorView& weight, const TensorView& bias,
               int64_t groups, double eps, bool stream, Make make, Visit visit) {
  const int64_t size = x.size(1) / groups, places = x.size(2);
  ForRows(*context.parallel, x.size(0) * groups, 4 * size * places, stream, [&](int64_t i) HWY_ATTR {
    const int64_t first = i % groups * size, channel = i / groups * x.size(1) + first;
    const T* start = x.In<T>() + channel * places;
    make(channel * places, size * places);
    visit(Group<T>{start, weight.In<T>() + first, bias.In<T>() + first, static_cast<size_t>(size),
                   static_cast<size_t>(places), StatsOf(start, static_cast<size_t>(size * places), eps)},
          channel * places, channel);
  });
}

template <class T, bool kSilu, class Make>
void GroupNormForward(const OpContext& context, const TensorView& x, const TensorView& weight, const TensorView& bias,
                      int64_t groups, double eps, const TensorView& y, Make make) {
  const bool stream = Streams<T>(y.data, x.numel(), x.size(2));
  ForGroups<T>(context, x, weight, bias, groups, eps, stream, make,
               [&](const Group<T>& group, int64_t start, int64_t)
                   HWY_ATTR { ForwardGroup<kSilu>(group, stream, y.Out<T>() + start); });
}

// Workspace: two numbers of the compute type for each channel of each sample. With kAdd, grad_x is rounded to T and
// then `more` is added, as an addition after the norm's gradient would do it.
template <class T, bool kSilu, bool kAdd>
void GroupNormGradient(const OpContext& context, const TensorView& grad_y, const TensorView& x,
                       const TensorView& weight, const TensorView& bias, const TensorView& more, int64_t groups,
                       double eps, const TensorView& grad_x, const TensorView& grad_weight,
                       const TensorView& grad_bias) {
  using F = ComputeType<T>;
  const hn::ScalableTag<F> d;
  const int64_t samples = x.size(0), channels = x.size(1);
  F* weight_sums = reinterpret_cast<F*>(context.workspace);
  F* bias_sums = weight_sums + samples * channels;
  const bool stream = !kSilu && Streams<T>(grad_x.data, x.numel(), x.size(2));
  ForGroups<T>(
      context, x, weight, bias, groups, eps, stream, [](int64_t, int64_t) {},
      [&](const Group<T>& group, int64_t start, int64_t channel) HWY_ATTR {
        BackwardGroup<kSilu, kAdd>(group, grad_y.In<T>() + start, kAdd ? more.In<T>() + start : nullptr, stream,
                                   grad_x.Out<T>() + start, weight_sums + channel, bias_sums + channel);
      });
  const auto down = [&](const F* sums, T* out) HWY_ATTR {
    SumDown(
        d, static_cast<size_t>(samples), static_cast<size_t>(channels),
        [&](auto at, size_t n) HWY_ATTR { return at(sums + n * static_cast<size_t>(channels)); },
        [&](auto at, auto sum) HWY_ATTR { at.Put(sum, out); });
  };
  down(weight_sums, grad_weight.Out<T>());
  down(bias_sums, grad_bias.Out<T>());
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
