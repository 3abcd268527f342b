#include <cmath>
#include <limits>
#include <vector>

#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/pool/pool.h"
#include "kernels/ops/pool/pool_backward.h"
#include "kernels/simd/windows.h"

namespace strata {
namespace {

// The largest, or the sum, of the elements of one window that lie inside.
template <class T>
double Gather(const Windows& w, Pooling operation, const T* x, const std::array<int64_t, 3>& place) {
  double result = operation == Pooling::kMax ? -std::numeric_limits<double>::infinity() : 0;
  for (int64_t t = 0; t < w.taps(); ++t) {
    const std::array<int64_t, 3> tap = {t / w.kernel[2] / w.kernel[1], t / w.kernel[2] % w.kernel[1], t % w.kernel[2]};
    int64_t at = 0;
    bool inside = true;
    for (size_t d = 0; d < kSpatial; ++d) {
      const int64_t i = w.At(d, place[d], tap[d]);
      inside = inside && w.Inside(d, i);
      at = at * w.in[d] + i;
    }
    if (!inside) continue;
    const double v = ToDouble(x[at]);
    if (operation == Pooling::kMean) {
      result += v;
    } else if (std::isnan(v) || v > result) {
      result = v;
    }
    if (operation == Pooling::kMax && std::isnan(result)) break;
  }
  return result;
}

}  // namespace

double PoolCall::DivisorAt(const std::array<int64_t, 3>& place) const {
  if (divisor != 0) return static_cast<double>(divisor);
  int64_t count = 1;
  for (size_t d = 0; d < kSpatial; ++d) {
    const int64_t first = windows.At(d, place[d], 0), last = first + windows.kernel[d];
    count *= count_outside ? windows.kernel[d] : std::min(last, windows.in[d]) - std::max<int64_t>(first, 0);
  }
  return static_cast<double>(count);
}

void PoolRef(const OpContext&, const PoolCall& c) {
  DispatchFloat(c.x.dtype, [&](auto type) {
    using T = decltype(type);
    const Windows& w = c.windows;
    for (int64_t channel = 0; channel < c.channels; ++channel) {
      for (int64_t p = 0; p < w.places(); ++p) {
        const std::array<int64_t, 3> place = {p / w.out[2] / w.out[1], p / w.out[2] % w.out[1], p % w.out[2]};
        double v = Gather(w, c.operation, c.x.In<T>() + channel * w.image(), place);
        if (c.operation == Pooling::kMean) v /= c.DivisorAt(place);
        c.y.Out<T>()[channel * w.places() + p] = FromDouble<T>(v);
      }
    }
  });
}

void PoolBackwardRef(const OpContext&, const PoolCall& c, const TensorView& grad_x) {
  DispatchFloat(grad_x.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t image = c.windows.image();
    for (int64_t channel = 0; channel < c.channels; ++channel) {
      std::vector<double> sums(static_cast<size_t>(image));
      AddPoolGradients(c, c.x.In<T>() + channel * image, c.y.In<T>() + channel * c.windows.places(), sums.data());
      for (int64_t i = 0; i < image; ++i) {
        grad_x.Out<T>()[channel * image + i] = FromDouble<T>(sums[static_cast<size_t>(i)]);
      }
    }
  });
}

}  // namespace strata
