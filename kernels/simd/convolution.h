// A convolution as its kernels see it: any number of spatial dims up to three, channels in groups. For the operator
// convolution; the kernels are in convolution-inl.h.
//
//   y[n, o, p] = activation(sum over c, t of x[n, c, p * stride + t * dilation - padding] * weight[o, c, t] + bias[o])
//
// with c over the channels of o's group, t over the kernel's taps, and zeros outside of the image. The sum has the
// order, and so the bits, of linear: a chain along (c, t) in blocks of kSumBlock (docs/design/numerics.md).
#pragma once

#include <cstddef>
#include <cstdint>

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

  GemmShape shape() const {
    return {static_cast<size_t>(outputs), static_cast<size_t>(windows.places()),
            static_cast<size_t>(channels * windows.taps())};
  }
  size_t products() const { return static_cast<size_t>(batch * groups); }
  // Each output channel sees one channel: too little work to pack for.
  bool Depthwise() const { return channels == 1 && outputs <= 2 && windows.taps() <= static_cast<int64_t>(kSumBlock); }
};

// `element` is the size of the type that is computed in.
inline size_t ConvolutionBytes(const Convolution& c, size_t element, bool in_place, int num_threads) {
  if (c.Depthwise()) {
    return static_cast<size_t>(num_threads) * static_cast<size_t>(PaddedPlane(c.windows).elements()) * element;
  }
  return BatchBytes(c.products(), c.shape(), element, {.in_place = in_place}, num_threads);
}

}  // namespace strata
