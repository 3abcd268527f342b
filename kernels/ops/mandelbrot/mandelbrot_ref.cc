#include <cmath>

#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/mandelbrot/mandelbrot.h"

namespace strata {
namespace {

// Not in double for every dtype, as other references are: a count is a matter of each rounding.
template <class F>
int32_t Count(F cr, F ci, int64_t max_iterations) {
  F zr = 0, zi = 0;
  int32_t n = 0;
  while (n < max_iterations && std::fma(zr, zr, zi * zi) <= F(4)) {
    const F next = std::fma(-zi, zi, std::fma(zr, zr, cr));
    zi = std::fma(zr + zr, zi, ci);
    zr = next;
    ++n;
  }
  return n;
}

float Compute(float v) { return v; }
double Compute(double v) { return v; }
float Compute(BF16 v) { return ToFloat(v); }

}  // namespace

void MandelbrotRef(const OpContext&, const TensorView& re, const TensorView& im, int64_t max_iterations,
                   const TensorView& counts) {
  DispatchFloat(re.dtype, [&](auto type) {
    using T = decltype(type);
    int32_t* out = counts.Out<int32_t>();
    for (int64_t h = 0; h < im.numel(); ++h) {
      for (int64_t w = 0; w < re.numel(); ++w) {
        *out++ = Count(Compute(re.In<T>()[w]), Compute(im.In<T>()[h]), max_iterations);
      }
    }
  });
}

}  // namespace strata
