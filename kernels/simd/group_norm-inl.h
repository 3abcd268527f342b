// group_norm, forward and backward, for the operator and the one that adds a residual first. Included once per SIMD
// target.
//
//   GroupNormForward<T, /*kSilu=*/true, /*kAdd=*/false>(context, x, TensorView(), weight, bias, groups, eps, y,
//                                                       TensorView());
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
#include "kernels/simd/group_norm_plan.h"
#include "kernels/simd/norm-inl.h"
#include "kernels/simd/stream-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

// Expect (stream-inl.h) for a pass over elements: once a line, and not where p is nullptr.
template <class T>
HWY_INLINE void ExpectRow(const T* p, size_t i) {
  if (p != nullptr && i % (kLineBytes / sizeof(T)) == 0) Expect(p, i);
}

// Groups that lie together, in one sample or the next, and what is known of each.
template <class T>
struct Groups {
  using F = ComputeType<T>;
  const T *x, *weight, *bias;  // x: of the first group; the others: of the first channel of all
  size_t first, count;         // among the groups of all samples
  size_t per_sample, size, places;
  F mean[kGroupsTogether], scale[kGroupsTogether];
  F off[kGroupsTogether];  // mean of (x - mean) * scale

  size_t elements() const { return size * places; }
  size_t all() const { return count * elements(); }

  // One channel of one group: for (Place at = Begin(); at.group < count; Advance(at)) { ... }
  struct Place {
    size_t group, channel;  // of these groups; of all channels
    size_t of_all, start;   // of the channels of all samples; the first element of these groups
  };
  HWY_INLINE Place Begin() const { return {0, first % per_sample * size, first * size, 0}; }
  HWY_INLINE void Advance(Place& at) const {
    at.start += places, ++at.of_all;
    if (++at.channel == per_sample * size) at.channel = 0;
    if (at.of_all == (first + at.group + 1) * size) ++at.group;
  }

  // The mean, then the variance around it, as StatsOf (norm-inl.h); each step for all groups. The second
  // fetches the elements `ahead` meanwhile.
  template <bool kOff>
  HWY_INLINE void SetStats(double eps, const T* ahead) {
    const hn::ScalableTag<F> d;
    const size_t n = elements();
    const auto number = hn::Set(d, static_cast<F>(std::max<size_t>(1, n))), one = hn::Set(d, F(1));
    for (size_t g = 0; g < count; ++g) {
      const T* here = x + g * n;
      mean[g] = LaneSum(d, n, [&](auto acc, auto at) HWY_ATTR { return hn::Add(acc, at(here)); });
    }
    Map(d, count, mean, [&](auto at) HWY_ATTR { return hn::Div(at(mean), number); });
    for (size_t g = 0; g < count; ++g) {
      const T* here = x + g * n;
      const auto middle = hn::Set(d, mean[g]);
      const auto sums = LaneSums<kOff ? 2 : 1>(d, n, [&](auto* acc, auto at) HWY_ATTR {
        ExpectRow(ahead, g * n + at.i);
        const auto v = at.Keep(hn::Sub(at(here), middle));
        acc[0] = hn::MulAdd(v, v, acc[0]);
        if constexpr (kOff) acc[1] = hn::Add(acc[1], v);
      });
      scale[g] = sums[0];
      if constexpr (kOff) off[g] = sums[1];
    }
    Map(d, count, scale, [&](auto at) HWY_ATTR {
      const auto var = hn::Div(at(scale), number);
      return hn::Div(one, hn::Sqrt(hn::Add(var, hn::Set(d, static_cast<F>(eps)))));
    });
    if constexpr (kOff) {
      Map(d, count, off, [&](auto at) HWY_ATTR { return hn::Mul(hn::Div(at(off), number), at(scale)); });
    }
  }
};

// x of a channel as a normal number, and the channel's weight and bias.
template <class T, class F = ComputeType<T>, class D = hn::ScalableTag<F>>
struct Channel {
  const T* x;
  hn::Vec<D> mean, scale, weight, bias;

