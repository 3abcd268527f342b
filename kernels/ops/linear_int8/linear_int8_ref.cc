#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/linear_int8/linear_int8.h"

namespace strata {
namespace {

// q[0, n) of a row, and its scale. Quantising is part of the definition, so it is done in float32 here, too.
template <class T>
float Quantise(const T* x, int64_t n, int32_t* q) {
  float amax = 0;
  for (int64_t k = 0; k < n; ++k) {
    const float v = std::fabs(static_cast<float>(ToDouble(x[k])));
    if (!std::isfinite(v)) {
      std::fill(q, q + n, 0);
      return std::numeric_limits<float>::quiet_NaN();
    }
    amax = std::max(amax, v);
  }
  const bool zero = amax < 0x1p-100f;
  const float inverse = zero ? 0 : 127.0f / amax;
  for (int64_t k = 0; k < n; ++k) {
    q[k] = static_cast<int32_t>(std::nearbyint(static_cast<float>(ToDouble(x[k])) * inverse));
  }
  return zero ? 0 : amax / 127.0f;
}

}  // namespace

void LinearInt8Ref(const OpContext&, const TensorView& x, const TensorView& weight, const TensorView& scale,
                   const TensorView* bias, Activation activation, const TensorView& y) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t in = weight.size(1), out = weight.size(0);
    std::vector<int32_t> q(static_cast<size_t>(in));
    for (int64_t r = 0; r < x.rows(); ++r) {
      const double s = Quantise(x.In<T>() + r * in, in, q.data());
      for (int64_t o = 0; o < out; ++o) {
        int64_t sum = 0;
        for (int64_t k = 0; k < in; ++k) sum += q[static_cast<size_t>(k)] * weight.In<int8_t>()[o * in + k];
        double value = static_cast<double>(sum) * (s * static_cast<double>(scale.In<float>()[o]));
        if (bias != nullptr) value += ToDouble(bias->In<T>()[o]);
        y.Out<T>()[r * out + o] = FromDouble<T>(Activate(activation, ToDouble(FromDouble<T>(value))));
      }
    }
  });
}

}  // namespace strata
