// Convolutions that see one channel each, on small maps: a vector is the same place of neighbouring channels, so that
// no load is crooked and no stride costs anything. Channels are turned on the way in and out. Each sum is one chain
// along the taps, as in depthwise-inl.h. Included once per SIMD target.
//
//   DepthwiseLanes<float>(context, convolution);   // where DepthwiseLanesSpace says that it fits
#if defined(STRATA_KERNELS_SIMD_DEPTHWISE_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_DEPTHWISE_LANES_INL_H_
#undef STRATA_KERNELS_SIMD_DEPTHWISE_LANES_INL_H_
#else
#define STRATA_KERNELS_SIMD_DEPTHWISE_LANES_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>

#include "kernels/simd/channel_epilogue-inl.h"
#include "kernels/simd/convolution.h"
#include "kernels/simd/pack-inl.h"
#include "kernels/simd/square-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

template <class T>
struct DepthwiseLanesConvolver {
  using F = ComputeType<T>;
  using D = hn::ScalableTag<F>;
  using V = hn::Vec<D>;
  static constexpr size_t kLanes = hn::MaxLanes(D());

  const Convolution& c;
  const DepthwiseLanesSpace space{c};
  const Windows& w{c.windows};
  // Of one thread: places with what surrounds them, weights by tap, sums by place; a vector each.
  F *plane, *weights, *sums;

  DepthwiseLanesConvolver(const Convolution& convolution, std::byte* workspace) : c(convolution) {
    plane = reinterpret_cast<F*>(workspace);
    weights = plane + space.plane_vectors() * kLanes;
    sums = weights + space.taps * kLanes;
    std::fill(plane, weights, F(0));  // what lies outside stays so
  }

  // visit(first place, how many, vectors) for squares of `places` places of `channels` channels, `across` apart.
  template <class Visit>
  static HWY_INLINE void TurnIn(const T* x, size_t across, size_t channels, size_t places, Visit visit) {
    const D d;
    for (size_t p = 0; p < places; p += kLanes) {
      const size_t count = std::min(kLanes, places - p);
      V v[kLanes];
      for (size_t i = 0; i < kLanes; ++i) {
        const T* const from = x + i * across + p;
        v[i] = i >= channels ? hn::Zero(d) : count == kLanes ? Read(d, from) : ReadN(d, from, count);
      }
      TransposeSquare(d, v);
      visit(count, v);
    }
  }

  void LayOut(const T* x, size_t channels) const {
    const D d;
    const int64_t width = w.in[2], gap = (space.width - width) * static_cast<int64_t>(kLanes);
    F* to = plane + (w.padding[1] * space.width + w.padding[2]) * static_cast<int64_t>(kLanes);
    int64_t column = 0;
    TurnIn(x, static_cast<size_t>(w.image()), channels, static_cast<size_t>(w.image()), [&](size_t count, const V* v) {
      for (size_t i = 0; i < count; ++i, to += kLanes) {
        hn::Store(v[i], d, to);
        if (++column == width) column = 0, to += gap;
      }
    });
  }

  // kPlaces places of a row. A last group may go on behind its end, where the next row is written later.
  template <size_t kPlaces>
  HWY_INLINE void Places(const F* from, F* to, bool has_bias, V bias) const {
    const D d;
    const auto step = static_cast<size_t>(w.stride[2]) * kLanes;
    V acc[kPlaces];
    STRATA_UNROLL
    for (size_t i = 0; i < kPlaces; ++i) acc[i] = hn::Zero(d);
    const F* factor = weights;
    for (int64_t r = 0; r < w.kernel[1]; ++r) {
      const F* at = from + r * w.dilation[1] * space.width * static_cast<int64_t>(kLanes);
      for (int64_t s = 0; s < w.kernel[2]; ++s, factor += kLanes) {
        const auto f = hn::Load(d, factor);
        STRATA_UNROLL
        for (size_t i = 0; i < kPlaces; ++i) acc[i] = hn::MulAdd(f, hn::Load(d, at + i * step), acc[i]);
        at += w.dilation[2] * static_cast<int64_t>(kLanes);
      }
    }
    STRATA_UNROLL
    for (size_t i = 0; i < kPlaces; ++i) {
      if (has_bias) acc[i] = hn::Add(acc[i], bias);
      hn::Store(acc[i], d, to + i * kLanes);
    }
  }

  template <size_t kPlaces>
  void Rows(bool has_bias, V bias) const {
    const auto lanes = static_cast<int64_t>(kLanes);
    for (int64_t row = 0; row < w.out[1]; ++row) {
      const F* from = plane + row * w.stride[1] * space.width * lanes;
      F* const to = sums + row * w.out[2] * lanes;
      for (int64_t i = 0; i < w.out[2]; i += static_cast<int64_t>(kPlaces)) {
        Places<kPlaces>(from + i * w.stride[2] * lanes, to + i * lanes, has_bias, bias);
      }
    }
  }

  void TurnOut(size_t channels, T* y) const {
    const D d;
    const auto places = static_cast<size_t>(w.places());
    for (size_t p = 0; p < places; p += kLanes) {
      const size_t count = std::min(kLanes, places - p);
      V v[kLanes];
      for (size_t i = 0; i < kLanes; ++i) v[i] = hn::Load(d, sums + (p + i) * kLanes);
      if (c.activation != Activation::kNone) {
        for (size_t i = 0; i < count; ++i) v[i] = Activate(d, c.activation, RoundTo<T>(d, v[i]));
      }
      TransposeSquare(d, v);
      for (size_t i = 0; i < channels; ++i) {
        T* const to = y + i * places + p;
        count == kLanes ? Write(v[i], d, to) : WriteN(v[i], d, to, count);
      }
    }
  }

  // As many channels as a vector has lanes, from `channel` on.
  void Block(int64_t image, int64_t channel) const {
    const D d;
    const auto channels = static_cast<size_t>(std::min(static_cast<int64_t>(kLanes), c.groups - channel));
    const auto taps = static_cast<size_t>(w.taps());
    LayOut(c.x->In<T>() + (image * c.groups + channel) * w.image(), channels);
    PackPanel<kLanes>(c.weight->In<T>() + static_cast<size_t>(channel) * taps, taps, 1, channels, taps, weights);
    const bool has_bias = c.bias != nullptr;
    const V bias = has_bias ? ReadN(d, c.bias->In<T>() + channel, channels) : hn::Zero(d);
    w.out[2] % 7 == 0 ? Rows<7>(has_bias, bias) : Rows<8>(has_bias, bias);
    TurnOut(channels, c.y->Out<T>() + (image * c.groups + channel) * w.places());
  }
};

template <class T>
void DepthwiseLanes(const OpContext& context, const Convolution& c) {
  constexpr auto kLanes = static_cast<int64_t>(DepthwiseLanesConvolver<T>::kLanes);
  const size_t bytes = DepthwiseLanesSpace(c).bytes();
  const int64_t blocks = (c.groups + kLanes - 1) / kLanes,
                work = kLanes * (c.windows.places() * c.windows.taps() + c.windows.image());
  ParallelChunks(
      *context.parallel, c.batch * blocks, 1 + (1 << 17) / (1 + work), [&](int chunk, int64_t begin, int64_t end) {
        const DepthwiseLanesConvolver<T> convolver(c, context.workspace + static_cast<size_t>(chunk) * bytes);
        for (int64_t b = begin; b < end; ++b) convolver.Block(b / blocks, b % blocks * kLanes);
      });
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
