// Convolutions that see one channel each (convolution.h). A channel is laid out with what surrounds it (PhasePlanes);
// vectors then run over its places row after row, ends of rows included, which are computed and left out: so small maps
// fill vectors, too. Each sum is one chain along the taps. Included once per SIMD target.
//
//   Depthwise<float>(context, convolution);   // from HWY_EXPORT's function
#if defined(STRATA_KERNELS_SIMD_DEPTHWISE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_DEPTHWISE_INL_H_
#undef STRATA_KERNELS_SIMD_DEPTHWISE_INL_H_
#else
#define STRATA_KERNELS_SIMD_DEPTHWISE_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <array>

#include "kernels/simd/channel_epilogue-inl.h"
#include "kernels/simd/convolution.h"
#include "kernels/simd/windows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

template <class T>
struct DepthwiseConvolver {
  using F = ComputeType<T>;
  using D = hn::ScalableTag<F>;
  static constexpr size_t kLanes = hn::MaxLanes(D()), kMostTaps = kSumBlock;
  // Enough chains to hide the latency of an addition.
  static constexpr size_t kVectors = 64 / kLanes;

  const Convolution& c;
  const DepthwiseSpace space{c};
  const PhasePlanes planes{c.windows};
  std::array<int64_t, kMostTaps> taps;

  explicit DepthwiseConvolver(const Convolution& convolution) : c(convolution) {
    for (int64_t t = 0; t < c.windows.taps(); ++t) taps[static_cast<size_t>(t)] = planes.TapAt(c.windows, t);
  }

  // sums[0, kSome vectors) of the places from `from` on.
  template <size_t kSome>
  HWY_INLINE void Vectors(const T* from, const T* weight, const T* bias, F* sums) const {
    const D d;
    hn::Vec<D> acc[kSome];
    STRATA_UNROLL
    for (size_t v = 0; v < kSome; ++v) acc[v] = hn::Zero(d);
    for (size_t t = 0, all = static_cast<size_t>(c.windows.taps()); t < all; ++t) {
      const T* const run = from + taps[t];
      const auto factor = hn::Set(d, static_cast<F>(ToDouble(weight[t])));
      STRATA_UNROLL
      for (size_t v = 0; v < kSome; ++v) acc[v] = hn::MulAdd(factor, Read(d, run + v * kLanes), acc[v]);
    }
    for (size_t v = 0; v < kSome; ++v) {
      hn::StoreU(FinishChannel(d, acc[v], bias, c.activation), d, sums + v * kLanes);
    }
  }

  // Rows of places that are laid out `pitch` apart, to where they are neighbours.
  void PutRows(const F* sums, int64_t pitch, int64_t rows, T* y, int64_t room) const {
    const D d;
    const int64_t width = c.windows.out[2];
    constexpr auto kWhole = static_cast<int64_t>(kLanes);
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t i = 0; i < width; i += kWhole) {
        const auto v = hn::LoadU(d, sums + r * pitch + i);
        const int64_t at = r * width + i;
        // What is too much is written over by the next row.
        at + kWhole <= room ? Write(v, d, y + at) : WriteN(v, d, y + at, static_cast<size_t>(room - at));
      }
    }
  }

  void Channel(const T* weight, const T* bias, const T* plane, F* sums, T* y) const {
    const Windows& w = c.windows;
    const int64_t pitch = planes.size[2];
    for (int64_t depth = 0; depth < w.out[0]; ++depth) {
      for (int64_t row = 0; row < w.out[1]; row += space.rows) {
        const int64_t rows = std::min(space.rows, w.out[1] - row);
        const auto wanted = static_cast<size_t>((rows - 1) * pitch + w.out[2]);
        const T* const from = plane + (depth * planes.size[1] + row) * pitch;
        size_t i = 0;
        for (; i + kVectors * kLanes <= wanted; i += kVectors * kLanes) {
          Vectors<kVectors>(from + i, weight, bias, sums + i);
        }
        for (; i + kLanes < wanted; i += 2 * kLanes) Vectors<2>(from + i, weight, bias, sums + i);
        if (i < wanted) Vectors<1>(from + i, weight, bias, sums + i);
        const int64_t done = (depth * w.out[1] + row) * w.out[2];
        PutRows(sums, pitch, rows, y + done, w.places() - done);
      }
    }
  }

  void Group(int64_t image, int64_t group, std::byte* workspace) const {
    T* const plane = reinterpret_cast<T*>(workspace);
    F* const sums = reinterpret_cast<F*>(workspace + space.plane_bytes(sizeof(T)));
    const int64_t all = c.groups * c.outputs;
    LayOutPhases(c.x->In<T>() + (image * c.groups + group) * c.windows.image(), c.windows, planes, plane);
    std::fill_n(plane + planes.channel(), DepthwiseSpace::kSlack, T{});
    for (int64_t channel = group * c.outputs; channel < (group + 1) * c.outputs; ++channel) {
      Channel(c.weight->In<T>() + channel * c.windows.taps(), c.bias == nullptr ? nullptr : c.bias->In<T>() + channel,
              plane, sums, c.y->Out<T>() + (image * all + channel) * c.windows.places());
    }
  }
};

template <class T>
void Depthwise(const OpContext& context, const Convolution& c) {
  const DepthwiseConvolver<T> convolver(c);
  const size_t bytes = convolver.space.bytes(sizeof(ComputeType<T>), sizeof(T));
  const int64_t work = c.outputs * c.windows.places() * c.windows.taps() + c.windows.image();
  ParallelChunks(*context.parallel, c.batch * c.groups, 1 + (1 << 17) / (1 + work),
                 [&](int chunk, int64_t begin, int64_t end) {
                   std::byte* const workspace = context.workspace + static_cast<size_t>(chunk) * bytes;
                   for (int64_t p = begin; p < end; ++p) convolver.Group(p / c.groups, p % c.groups, workspace);
                 });
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
