// A convolution as its kernels see it: any number of spatial dims up to three, channels in groups. For the operator
// convolution; the kernels are in convolution-inl.h and depthwise-inl.h.
//
//   y[n, o, p] = activation(sum over c, t of x[n, c, p * stride + t * dilation - padding] * weight[o, c, t] + bias[o])
//
// with c over the channels of o's group, t over the kernel's taps, and zeros outside of the image. The sum has the
// order, and so the bits, of linear: a chain along (c, t) in blocks of kSumBlock (docs/design/numerics.md).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/base/aligned_buffer.h"
#include "kernels/core/activation.h"
#include "kernels/core/tensor_view.h"
#include "kernels/simd/gemm_batch.h"
#include "kernels/simd/sum_blocks.h"
#include "kernels/simd/windows.h"

namespace strata {

struct Convolution {
  Windows windows;
  int64_t batch = 0, groups = 1, channels = 0, outputs = 0;                         // the last two of one group
  const TensorView *x = nullptr, *weight = nullptr, *bias = nullptr, *y = nullptr;  // bias may be absent
  Activation activation = Activation::kNone;

  size_t steps() const { return static_cast<size_t>(channels * windows.taps()); }
  // Each output channel sees one channel: too little work to pack for.
  bool Depthwise() const { return channels == 1 && outputs <= 2 && windows.taps() <= static_cast<int64_t>(kSumBlock); }
  // Whether x itself is what PhasePlanes describes.
  bool Direct() const {
    return Windows::Product(windows.stride) == 1 && windows.padding == std::array<int64_t, kSpatial>{0, 0, 0};
  }
};

// A convolution as products, one for each group of some images. Their rows are output channels and their columns places
// of one image; small maps have it the other way round, so that vectors run across channels, and take several images at
// once. No bit of the answer says which: each output is the same chain.
struct ConvolutionProducts {
  // Maps up to this size would leave too many of a panel's columns empty, ...
  static constexpr int64_t kSmallMap = 255;
  // ... and are taken together until they have so many places.
  static constexpr int64_t kManyPlaces = 512;

  const Convolution& c;
  bool places_in_rows;
  int64_t images, parts;  // of one product; of the batch

  explicit ConvolutionProducts(const Convolution& convolution, bool may_turn = true) : c(convolution) {
    const int64_t places = c.windows.places();
    places_in_rows = may_turn && places <= kSmallMap;
    images = places_in_rows ? std::clamp<int64_t>(kManyPlaces / std::max<int64_t>(1, places), 1, 64) : 1;
    images = std::clamp<int64_t>(images, 1, std::max<int64_t>(1, c.batch));
    parts = (c.batch + images - 1) / images;
  }

  size_t count() const { return static_cast<size_t>(parts * c.groups); }
  GemmShape shape(int64_t of_images) const {
    const size_t outputs = static_cast<size_t>(c.outputs), places = static_cast<size_t>(of_images * c.windows.places());
    return places_in_rows ? GemmShape{places, outputs, c.steps()} : GemmShape{outputs, places, c.steps()};
  }
  // The weight's panels (PackB), where they are of use.
  const void* packed() const { return places_in_rows && c.groups == 1 ? c.weight->prepared : nullptr; }

  // Working memory of one product: where taps lie, planes, and what Gemm wants.
  size_t tap_bytes() const { return AlignUp(static_cast<size_t>(c.windows.taps()) * sizeof(int64_t)); }
  size_t plane_bytes(size_t stored) const {
    if (c.Direct()) return 0;
    const int64_t elements = images * c.channels * PhasePlanes(c.windows).channel() + PhasePlanes::kSlack;
    return AlignUp(static_cast<size_t>(elements) * stored);
  }
  // `element` is the size of the type that is computed in, `stored` of the one in memory.
  size_t bytes(size_t element, size_t stored, int num_threads) const {
    const GemmOptions options{.packed = packed() != nullptr, .in_place = !places_in_rows && element == stored};
    const auto gemm = [&](int64_t of_images) {
      return PlanGemm(shape(of_images), element, options, num_threads).bytes();
    };
    // The last product may have fewer images.
    return tap_bytes() + plane_bytes(stored) + std::max(gemm(images), gemm(c.batch - (parts - 1) * images));
  }
};

// Working memory of a thread where each channel is convolved alone: a channel, and the sums of some rows of places.
struct DepthwiseSpace {
  static constexpr int64_t kSlack = 64;       // vectors go on past the last place
  static constexpr int64_t kElements = 2048;  // of sums, so that they stay in the first-level cache

  int64_t channel, pitch, rows;

  explicit DepthwiseSpace(const Convolution& c) {
    const PhasePlanes planes(c.windows);
    channel = planes.channel(), pitch = planes.size[2];
    rows = std::max<int64_t>(1, kElements / pitch);
  }
  size_t plane_bytes(size_t stored) const { return AlignUp(static_cast<size_t>(channel + kSlack) * stored); }
  size_t bytes(size_t element, size_t stored) const {
    return plane_bytes(stored) + AlignUp(static_cast<size_t>(rows * pitch + kSlack) * element);
  }
};

// Working memory of a thread where a vector is one place of neighbouring channels: a vector of 64 bytes at most for
// each place with what surrounds it, for each tap and for each sum.
struct DepthwiseLanesSpace {
  static constexpr int64_t kVector = 64;
  static constexpr int64_t kMostBytes = int64_t{256} << 10;  // beside which a second-level cache has room
  static constexpr int64_t kAhead = 8;                       // the last places of a row are computed in groups

  int64_t width, height, behind, taps, sums;

  explicit DepthwiseLanesSpace(const Convolution& c) {
    const Windows& w = c.windows;
    width = std::max((w.out[2] - 1) * w.stride[2] + (w.kernel[2] - 1) * w.dilation[2] + 1, w.in[2] + w.padding[2]);
    height = std::max((w.out[1] - 1) * w.stride[1] + (w.kernel[1] - 1) * w.dilation[1] + 1, w.in[1] + w.padding[1]);
    behind = kAhead * w.stride[2];
    taps = w.taps();
    sums = w.places() + 16;  // a square of the last ones
  }
  int64_t plane_vectors() const { return width * height + behind; }
  size_t bytes() const { return static_cast<size_t>((plane_vectors() + taps + sums) * kVector); }
  // Whether small maps of several channels are convolved so.
  static bool Pays(const Convolution& c) {
    const Windows& w = c.windows;
    if (c.outputs != 1 || c.groups < 8 || w.in[0] != 1 || w.kernel[0] != 1 || w.padding[0] != 0) return false;
    const DepthwiseLanesSpace space(c);
    return space.width < kMostBytes && space.height < kMostBytes && space.behind < kMostBytes &&
           space.plane_vectors() * kVector <= kMostBytes;
  }
};

inline size_t ConvolutionBytes(const Convolution& c, size_t element, size_t stored, int num_threads) {
  const auto threads = static_cast<size_t>(num_threads);
  if (c.batch == 0) return 0;
  if (c.Depthwise()) {
    return threads *
           (DepthwiseLanesSpace::Pays(c) ? DepthwiseLanesSpace(c).bytes() : DepthwiseSpace(c).bytes(element, stored));
  }
  const ConvolutionProducts products(c);
  return WholeProducts(products.count(), num_threads) ? threads * AlignUp(products.bytes(element, stored, 1))
                                                      : products.bytes(element, stored, num_threads);
}

}  // namespace strata
