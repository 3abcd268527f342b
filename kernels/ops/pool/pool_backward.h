// The gradient of one channel of a pooling, in plain C++: the kernel and the reference differ in the type of their
// sums.
//
//   AddPoolGradients(call, x, grad_y, sums);   // sums: zeros, as many as the channel has elements
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "kernels/core/scalar.h"
#include "kernels/ops/pool/pool.h"
#include "kernels/simd/windows.h"

namespace strata {

// What of a window lies inside: [first, last) of each dim.
struct PoolWindow {
  std::array<int64_t, kSpatial> first, last;

  PoolWindow(const Windows& w, const std::array<int64_t, kSpatial>& place) {
    for (size_t d = 0; d < kSpatial; ++d) {
      const int64_t at = w.At(d, place[d], 0);
      first[d] = std::max<int64_t>(at, 0), last[d] = std::min(at + w.kernel[d], w.in[d]);
    }
  }
  // visit(element) in order.
  template <class Visit>
  void ForEach(const Windows& w, Visit visit) const {
    for (int64_t d = first[0]; d < last[0]; ++d) {
      for (int64_t h = first[1]; h < last[1]; ++h) {
        for (int64_t i = first[2]; i < last[2]; ++i) visit((d * w.in[1] + h) * w.in[2] + i);
      }
    }
  }
};

template <class T, class F>
void AddPoolGradients(const PoolCall& call, const T* x, const T* grad_y, F* sums) {
  const Windows& w = call.windows;
  for (int64_t p = 0; p < w.places(); ++p) {
    const std::array<int64_t, kSpatial> place = {p / w.out[2] / w.out[1], p / w.out[2] % w.out[1], p % w.out[2]};
    const PoolWindow window(w, place);
    const F grad = static_cast<F>(ToDouble(grad_y[p]));
    if (call.operation == Pooling::kMean) {
      const F each = grad / static_cast<F>(call.DivisorAt(place));
      window.ForEach(w, [&](int64_t i) { sums[i] += each; });
      continue;
    }
    int64_t at = -1;
    double largest = 0;
    window.ForEach(w, [&](int64_t i) {
      const double v = ToDouble(x[i]);
      if (at < 0 || v > largest || std::isnan(v)) at = i, largest = v;
    });
    if (at >= 0) sums[at] += grad;
  }
}

}  // namespace strata
