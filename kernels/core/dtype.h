// Element types, their names (numpy's and torch's) and sizes, and bfloat16's conversions.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace strata {

// The numbers are in no file; strata.ops.which (research/strata/ops/_which.py) knows their order.
enum class DType : uint8_t { kF32, kBF16, kF64, kI32, kI64, kU8, kBool, kF16, kI8 };
inline constexpr int kNumDTypes = 9;

constexpr size_t SizeOf(DType dtype) {
  constexpr size_t kSizes[kNumDTypes] = {4, 2, 8, 4, 8, 1, 1, 2, 1};
  return kSizes[static_cast<size_t>(dtype)];
}

constexpr std::string_view NameOf(DType dtype) {
  constexpr std::string_view kNames[kNumDTypes] = {"float32", "bfloat16", "float64", "int32", "int64",
                                                   "uint8",   "bool",     "float16", "int8"};
  return kNames[static_cast<size_t>(dtype)];
}

constexpr std::optional<DType> DTypeFromName(std::string_view name) {
  for (int i = 0; i < kNumDTypes; ++i) {
    if (NameOf(static_cast<DType>(i)) == name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

// A set of dtypes, one bit each.
using DTypeSet = uint32_t;
constexpr DTypeSet SetOf(DType dtype) { return DTypeSet{1} << static_cast<int>(dtype); }
constexpr bool Contains(DTypeSet set, DType dtype) { return (set & SetOf(dtype)) != 0; }

// What a dtype is computed in.
constexpr DType WideOf(DType dtype) { return dtype == DType::kF64 ? DType::kF64 : DType::kF32; }

// A bfloat16 value: the upper half of a float32. Arithmetic is done in float32.
struct BF16 {
  uint16_t bits;
};

constexpr float ToFloat(BF16 v) { return std::bit_cast<float>(static_cast<uint32_t>(v.bits) << 16); }

// Rounds to nearest even; a NaN becomes the quiet NaN 0x7fc0.
constexpr BF16 ToBF16(float v) {
  const uint32_t u = std::bit_cast<uint32_t>(v);
  if ((u & 0x7fffffffu) > 0x7f800000u) return BF16{0x7fc0};
  return BF16{static_cast<uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16)};
}

// A float16 value (IEEE binary16): a format of weights. Arithmetic is done in float32, which holds each exactly.
struct F16 {
  uint16_t bits;
};

constexpr float ToFloat(F16 v) {
  const uint32_t sign = uint32_t{v.bits & 0x8000u} << 16, exponent = (v.bits >> 10) & 31u, fraction = v.bits & 0x3ffu;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | (fraction << 13));
  if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
  const float magnitude = static_cast<float>(fraction) * 0x1p-24f;  // zero and the denormals
  return sign != 0 ? -magnitude : magnitude;
}

// Rounds to nearest even; a NaN becomes the quiet NaN 0x7e00.
constexpr F16 ToF16(float v) {
  const uint32_t u = std::bit_cast<uint32_t>(v), magnitude = u & 0x7fffffffu;
  const auto sign = static_cast<uint16_t>((u >> 16) & 0x8000u);
  if (magnitude > 0x7f800000u) return F16{0x7e00};
  if (magnitude >= 0x477ff000u) return F16{static_cast<uint16_t>(sign | 0x7c00u)};
  if (magnitude < 0x38800000u) {
    // Below the smallest normal number: adding 0.5 leaves the rounded multiple of 2^-24 in the low bits.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return F16{static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000u))};
  }
  const uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
  return F16{static_cast<uint16_t>(sign | ((rounded - 0x38000000u) >> 13))};
}

template <class T>
inline constexpr DType kDTypeOf = DType{255};
template <>
inline constexpr DType kDTypeOf<float> = DType::kF32;
template <>
inline constexpr DType kDTypeOf<BF16> = DType::kBF16;
template <>
inline constexpr DType kDTypeOf<double> = DType::kF64;
template <>
inline constexpr DType kDTypeOf<int32_t> = DType::kI32;
template <>
inline constexpr DType kDTypeOf<int64_t> = DType::kI64;
template <>
inline constexpr DType kDTypeOf<uint8_t> = DType::kU8;
template <>
inline constexpr DType kDTypeOf<bool> = DType::kBool;
template <>
inline constexpr DType kDTypeOf<F16> = DType::kF16;
template <>
inline constexpr DType kDTypeOf<int8_t> = DType::kI8;

}  // namespace strata
