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
#include "kernels/simd/row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// One state for each of a vector's blocks: four words in the lower halves of 64-bit lanes, so that a product's halves
// are two words where they lie; the upper ones are left over.
template <class D>
struct PhiloxState {
  hn::Vec<D> word[4];
};

// Blocks that are neighbours, from number first[p] on: their words go to out[p], each kPhiloxBlocks after the one
// before. Several at a time hide each other's latency.
template <size_t kPairs, class D>
HWY_INLINE void PhiloxBlocks(D d, uint64_t seed, uint64_t stream, const uint64_t* first, uint32_t* const* out) {
  const hn::Repartition<uint32_t, D> d32;
  const auto count = hn::Iota(d, 0);
  const auto a = hn::Set(d32, kPhiloxMultiplier[0]), b = hn::Set(d32, kPhiloxMultiplier[1]);
  PhiloxState<D> state[kPairs][2];  // the even blocks, the odd ones
  STRATA_UNROLL
  for (size_t p = 0; p < 2 * kPairs; ++p) {
    // A group's blocks share the upper bits: the lower four count within it.
    const auto start = hn::Set(d, first[p / 2] + p % 2);
    state[p / 2][p % 2] = {{hn::Add(start, hn::Add(count, count)), hn::ShiftRight<32>(start), hn::Set(d, stream),
                            hn::Set(d, stream >> 32)}};
  }
  auto k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < kPhiloxRounds; ++round) {
    const auto key0 = hn::Set(d, uint64_t{k0}), key1 = hn::Set(d, uint64_t{k1});
    STRATA_UNROLL
    for (size_t p = 0; p < 2 * kPairs; ++p) {
      auto& word = state[p / 2][p % 2].word;
      const auto by_a = hn::MulEven(hn::BitCast(d32, word[0]), a), by_b = hn::MulEven(hn::BitCast(d32, word[2]), b);
      word[0] = hn::Xor3(hn::ShiftRight<32>(by_b), word[1], key0);
      word[1] = by_b;
      word[2] = hn::Xor3(hn::ShiftRight<32>(by_a), word[3], key1);
      word[3] = by_a;
    }
    k0 += kPhiloxWeyl[0];
    k1 += kPhiloxWeyl[1];
  }
  STRATA_UNROLL
  for (size_t p = 0; p < kPairs; ++p) {
    STRATA_UNROLL
    for (size_t w = 0; w < 4; ++w) {
      const auto upper = hn::BitCast(d32, hn::ShiftLeft<32>(state[p][1].word[w]));
      hn::StoreU(hn::OddEven(upper, hn::BitCast(d32, state[p][0].word[w])), d32, out[p] + kPhiloxBlocks * w);
    }
  }
}

// All 64 words of each of the groups from number `group` on, in the order of their positions.
template <size_t kGroups>
HWY_INLINE void PhiloxGroups(uint64_t seed, uint64_t stream, uint64_t group, uint32_t* HWY_RESTRICT out) {
  const hn::CappedTag<uint64_t, kPhiloxBlocks / 2> d;
  constexpr size_t kStep = 2 * hn::MaxLanes(decltype(d)());
  for (size_t i = 0; i < kPhiloxBlocks; i += kStep) {
    uint64_t first[kGroups];
    uint32_t* to[kGroups];
    for (size_t g = 0; g < kGroups; ++g) {
      first[g] = (group + g) * kPhiloxBlocks + i;
      to[g] = out + g * kPhiloxGroup + i;
    }
    PhiloxBlocks<kGroups>(d, seed, stream, first, to);
  }
}

// out[i] = PhiloxBits(seed, stream, first + i) for i in [0, count).
HWY_INLINE void FillPhilox(uint64_t seed, uint64_t stream, uint64_t first, size_t count, uint32_t* HWY_RESTRICT out) {
  while (count > 0) {
    const size_t skip = first % kPhiloxGroup;
    size_t taken = std::min<size_t>(count, kPhiloxGroup - skip);
    if (skip == 0 && count >= 2 * kPhiloxGroup) {
      taken = 2 * kPhiloxGroup;
      PhiloxGroups<2>(seed, stream, first / kPhiloxGroup, out);
    } else if (taken == kPhiloxGroup) {
      PhiloxGroups<1>(seed, stream, first / kPhiloxGroup, out);
    } else {
      uint32_t words[kPhiloxGroup];
      PhiloxGroups<1>(seed, stream, first / kPhiloxGroup, words);
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
