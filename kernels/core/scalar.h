// One element at a time: how the references (`<op>_ref.cc`) read and write, in double whatever the dtype.
#pragma once

#include "kernels/core/dtype.h"

namespace strata {

inline double ToDouble(float v) { return v; }
inline double ToDouble(double v) { return v; }
inline double ToDouble(BF16 v) { return ToFloat(v); }
inline double ToDouble(F16 v) { return ToFloat(v); }

template <class T>
T FromDouble(double v) {
  return static_cast<T>(v);
}
template <>
inline BF16 FromDouble<BF16>(double v) {
  return ToBF16(static_cast<float>(v));
}

}  // namespace strata
