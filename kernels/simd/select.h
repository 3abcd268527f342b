// The order of elements that top_k and sample share: larger numbers first, NaN before all, equal ones by their index.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace strata {

// The elements that are looked at before a row's k best are first told apart.
constexpr size_t SelectCapacity(size_t k, size_t n) { return std::min(n, k + std::max<size_t>(k, 64)); }

// An element's rank as one integer, the best the largest: its place among numbers, then its index, inverted.
template <class F>
struct RankOf;

template <>
struct RankOf<float> {
  using Bits = uint32_t;
  using Key = uint64_t;
  static constexpr Bits kSign = 0x80000000u;
  static constexpr int kIndexBits = 32;

  static constexpr Bits Place(float v) {
    if (v != v) return ~Bits{0};
    const Bits bits = std::bit_cast<Bits>(v + 0.0f);
    return bits & kSign ? ~bits : bits | kSign;
  }
  static constexpr Key Of(float v, size_t index, bool largest) {
    const Bits place = largest ? Place(v) : ~Place(v);
    return Key{place} << kIndexBits | (0xffffffffu - static_cast<uint32_t>(index));
  }
  static constexpr size_t Index(Key key) { return 0xffffffffu - static_cast<uint32_t>(key); }
  static constexpr float Value(Key key, bool largest) {
    const Bits place = largest ? static_cast<Bits>(key >> kIndexBits) : ~static_cast<Bits>(key >> kIndexBits);
    if (place == ~Bits{0}) return std::numeric_limits<float>::quiet_NaN();
    return std::bit_cast<float>(place & kSign ? place ^ kSign : ~place);
  }
};

template <>
struct RankOf<double> {
  using Bits = uint64_t;
  __extension__ typedef unsigned __int128 Key;
  static constexpr Bits kSign = Bits{1} << 63;
  static constexpr int kIndexBits = 64;

  static constexpr Bits Place(double v) {
    if (v != v) return ~Bits{0};
    const Bits bits = std::bit_cast<Bits>(v + 0.0);
    return bits & kSign ? ~bits : bits | kSign;
  }
  static constexpr Key Of(double v, size_t index, bool largest) {
    const Bits place = largest ? Place(v) : ~Place(v);
    return Key{place} << kIndexBits | (~Bits{0} - index);
  }
  static constexpr size_t Index(Key key) { return ~Bits{0} - static_cast<Bits>(key); }
  static constexpr double Value(Key key, bool largest) {
    const Bits place = largest ? static_cast<Bits>(key >> kIndexBits) : ~static_cast<Bits>(key >> kIndexBits);
    if (place == ~Bits{0}) return std::numeric_limits<double>::quiet_NaN();
    return std::bit_cast<double>(place & kSign ? place ^ kSign : ~place);
  }
};

// Rows of this length and longer have indices that a float's rank does not hold.
inline constexpr int64_t kMaxSelectLength = int64_t{1} << 32;

}  // namespace strata
