// An angle of any size as a quarter turn and a rest, exact to more than a double's digits (Payne and Hanek, "Radian
// reduction for trigonometric functions", 1983): for the few angles beyond what trig-inl.h reduces in vectors.
//
//   double high, low;
//   const int quarter = ReduceAngle(1e300, &high, &low);  // x = (4 n + quarter) pi / 2 + high + low
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace strata {

// 64 zero bits, then those of 2 / pi after the point.
inline constexpr uint64_t kTwoOverPi[20] = {
    0x0000000000000000u, 0xa2f9836e4e441529u, 0xfc2757d1f534ddc0u, 0xdb6295993c439041u, 0xfe5163abdebbc561u,
    0xb7246e3a424dd2e0u, 0x06492eea09d1921cu, 0xfe1deb1cb129a73eu, 0xe88235f52ebb4484u, 0xe99c7026b45f7e41u,
    0x3991d639835339f4u, 0x9c845f8bbdf9283bu, 0x1ff897ffde05980fu, 0xef2f118b5a0a6d1fu, 0x6d367ecf27cb09b7u,
    0x4f463f669e5fea2du, 0x7527bac7ebe5f17bu, 0x3d0739f78a5292eau, 0x6bfb5fb11f8d5d08u, 0x56033046fc7b6babu};

// REQUIRES: x is finite and 2^26 or more in size.
inline int ReduceAngle(double x, double* high, double* low) {
  const uint64_t bits = std::bit_cast<uint64_t>(x);
  const int exponent = static_cast<int>(bits >> 52 & 2047) - 1075;  // |x| = m 2^exponent with m of 53 bits
  const uint64_t m = (bits & ((uint64_t{1} << 52) - 1)) | uint64_t{1} << 52;
  // Bits of 2 / pi that make multiples of 4 are left out; 192 of them follow.
  const int skip = exponent - 2 + 64, word = skip / 64, shift = skip % 64;
  uint64_t w[3];
  for (int i = 0; i < 3; ++i) {
    w[i] = kTwoOverPi[word + i] << shift | (shift != 0 ? kTwoOverPi[word + i + 1] >> (64 - shift) : 0);
  }
  // p = m * w modulo 2^192: 2 bits of the quarter, then the fraction of one.
  __extension__ using Wide = unsigned __int128;
  Wide sum = Wide{m} * w[2];
  uint64_t p[3];
  p[2] = static_cast<uint64_t>(sum);
  sum = (sum >> 64) + Wide{m} * w[1];
  p[1] = static_cast<uint64_t>(sum);
  p[0] = static_cast<uint64_t>(sum >> 64) + m * w[0];
  int quarter = static_cast<int>(p[0] >> 62);
  // The fraction alone, at the top; above one half it counts back from the next quarter.
  p[0] = p[0] << 2 | p[1] >> 62;
  p[1] = p[1] << 2 | p[2] >> 62;
  p[2] <<= 2;
  const bool negative = p[0] >> 63;
  if (negative) {
    ++quarter;
    p[2] = 0 - p[2];
    p[1] = ~p[1] + (p[2] == 0);
    p[0] = ~p[0] + (p[2] == 0 && p[1] == 0);
  }
  int zeros = std::countl_zero(p[0]);
  if (zeros == 64) {
    p[0] = p[1], p[1] = p[2], p[2] = 0;
    zeros = 64 + std::countl_zero(p[0]);
  }
  const int up = zeros % 64;
  const uint64_t first = up != 0 ? p[0] << up | p[1] >> (64 - up) : p[0];
  const uint64_t second = up != 0 ? p[1] << up | p[2] >> (64 - up) : p[1];
  // 53 bits and the next 53: both are doubles.
  double a = std::ldexp(static_cast<double>(first >> 11), -53 - zeros);
  double b = std::ldexp(static_cast<double>((first & 2047) << 42 | second >> 22), -106 - zeros);
  if (negative != (x < 0)) a = -a, b = -b;
  if (x < 0) quarter = -quarter;
  constexpr double kHigh = 0x1.921fb54442d18p+0, kLow = 0x1.1a62633145c07p-54;  // pi / 2
  *high = a * kHigh;
  *low = std::fma(a, kHigh, -*high) + (a * kLow + b * kHigh);
  return quarter & 3;
}

}  // namespace strata
