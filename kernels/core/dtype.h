// Element types, their names (numpy's and torch's) and sizes, and bfloat16's conversions.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace strata {

enum class DType : uint8_t { kF32, kBF16, kF64, kI32, kI64, kU8, kBool };
inline constexpr int kNumDTypes = 7;

constexpr size_t SizeOf(DType dtype) {
  constexpr size_t kSizes[kNumDTypes] = {4, 2, 8, 4, 8, 1, 1};
  return kSizes[static_cast<size_t>(dtype)];
}

constexpr std::string_view NameOf(DType dtype) {
  constexpr std::string_view kNames[kNumDTypes] = {"float32", "bfloat16", "float64", "int32", "int64", "uint8", "bool"};
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

}  // namespace strata
