// Philox for vectors: the bits of philox.h, many positions at a time. Included once per SIMD target.
//
//   uint32_t bits[256];
//   FillPhilox(seed, stream, first, 256, bits);               // bits[i] = PhiloxBits(seed, stream, first + i)
//   const auto u = UniformFloats(d, hn::LoadU(du, bits + i));  // multiples of 2^-24 in [0, 1)
//
// Fast where `first` and the count are multiples of 64 (kPhiloxGroup): a part of a group costs as much as the whole.
#if defined(STRATA_KERNELS_SIMD_PHILOX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_PHILOX_INL_H_
#undef STRATA_KERNELS_SIMD_PHILOX_INL_H_
#else
#define STRATA_KERNELS_SIMD_PHILOX_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/simd/philox.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The upper and lower halves of the 64-bit products of every lane with `factor`.
template <class D>
HWY_INLINE void MulWide(D d, hn::Vec<D> v, hn::Vec<D> factor, hn::Vec<D>* high, hn::Vec<D>* low) {
  const hn::RepartitionToWide<D> dw;
  const auto even = hn::MulEven(v, factor);
  const auto odd = hn::MulEven(hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(dw, v))), factor);
  *high = hn::OddEven(hn::BitCast(d, odd), hn::BitCast(d, hn::ShiftRight<32>(even)));
  *low = hn::OddEven(hn::BitCast(d, hn::ShiftLeft<32>(odd)), hn::BitCast(d, even));
}

// All 64 words of group number `group`, in the order of their positions.
HWY_INLINE void PhiloxGroup(uint64_t seed, uint64_t stream, uint64_t group, uint32_t* HWY_RESTRICT out) {
  const hn::CappedTag<uint32_t, kPhiloxBlocks> d;
  using V = hn::Vec<decltype(d)>;
  constexpr size_t kLanes = hn::MaxLanes(decltype(d)());
  const V a = hn::Set(d, kPhiloxMultiplier[0]), b = hn::Set(d, kPhiloxMultiplier[1]);
  const uint64_t block = group * kPhiloxBlocks;
  for (size_t i = 0; i < kPhiloxBlocks; i += kLanes) {
    // A group's blocks share the upper bits: the lower four count within it.
    V c0 = hn::Add(hn::Set(d, static_cast<uint32_t>(block)), hn::Iota(d, static_cast<uint32_t>(i)));
    V c1 = hn::Set(d, static_cast<uint32_t>(block >> 32)), c2 = hn::Set(d, static_cast<uint32_t>(stream)),
      c3 = hn::Set(d, static_cast<uint32_t>(stream >> 32));
    uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
    for (int round = 0; round < kPhiloxRounds; ++round) {
      V high_a, low_a, high_b, low_b;
      MulWide(d, c0, a, &high_a, &low_a);
      MulWide(d, c2, b, &high_b, &low_b);
      c0 = hn::Xor(hn::Xor(high_b, c1), hn::Set(d, k0));
      c1 = low_b;
      c2 = hn::Xor(hn::Xor(high_a, c3), hn::Set(d, k1));
      c3 = low_a;
      k0 += kPhiloxWeyl[0];
      k1 += kPhiloxWeyl[1];
    }
    hn::StoreU(c0, d, out + i);
    hn::StoreU(c1, d, out + kPhiloxBlocks + i);
    hn::StoreU(c2, d, out + 2 * kPhiloxBlocks + i);
    hn::StoreU(c3, d, out + 3 * kPhiloxBlocks + i);
  }
}

// out[i] = PhiloxBits(seed, stream, first + i) for i in [0, count).
HWY_INLINE void FillPhilox(uint64_t seed, uint64_t stream, uint64_t first, size_t count, uint32_t* HWY_RESTRICT out) {
  while (count > 0) {
    const size_t skip = first % kPhiloxGroup;
    const size_t taken = std::min<size_t>(count, kPhiloxGroup - skip);
    if (taken == kPhiloxGroup) {
      PhiloxGroup(seed, stream, first / kPhiloxGroup, out);
    } else {
      uint32_t words[kPhiloxGroup];
      PhiloxGroup(seed, stream, first / kPhiloxGroup, words);
      std::memcpy(out, words + skip, taken * sizeof(uint32_t));
    }
    first += taken;
    out += taken;
    count -= taken;
  }
}

// UniformFloat of every lane.
template <class DF>
HWY_INLINE hn::Vec<DF> UniformFloats(DF d, hn::Vec<hn::RebindToUnsigned<DF>> bits) {
  const hn::RebindToSigned<DF> di;
  return hn::Mul(hn::ConvertTo(d, hn::BitCast(di, hn::ShiftRight<8>(bits))), hn::Set(d, 0x1p-24f));
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
