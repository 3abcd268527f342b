// The reductions and their gradients in plain loops and double, over elements that lie `step` apart: what the
// references of reduce and reduce_outer are made of.
#pragma once

#include <cmath>
#include <limits>

#include "kernels/core/scalar.h"
#include "kernels/simd/reduction.h"

namespace strata {

template <class T>
double MeanRef(const T* x, int64_t n, int64_t step) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += ToDouble(x[i * step]);
  return sum / static_cast<double>(n);
}

template <class T>
double ReduceElementsRef(const T* x, int64_t n, int64_t step, Reduction operation, int64_t correction) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  double sum = 0, most = -kInfinity, least = kInfinity, squares = 0, around = 0;
  const double mean = MeanRef(x, n, step);
  for (int64_t i = 0; i < n; ++i) {
    const double v = ToDouble(x[i * step]);
    sum += v;
    squares += v * v;
    around += (v - mean) * (v - mean);
    if (!(v <= most)) most = std::isnan(most) ? most : v;
    if (!(v >= least)) least = std::isnan(least) ? least : v;
  }
  const double results[] = {sum, mean, most, least, squares, around / VarianceDivisor(n, correction)};
  return operation == Reduction::kStd ? std::sqrt(results[5]) : results[static_cast<int>(operation)];
}

template <class T>
void ReduceGradientRef(double grad, const T* x, double y, int64_t n, int64_t step, Reduction operation,
                       int64_t correction, T* out) {
  const double divisor = VarianceDivisor(n, correction), mean = MeanRef(x, n, step);
  double equal = 0;
  for (int64_t i = 0; i < n; ++i) equal += ToDouble(x[i * step]) == y;
  for (int64_t i = 0; i < n; ++i) {
    const double v = ToDouble(x[i * step]);
    const double grads[] = {
        grad,         grad / static_cast<double>(n),   (v == y ? grad : 0) / equal,      (v == y ? grad : 0) / equal,
        2 * v * grad, 2 * grad / divisor * (v - mean), grad / (y * divisor) * (v - mean)};
    out[i * step] = FromDouble<T>(grads[static_cast<int>(operation)]);
  }
}

}  // namespace strata
