// What the dot-product classes compute, one operation at a time: for tests.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "kernels/core/dtype.h"

namespace strata {

// A denormal number as zero, its sign kept.
inline float Flushed(float v) {
  const uint32_t bits = std::bit_cast<uint32_t>(v);
  return (bits & 0x7f800000u) == 0 ? std::bit_cast<float>(bits & 0x80000000u) : v;
}

// bf16-dot: k is cut into pairs and padded with zeros; in a pair the second product is added first.
template <class A, class B>
float SumBf16Dot(int64_t k, A a, B b) {
  const auto add = [&](float sum, int64_t i) {
    return i < k ? Flushed(std::fma(Flushed(ToFloat(a(i))), Flushed(ToFloat(b(i))), sum)) : sum + 0.0f;
  };
  float sum = 0;
  for (int64_t i = 0; i < k; i += 2) sum = add(add(sum, i + 1), i);
  return sum;
}

}  // namespace strata
