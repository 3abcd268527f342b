// Convolutions (convolution.h) as products of the weight with windows that are packed as they are wanted. Included once
// per SIMD target; each dtype's code takes seconds to compile, so files share them.
//
//   Convolve<float>(context, convolution);   // from HWY_EXPORT's function
#if defined(STRATA_KERNELS_SIMD_CONVOLUTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_CONVOLUTION_INL_H_
#undef STRATA_KERNELS_SIMD_CONVOLUTION_INL_H_
#else
#define STRATA_KERNELS_SIMD_CONVOLUTION_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <type_traits>

#include "kernels/simd/channel_epilogue-inl.h"
#include "kernels/simd/convolution.h"
#include "kernels/simd/gemm-inl.h"
#include "kernels/simd/windows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

// The windows of `images` images from `first` on, of one group; takes the workspace's front. Lays planes out where x is
// not what they are.
template <class T>
WindowMatrix<T> WindowsOf(const OpContext& context, const ConvolutionProducts& products, int64_t first, int64_t images,
                          int64_t group) {
  const Convolution& c = products.c;
  const Windows& w = c.windows;
  const PhasePlanes planes(w);
  auto* const taps = reinterpret_cast<int64_t*>(context.workspace);
  for (int64_t t = 0; t < w.taps(); ++t) taps[t] = planes.TapAt(w, t);
  const auto matrix = [&](const T* data, const T* end, int64_t image_stride, int64_t channel_stride) {
    const bool pixels = w.taps() == 1 && !products.places_in_rows;
    const int64_t farthest_tap = *std::max_element(taps, taps + w.taps());
    return WindowMatrix<T>{data,
                           end,
                           taps,
                           farthest_tap,
                           w,
                           planes,
                           image_stride,
                           channel_stride,
                           pixels ? static_cast<size_t>(channel_stride) : 0,
                           pixels ? size_t{1} : 0};
  };
  const int64_t whole = c.groups * c.channels * w.image();
  const T* const x = c.x->In<T>() + first * whole + group * c.channels * w.image();
  if (c.Direct()) return matrix(x, c.x->In<T>() + c.x->numel(), whole, w.image());
  T* const out = reinterpret_cast<T*>(context.workspace + products.tap_bytes());
  const int64_t channel = planes.channel(), all = images * c.channels;
  std::fill_n(out + all * channel, PhasePlanes::kSlack, T{});
  ParallelChunks(*context.parallel, all, 1 + 32768 / (channel + 1), [&](int, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      LayOutPhases(x + i / c.channels * whole + i % c.channels * w.image(), w, planes, out + i * channel);
    }
  });
  return matrix(out, out + all * channel + PhasePlanes::kSlack, c.channels * channel, channel);
}

// Calls product(context, part, group) for all: each on one thread while there are enough of them, `alone_bytes` of
// workspace each, else one after the other on all threads.
template <class Each>
void ForEachProduct(const OpContext& context, const ConvolutionProducts& products, size_t alone_bytes, Each product) {
  const auto count = static_cast<int64_t>(products.count());
  const int64_t groups = products.c.groups;
  if (!WholeProducts(products.count(), context.parallel->num_threads())) {
    for (int64_t p = 0; p < count; ++p) product(context, p / groups, p % groups);
    return;
  }
  const GemmShape shape = products.shape(products.images);
  // About 12 us of work for a thread.
  const auto grain = static_cast<int64_t>(1 + (size_t{1} << 19) / (1 + shape.m * shape.n * shape.k));
  ParallelChunks(*context.parallel, count, grain, [&](int chunk, int64_t begin, int64_t end) {
    OpContext alone = context;
    alone.parallel = &Serial();
    alone.workspace = context.workspace + static_cast<size_t>(chunk) * alone_bytes;
    for (int64_t p = begin; p < end; ++p) product(alone, p / groups, p % groups);
  });
}

template <class T>
struct Convolver {
  using F = ComputeType<T>;
  const Convolution& c;
  ConvolutionProducts products{c};

  void Product(const OpContext& context, int64_t part, int64_t group) const {
    const int64_t first = part * products.images, images = std::min(products.images, c.batch - first);
    const int64_t row = group * c.outputs, places = c.windows.places(), all = c.groups * c.outputs;
    const auto windows = WindowsOf<T>(context, products, first, images, group);
    OpContext on = context;
    on.workspace += products.tap_bytes() + products.plane_bytes(sizeof(T));
    const GemmShape shape = products.shape(images);
    const T* const weight = c.weight->In<T>() + static_cast<size_t>(row) * shape.k;
    const T* const bias = c.bias == nullptr ? nullptr : c.bias->In<T>() + row;
    T* const y = c.y->Out<T>() + (first * all + row) * places;
    F* partial = nullptr;
    if (products.places_in_rows) {
      const TurnedEpilogue<T> epilogue{y, places, all * places, bias, c.activation};
      Gemm<F>(on, shape, windows, Matrix<T>{weight, 1, shape.k}, static_cast<const F*>(products.packed()), partial,
              epilogue);
    } else {
      if constexpr (std::is_same_v<T, F>) partial = y;
      const F* const unpacked = nullptr;
      Gemm<F>(on, shape, Matrix<T>{weight, shape.k, 1}, windows, unpacked, partial,
              ChannelEpilogue<T>{y, static_cast<size_t>(places), bias, c.activation});
    }
  }
};

// The panels that products with places in their rows read.
template <class T>
void PrepareWeight(const TensorView& weight, void* out) {
  const auto outputs = static_cast<size_t>(weight.size(0));
  const size_t k = outputs == 0 ? 0 : static_cast<size_t>(weight.numel()) / outputs;
  PackB({0, outputs, k}, Matrix<T>{weight.In<T>(), 1, k}, static_cast<ComputeType<T>*>(out));
}

template <class T>
void Convolve(const OpContext& context, const Convolution& c) {
  const Convolver<T> convolver{c};
  const size_t alone_bytes = AlignUp(convolver.products.bytes(sizeof(ComputeType<T>), sizeof(T), 1));
  ForEachProduct(context, convolver.products, alone_bytes,
                 [&](const OpContext& on, int64_t part, int64_t group) { convolver.Product(on, part, group); });
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // STRATA_KERNELS_SIMD_CONVOLUTION_INL_H_
