// Convolutions (convolution.h): products of the weight with windows that are packed as they are wanted, and a kernel of
// its own where each channel is convolved alone. Included once per SIMD target.
//
//   Convolve(context, convolution);   // from HWY_EXPORT's function
#if defined(STRATA_KERNELS_SIMD_CONVOLUTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_CONVOLUTION_INL_H_
#undef STRATA_KERNELS_SIMD_CONVOLUTION_INL_H_
#else
#define STRATA_KERNELS_SIMD_CONVOLUTION_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <type_traits>

#include "kernels/core/typed_kernel.h"
#include "kernels/simd/activation-inl.h"
#include "kernels/simd/convolution.h"
#include "kernels/simd/gemm-inl.h"
#include "kernels/simd/windows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

// y = activation(sum + bias); rows are output channels.
template <class T>
struct ChannelEpilogue {
  T* y;
  size_t width;
  const T* bias;  // of row 0, or nullptr
  Activation activation;

  template <class D, class Place>
  HWY_INLINE void Put(D d, Place at, size_t row, hn::Vec<D> v) const {
    if (bias != nullptr) v = hn::Add(v, hn::Set(d, static_cast<hn::TFromD<D>>(ToDouble(bias[row]))));
    if (activation != Activation::kNone) v = Activate(d, activation, RoundTo<T>(d, v));
    at.Put(v, y + row * width);
  }
  // As Gemm calls it.
  template <class D>
  HWY_INLINE void operator()(D d, size_t row, size_t column, hn::Vec<D> sum, size_t count) const {
    if (count >= hn::MaxLanes(D())) {
      Put(d, At<D>{d, column}, row, sum);
    } else {
      Put(d, AtTail<D>{d, column, count}, row, sum);
    }
  }
};

template <class T>
ChannelEpilogue<T> EpilogueOf(const Convolution& c, int64_t image, int64_t group) {
  const int64_t row = group * c.outputs, places = c.windows.places();
  return {c.y->Out<T>() + (image * c.groups * c.outputs + row) * places, static_cast<size_t>(places),
          c.bias == nullptr ? nullptr : c.bias->In<T>() + row, c.activation};
}

// One group of one image.
template <class T>
void ConvolveGroup(const OpContext& context, const Convolution& c, int64_t image, int64_t group) {
  using F = ComputeType<T>;
  const Windows& w = c.windows;
  const GemmShape shape = c.shape();
  const T* x = c.x->In<T>() + (image * c.groups + group) * c.channels * w.image();
  const Matrix<T> weight{c.weight->In<T>() + static_cast<size_t>(group) * shape.m * shape.k, shape.k, 1};
  const auto epilogue = EpilogueOf<T>(c, image, group);
  F* partial = nullptr;
  if constexpr (std::is_same_v<T, F>) partial = epilogue.y;
  const F* no_panels = nullptr;
  Gemm<F>(context, shape, weight, WindowMatrix<T>{x, w}, no_panels, partial, epilogue);
}

