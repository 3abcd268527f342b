#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/linear_int4/linear_int4.h"

namespace strata {
namespace {

// A group's numbers, and its scale. In float32: quantising is part of the definition.
template <class T>
double Quantise(const T* x, int64_t n, int32_t* a) {
  float amax = 0;
  for (int64_t k = 0; k < n; ++k) {
    const float v = std::fabs(static_cast<float>(ToDouble(x[k])));
    if (!std::isfinite(v)) {
      std::fill(a, a + n, 0);
      return std::numeric_limits<double>::quiet_NaN();
    }
    amax = std::max(amax, v);
  }
  const bool nothing = amax < 0x1p-100f;
  const float inverse = nothing ? 0 : 127.0f / amax;
  for (int64_t k = 0; k < n; ++k) {
    a[k] = static_cast<int32_t>(std::nearbyint(static_cast<float>(ToDouble(x[k])) * inverse));
  }
  return nothing ? 0 : amax / 127.0f;
}

}  // namespace

void LinearInt4Ref(const OpContext&, const TensorView& x, const TensorView& weight, const TensorView& scale,
                   const TensorView* zero, const TensorView* bias, int64_t blocks, Activation activation,
                   const TensorView& y) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t in = x.size(-1), out = weight.size(0), group = 32 * blocks;
    std::vector<int32_t> a(static_cast<size_t>(in));
    std::vector<double> s(static_cast<size_t>(in / group));
    for (int64_t r = 0; r < x.rows(); ++r) {
      for (int64_t g = 0; g < in / group; ++g) {
        s[static_cast<size_t>(g)] = Quantise(x.In<T>() + r * in + g * group, group, a.data() + g * group);
      }
      for (int64_t o = 0; o < out; ++o) {
        double total = 0;
        for (int64_t g = 0; g < in / group; ++g) {
          const int32_t z = zero == nullptr ? 8 : zero->In<uint8_t>()[g * out + o];
          int32_t sum = 0;
          for (int64_t k = g * group; k < (g + 1) * group; ++k) {
            const int32_t q = weight.In<uint8_t>()[o * (in / 2) + k / 2] >> (k % 2 * 4) & 15;
            sum += a[static_cast<size_t>(k)] * (q - z);
          }
          const double factor = scale.dtype == DType::kF16 ? ToDouble(scale.In<F16>()[g * out + o])
                                                           : ToDouble(scale.In<float>()[g * out + o]);
          total += sum * s[static_cast<size_t>(g)] * factor;
        }
        if (bias != nullptr) total += ToDouble(bias->In<T>()[o]);
        y.Out<T>()[r * out + o] = FromDouble<T>(Activate(activation, ToDouble(FromDouble<T>(total))));
      }
    }
  });
}

}  // namespace strata
