// Pooling over up to three spatial dims: the largest or the mean of each window.
#pragma once

#include <array>

#include "kernels/core/op_def.h"

namespace strata {

struct Windows;

enum class Pooling : uint8_t { kMax, kMean };

// y [N, C, I, J, K] with I = (D + 2 padding_d - kernel_d) // stride_d + 1, J and K likewise. Images and sequences have
// sizes of 1 in front. A window lies at least half inside: padding is at most half of the kernel.
// max: outside counts for nothing; a NaN in the window makes the result NaN. mean: the elements in order, divided by
// their number, by that of the whole window with count_outside, or by `divisor` where it is not 0; outside is zero.
inline constexpr OpSchema kPool =
    Op("pool")
        .Doc(
            "y[n, c, i, j, k] = the max (mean) of x[n, c, i * stride_d + r - padding_d, ...] over the kernel's r, s, t")
        .In("x", "N C D H W")
        .Choice("operation", "max|mean")
        .Attr("kernel_d", 1)
        .Range(1, 1 << 20)
        .Attr("kernel_h", 1)
        .Range(1, 1 << 20)
        .Attr("kernel_w", 1)
        .Range(1, 1 << 20)
        .Attr("stride_d", 1)
        .Range(1, 1 << 20)
        .Attr("stride_h", 1)
        .Range(1, 1 << 20)
        .Attr("stride_w", 1)
        .Range(1, 1 << 20)
        .Attr("padding_d", 0)
        .Range(0, 1 << 20)
        .Attr("padding_h", 0)
        .Range(0, 1 << 20)
        .Attr("padding_w", 0)
        .Range(0, 1 << 20)
        .Attr("count_outside", true)
        .Attr("divisor", 0)
        .Range(0, 1 << 30)
        .Out("y", "");

// max: the gradient goes to the first of the largest elements of the window (to the last NaN, where there is one).
// An element's gradients add up in the order of the places that see it.
inline constexpr OpSchema kPoolBackward = Op("pool_backward")
                                              .Doc("gradient of pool")
                                              .In("grad_y", "N C I J K")
                                              .In("x", "N C D H W")
                                              .Choice("operation", "max|mean")
                                              .Attr("kernel_d", 1)
                                              .Range(1, 1 << 20)
                                              .Attr("kernel_h", 1)
                                              .Range(1, 1 << 20)
                                              .Attr("kernel_w", 1)
                                              .Range(1, 1 << 20)
                                              .Attr("stride_d", 1)
                                              .Range(1, 1 << 20)
                                              .Attr("stride_h", 1)
                                              .Range(1, 1 << 20)
                                              .Attr("stride_w", 1)
                                              .Range(1, 1 << 20)
                                              .Attr("padding_d", 0)
                                              .Range(0, 1 << 20)
                                              .Attr("padding_h", 0)
                                              .Range(0, 1 << 20)
                                              .Attr("padding_w", 0)
                                              .Range(0, 1 << 20)
                                              .Attr("count_outside", true)
                                              .Attr("divisor", 0)
                                              .Range(0, 1 << 30)
                                              .Out("grad_x", "N C D H W");

struct PoolCall {
  const Windows& windows;
  Pooling operation;
  bool count_outside;
  int64_t divisor;
  int64_t channels;  // of all images
  const TensorView &x, &y;

  // What the sum of the window at a place is divided by.
  double DivisorAt(const std::array<int64_t, 3>& place) const;
};

void PoolRef(const OpContext&, const PoolCall&);
// Workspace for each thread: PoolThreadBytes.
void PoolCpu(const OpContext&, const PoolCall&);
size_t PoolThreadBytes(const Windows& windows, size_t element);

// `call.x` is x, `call.y` the gradient of y.
void PoolBackwardRef(const OpContext&, const PoolCall& call, const TensorView& grad_x);
// Workspace for each thread: a channel of grad_x in the type that is computed in.
void PoolBackwardCpu(const OpContext&, const PoolCall& call, const TensorView& grad_x);
size_t PoolBackwardThreadBytes(const Windows& windows, size_t element);

namespace ops::pool {
extern const std::array<OpDef, 2> kOps;
}  // namespace ops::pool

}  // namespace strata
