#include <cmath>
#include <numbers>

#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/gelu/gelu.h"

namespace strata {
namespace {

constexpr double kRootTwoOverPi = 0.79788456080286535588;
constexpr double kBell = 0.39894228040143267794;  // the normal density at 0: 1 / sqrt(2 pi)

double TanhOf(double x) { return std::tanh(kRootTwoOverPi * (x + 0.044715 * x * x * x)); }

// The normal distribution's Phi.
double Cumulative(double x) { return 0.5 * (1 + std::erf(x / std::numbers::sqrt2)); }

double Slope(double x, GeluApproximation approximate) {
  if (approximate == GeluApproximation::kNone) {
    return Cumulative(x) + x * std::exp(-0.5 * x * x) * kBell;
  }
  const double t = TanhOf(x);
  return 0.5 * (1 + t + x * (1 - t * t) * kRootTwoOverPi * (1 + 3 * 0.044715 * x * x));
}

}  // namespace

void GeluRef(const OpContext&, const TensorView& x, GeluApproximation approximate, const TensorView& y) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    for (int64_t i = 0, n = x.numel(); i < n; ++i) {
      const double v = ToDouble(x.In<T>()[i]);
      y.Out<T>()[i] =
          FromDouble<T>(approximate == GeluApproximation::kNone ? v * Cumulative(v) : 0.5 * v * (1 + TanhOf(v)));
    }
  });
}

void GeluBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& x, GeluApproximation approximate,
                     const TensorView& grad_x) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    for (int64_t i = 0, n = x.numel(); i < n; ++i) {
      grad_x.Out<T>()[i] = FromDouble<T>(ToDouble(grad_y.In<T>()[i]) * Slope(ToDouble(x.In<T>()[i]), approximate));
    }
  });
}

}  // namespace strata