  HWY_INLINE Channel(const Groups<T>& groups, const typename Groups<T>::Place& at)
      : x(groups.x + at.start),
        mean(hn::Set(D(), groups.mean[at.group])),
        scale(hn::Set(D(), groups.scale[at.group])),
        weight(Widen(groups.weight + at.channel)),
        bias(Widen(groups.bias + at.channel)) {}
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

// Where the groups' sums of x and the residual wait in the cache they leave for `sum` with y. The elements `next` are
// fetched while silu keeps the processor busy; without it, fetching them here takes longer than waiting for them.
template <bool kSilu, class T, class... Next>
HWY_INLINE void NormalizeGroups(const Groups<T>& groups, bool stream, T* y, T* sum, const Next*... next) {
  using D = hn::ScalableTag<ComputeType<T>>;
  const D d;
  if (groups.places == 1) {  // channels are neighbours: vectors of them
    for (size_t g = 0; g < groups.count; ++g) {
      const size_t start = g * groups.size, channel = (groups.first + g) % groups.per_sample * groups.size;
      const auto mean = hn::Set(d, groups.mean[g]), scale = hn::Set(d, groups.scale[g]);
      Map(d, groups.size, y + start, [&](auto at) HWY_ATTR {
        const auto normal = hn::Mul(hn::Sub(at(groups.x + start), mean), scale);
        return Activated<kSilu, T>(d, hn::MulAdd(normal, at(groups.weight + channel), at(groups.bias + channel)));
      });
    }
    return;
  }
  for (auto place = groups.Begin(); place.group < groups.count; groups.Advance(place)) {
    const Channel<T> channel(groups, place);
    T* out = y + place.start;
    const auto visit = [&](auto at) HWY_ATTR {
      if constexpr (std::is_same_v<decltype(at), AtStream<D>>) {
        if (sum != nullptr) at.Put(at(channel.x), sum + place.start);
      }
      at.Put(Activated<kSilu, T>(d, channel.Affine(at)), out);
    };
    if constexpr (kSilu) {
      ForEachRow(d, groups.places, stream, out, visit, next + place.start...);
    } else {
      ForEachRow(d, groups.places, stream, out, visit);
    }
  }
}

// d with silu, of each element by itself: apart from the sums, whose folds would wait for the last exponentials.
template <class T>
HWY_INLINE void GradientsBeforeSilu(const Groups<T>& groups, const T* grad, const T* ahead, const T* more_ahead,
                                    T* before) {
  const hn::ScalableTag<ComputeType<T>> d;
  for (auto place = groups.Begin(); place.group < groups.count; groups.Advance(place)) {
    const Channel<T> channel(groups, place);
    const T* in = grad + place.start;
    Map(d, groups.places, before + place.start, [&](auto at) HWY_ATTR {
      ExpectRow(ahead, place.start + at.i);
      ExpectRow(more_ahead, place.start + at.i);
      return hn::Mul(at(in), SiluSlope(d, RoundTo<T>(d, channel.Affine(at))));
    });
  }
}

// Every channel's sums of d * n and of d.
template <class T, class F = ComputeType<T>>
HWY_INLINE void ChannelSums(const Groups<T>& groups, const T* before, const T* ahead, F* weight_sums, F* bias_sums) {
  const hn::ScalableTag<F> d;
  for (auto place = groups.Begin(); place.group < groups.count; groups.Advance(place)) {
    const Channel<T> channel(groups, place);
    const T* in = before + place.start;
    const auto sums = LaneSums<2>(d, groups.places, [&](auto* acc, auto at) HWY_ATTR {
      ExpectRow(ahead, place.start + at.i);
      const auto g = at(in);
      acc[0] = hn::MulAdd(g, at.Keep(channel.Normal(at)), acc[0]);
      acc[1] = hn::Add(acc[1], g);
    });
    // The mean that was subtracted is rounded: far from zero all n are off by the same.
    weight_sums[place.of_all] = std::fma(-groups.off[place.group], sums[1], sums[0]);
    bias_sums[place.of_all] = sums[1];
  }
}

// grad_x of all groups, from d and its sums.
template <bool kAdd, class T, class F = ComputeType<T>, class... Next>
HWY_INLINE void GroupGradients(const Groups<T>& groups, const T* before, const T* more, bool stream,
                               const F* weight_sums, const F* bias_sums, T* grad_x, const Next*... next) {
  const hn::ScalableTag<F> d;
  F mean_g[kGroupsTogether] = {}, mean_gn[kGroupsTogether] = {};
  for (auto place = groups.Begin(); place.group < groups.count; groups.Advance(place)) {
    const F weight = hn::GetLane(Channel<T>::Widen(groups.weight + place.channel));
    mean_g[place.group] = std::fma(bias_sums[place.of_all], weight, mean_g[place.group]);
    mean_gn[place.group] = std::fma(weight_sums[place.of_all], weight, mean_gn[place.group]);
  }
  const auto number = hn::Set(d, static_cast<F>(groups.elements()));
  Map(d, groups.count, mean_g, [&](auto at) HWY_ATTR { return hn::Div(at(mean_g), number); });
  Map(d, groups.count, mean_gn, [&](auto at) HWY_ATTR { return hn::Div(at(mean_gn), number); });
  for (auto place = groups.Begin(); place.group < groups.count; groups.Advance(place)) {
    const Channel<T> channel(groups, place);
    const auto means = hn::Set(d, mean_g[place.group]), slope = hn::Set(d, mean_gn[place.group]);
    const auto off = hn::Set(d, groups.off[place.group]);
    const auto gradient = [&](auto at) HWY_ATTR {
      const auto own = hn::Sub(hn::Mul(at(before + place.start), channel.weight), means);
      const auto out = hn::Mul(channel.scale, hn::NegMulAdd(hn::Sub(channel.Normal(at), off), slope, own));
      if constexpr (kAdd) return hn::Add(RoundTo<T>(d, out), at(more + place.start));
      return out;
    };
    MapRow(d, groups.places, stream, grad_x + place.start, gradient, next + place.start...);
  }
}

// Calls visit(chunk, groups, offset of their first element) for all groups, some at a time. Their x is still to be set
// where `x` is not what they are made of.
template <class T, class Visit>
void ForGroups(const OpContext& context, const TensorView& x, const TensorView& weight, const TensorView& bias,
               int64_t groups, bool stream, Visit visit) {
  const int64_t elements = GroupElements(x, groups), together = GroupsTogether(elements);
  if (x.size(1) == 0) return;
  ParallelChunks(*context.parallel, x.size(0) * groups, RowGrain(4 * elements),
                 [&](int chunk, int64_t begin, int64_t end) HWY_ATTR {
                   Groups<T> some;
                   some.weight = weight.In<T>(), some.bias = bias.In<T>();
                   some.per_sample = static_cast<size_t>(groups);
                   some.size = static_cast<size_t>(x.size(1) / groups), some.places = static_cast<size_t>(x.size(2));
                   for (int64_t i = begin; i < end; i += together) {
                     some.x = x.In<T>() + i * elements;
                     some.first = static_cast<size_t>(i);
                     some.count = static_cast<size_t>(std::min(together, end - i));
                     visit(chunk, some, static_cast<size_t>(i * elements));
                   }
                   if (stream) hwy::FlushStream();
                 });
}

// With kAdd, x + residual goes to `sum` and is what is normalised. Workspace: HeldGroupBytes() with kAdd.
template <class T, bool kSilu, bool kAdd>
void GroupNormForward(const OpContext& context, const TensorView& x, const TensorView& residual,
                      const TensorView& weight, const TensorView& bias, int64_t groups, double eps, const TensorView& y,
                      const TensorView& sum) {
  const size_t held_bytes = HeldGroupBytes(x, groups, 1);
  const bool stream = Streams<T>(y.data, x.numel(), x.size(2)) &&
                      (!kAdd || (held_bytes > 0 && Streams<T>(sum.data, x.numel(), x.size(2))));
  ForGroups<T>(context, x, weight, bias, groups, stream, [&](int chunk, Groups<T>& some, size_t start) HWY_ATTR {
    T* out = y.Out<T>() + start;
    const T* next = some.x + some.all();
    if constexpr (kAdd) {
      const T* other = residual.In<T>() + start;
      T* total = sum.Out<T>() + start;
      T* kept = stream ? reinterpret_cast<T*>(context.workspace + static_cast<size_t>(chunk) * held_bytes) : total;
      AddRow(some.x, other, some.all(), kept);
      some.x = kept;
      some.template SetStats<false>(eps, nullptr);
      NormalizeGroups<kSilu>(some, stream, out, total, next, other + some.all());
    } else {
      some.template SetStats<false>(eps, nullptr);
      NormalizeGroups<kSilu>(some, stream, out, static_cast<T*>(nullptr), next);
    }
  });
}

// Workspace: GroupSumsBytes(), then HeldGroupBytes(). With kAdd, grad_x is rounded to T and then `more` is added, as an
// addition after the norm's gradient would do it.
template <class T, bool kSilu, bool kAdd>
void GroupNormGradient(const OpContext& context, const TensorView& grad_y, const TensorView& x,
                       const TensorView& weight, const TensorView& bias, const TensorView& more, int64_t groups,
                       double eps, const TensorView& grad_x, const TensorView& grad_weight,
                       const TensorView& grad_bias) {
  using F = ComputeType<T>;
  const hn::ScalableTag<F> d;
  const size_t samples = static_cast<size_t>(x.size(0)), channels = static_cast<size_t>(x.size(1));
  F* weight_sums = reinterpret_cast<F*>(context.workspace);
  F* bias_sums = weight_sums + samples * channels;
  std::byte* held = context.workspace + GroupSumsBytes(x);
  // Of groups that no cache holds, d waits in grad_x.
  const size_t held_bytes = HeldGroupBytes(x, groups, 1);
  const bool stream = Streams<T>(grad_x.data, x.numel(), x.size(2)) && (!kSilu || held_bytes > 0);
  ForGroups<T>(context, x, weight, bias, groups, stream, [&](int chunk, Groups<T>& some, size_t start) HWY_ATTR {
    T* out = grad_x.Out<T>() + start;
    const T* before = grad_y.In<T>() + start;  // the gradient before silu: d
    const T* const ahead = stream ? some.x + some.all() : nullptr;
    const T* const grad_ahead = stream ? before + some.all() : nullptr;
    if constexpr (kSilu) {
      some.template SetStats<true>(eps, nullptr);
      T* kept = stream ? reinterpret_cast<T*>(held + static_cast<size_t>(chunk) * held_bytes) : out;
      GradientsBeforeSilu(some, before, ahead, grad_ahead, kept);
      before = kept;
    } else {
      some.template SetStats<true>(eps, ahead);
    }
    ChannelSums(some, before, kSilu ? nullptr : grad_ahead, weight_sums, bias_sums);
    if constexpr (kAdd) {
      const T* other = more.In<T>() + start;
      GroupGradients<true>(some, before, other, stream, weight_sums, bias_sums, out, other + some.all());
    } else {
      GroupGradients<false>(some, before, before, stream, weight_sums, bias_sums, out);
    }
  });
  const auto down = [&](const F* sums, T* out) HWY_ATTR {
    SumDown(
        d, samples, channels, [&](auto at, size_t n) HWY_ATTR { return at(sums + n * channels); },
        [&](auto at, auto sum) HWY_ATTR { at.Put(sum, out); });
  };
  down(weight_sums, grad_weight.Out<T>());
  down(bias_sums, grad_bias.Out<T>());
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
