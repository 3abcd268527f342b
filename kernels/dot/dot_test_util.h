// What the dot-product classes compute, one operation at a time: for tests.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
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

// bf16-amx: what TDPBF16PS adds to `sum` for a group of up to 32 steps along k, an even number. The even products and
// the odd ones are summed apart, in order, then added (Intel's manual, volume 2, TDPBF16PS).
inline float AddGroupAmx(float sum, const uint16_t* a, const uint16_t* b, size_t k) {
  float parts[2] = {};
  for (size_t i = 0; i < k; ++i) {
    const float x = Flushed(ToFloat(BF16{a[i]})), y = Flushed(ToFloat(BF16{b[i]}));
    parts[i % 2] = Flushed(std::fma(x, y, parts[i % 2]));
  }
  return Flushed(Flushed(sum) + Flushed(parts[0] + parts[1]));
}

}  // namespace strata
