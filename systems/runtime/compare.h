// How two tensors of one dtype and shape differ, bit for bit. For golden replay and tests.
//
//   Difference d = Compare(got, want);
//   if (d.count > 0) ... d.first, d.Text(got, want) ...
#pragma once

#include <cstdint>
#include <string>

#include "kernels/core/tensor_view.h"

namespace strata::runtime {

struct Difference {
  int64_t count = 0;     // elements whose bits differ
  int64_t first = -1;    // the first of them
  double largest = 0;    // largest absolute difference; infinite where just one of two is NaN
  uint64_t ulps = 0;     // largest number of steps between neighbouring values; floats alone
  double magnitude = 0;  // largest finite |want|
};

// REQUIRES: contiguous, of equal dtype and sizes.
Difference Compare(const TensorView& got, const TensorView& want);

// "3 of 8 elements differ, the first at [0, 2]: got 0.5, wanted 0.25; at most by 0.25 (8388608 ulp)"
std::string DifferenceText(const Difference& difference, const TensorView& got, const TensorView& want);

// What results of another numerics class may differ by, as a share of the output's largest magnitude. These allow for
// other orders of summation and other roundings through a deep model, not for a wrong one; 0 for integers.
double ClassBound(DType dtype);

}  // namespace strata::runtime
