// The reference of the convolutions: plain loops, sums in double.
#pragma once

#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/simd/convolution.h"

namespace strata {

// The sum over all taps of the channels of one group; `x` is the group's first channel, `w` the output channel's
// weight.
template <class T>
double ConvolutionSum(const Convolution& c, const T* x, const T* w, const std::array<int64_t, kSpatial>& place) {
  const Windows& windows = c.windows;
  double sum = 0;
  for (int64_t channel = 0; channel < c.channels; ++channel) {
    for (int64_t t = 0; t < windows.taps(); ++t, ++w) {
      const std::array<int64_t, kSpatial> tap = {t / windows.kernel[2] / windows.kernel[1],
                                                 t / windows.kernel[2] % windows.kernel[1], t % windows.kernel[2]};
      int64_t at = channel;
      bool inside = true;
      for (size_t d = 0; d < kSpatial; ++d) {
        const int64_t i = windows.At(d, place[d], tap[d]);
        inside = inside && windows.Inside(d, i);
        at = at * windows.in[d] + i;
      }
      sum += ToDouble(*w) * (inside ? ToDouble(x[at]) : 0.0);
    }
  }
  return sum;
}

inline void ConvolveRef(const Convolution& c) {
  DispatchFloat(c.y->dtype, [&](auto type) {
    using T = decltype(type);
    const Windows& windows = c.windows;
    T* y = c.y->Out<T>();
    for (int64_t n = 0; n < c.batch * c.groups; ++n) {
      const T* x = c.x->In<T>() + n * c.channels * windows.image();
      for (int64_t o = 0; o < c.outputs; ++o) {
        const int64_t row = n % c.groups * c.outputs + o;
        const T* w = c.weight->In<T>() + row * c.channels * windows.taps();
        for (int64_t p = 0; p < windows.places(); ++p, ++y) {
          const int64_t width = windows.out[2], height = windows.out[1];
          double sum = ConvolutionSum(c, x, w, {p / width / height, p / width % height, p % width});
          if (c.bias != nullptr) sum += ToDouble(c.bias->In<T>()[row]);
          *y = FromDouble<T>(Activate(c.activation, ToDouble(FromDouble<T>(sum))));
        }
      }
    }
  });
}

}  // namespace strata