// One row of an output channel: kVectors vectors of places at a time.
template <size_t kVectors, class D, class T, class F>
HWY_INLINE int64_t DepthwisePlaces(D d, const Windows& w, const PaddedPlane& plane, const F* from, const T* weight,
                                   int64_t place, const ChannelEpilogue<T>& epilogue, size_t channel, size_t column) {
  constexpr auto kLanes = static_cast<int64_t>(hn::MaxLanes(D()));
  for (; place + static_cast<int64_t>(kVectors - 1) * kLanes < w.out[2];
       place += static_cast<int64_t>(kVectors) * kLanes) {
    hn::Vec<D> acc[kVectors];
    STRATA_UNROLL
    for (size_t v = 0; v < kVectors; ++v) acc[v] = hn::Zero(d);
    const T* tap = weight;
    for (int64_t td = 0; td < w.kernel[0]; ++td) {
      for (int64_t th = 0; th < w.kernel[1]; ++th) {
        const F* row = from + (td * w.dilation[0] * plane.size[1] + th * w.dilation[1]) * plane.row() + place;
        for (int64_t tw = 0; tw < w.kernel[2]; ++tw) {
          const int64_t at = tw * w.dilation[2];
          const F* run = row + at % plane.phases * plane.pitch + at / plane.phases;
          const auto factor = hn::Set(d, static_cast<F>(ToDouble(*tap++)));
          STRATA_UNROLL
          for (size_t v = 0; v < kVectors; ++v) {
            acc[v] = hn::MulAdd(factor, hn::LoadU(d, run + static_cast<int64_t>(v) * kLanes), acc[v]);
          }
        }
      }
    }
    for (size_t v = 0; v < kVectors; ++v) {
      const int64_t at = place + static_cast<int64_t>(v) * kLanes;
      epilogue(d, channel, column + static_cast<size_t>(at), acc[v], static_cast<size_t>(w.out[2] - at));
    }
  }
  return place;
}

template <class T, class F>
void DepthwiseGroup(const Convolution& c, int64_t image, int64_t group, F* space) {
  const hn::ScalableTag<F> d;
  const Windows& w = c.windows;
  const PaddedPlane plane(w);
  LayOut(c.x->In<T>() + (image * c.groups + group) * w.image(), w, plane, F(0), space);
  const auto epilogue = EpilogueOf<T>(c, image, group);
  for (int64_t o = 0; o < c.outputs; ++o) {
    const T* weight = c.weight->In<T>() + (group * c.outputs + o) * w.taps();
    for (int64_t od = 0; od < w.out[0]; ++od) {
      for (int64_t oh = 0; oh < w.out[1]; ++oh) {
        const F* from = space + (od * w.stride[0] * plane.size[1] + oh * w.stride[1]) * plane.row();
        const auto column = static_cast<size_t>((od * w.out[1] + oh) * w.out[2]);
        const int64_t done = DepthwisePlaces<4>(d, w, plane, from, weight, 0, epilogue, static_cast<size_t>(o), column);
        DepthwisePlaces<1>(d, w, plane, from, weight, done, epilogue, static_cast<size_t>(o), column);
      }
    }
  }
}

template <class T>
void ConvolveAs(const OpContext& context, const Convolution& c) {
  using F = ComputeType<T>;
  const bool depthwise = c.Depthwise();
  const auto products = static_cast<int64_t>(c.products());
  const auto one = [&](const OpContext& on, int64_t p) {
    if (depthwise) return DepthwiseGroup<T>(c, p / c.groups, p % c.groups, reinterpret_cast<F*>(on.workspace));
    ConvolveGroup<T>(on, c, p / c.groups, p % c.groups);
  };
  if (!depthwise && !WholeProducts(c.products(), context.parallel->num_threads())) {
    for (int64_t p = 0; p < products; ++p) one(context, p);
    return;
  }
  const size_t alone_bytes = ConvolutionBytes(c, sizeof(F), std::is_same_v<T, F>, 1);
  const GemmShape shape = c.shape();
  // About 12 us of work for a thread.
  const auto grain = static_cast<int64_t>(1 + (size_t{1} << 19) / (1 + shape.m * shape.n * shape.k));
  ParallelChunks(*context.parallel, products, grain, [&](int chunk, int64_t begin, int64_t end) {
    OpContext alone = context;
    alone.parallel = &Serial();
    alone.workspace = context.workspace + static_cast<size_t>(chunk) * alone_bytes;
    for (int64_t p = begin; p < end; ++p) one(alone, p);
  });
}

void Convolve(const OpContext& context, const Convolution& c) {
  DispatchFloat(c.y->dtype, [&](auto type) { ConvolveAs<decltype(type)>(context, c); });
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // STRATA_KERNELS_SIMD_CONVOLUTION_INL_H_
