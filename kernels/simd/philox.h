// Random bits as a pure function of (seed, stream, position): Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel
// random numbers: as easy as 1, 2, 3", SC 2011). There is no state, so a draw cannot depend on threads, batch or what
// was drawn before.
//
//   const uint32_t bits = PhiloxBits(seed, stream, position);  // 32 random bits
//   const float u = UniformFloat(bits);                         // in [0, 1)
//
// `seed` is the key. `stream` tells uses of one seed apart (the number of an op in a program, the row of a batch's
// request); `position` counts the elements. A Philox block gives four words: the positions come in groups of 64 =
// 16 blocks, and word w of block b of group g belongs to position 64 g + 16 w + b. (So vectors of blocks are vectors of
// positions at every SIMD width: philox-inl.h.) Not for cryptography.
#pragma once

#include <array>
#include <cstdint>

namespace strata {

inline constexpr uint32_t kPhiloxMultiplier[2] = {0xD2511F53u, 0xCD9E8D57u};
inline constexpr uint32_t kPhiloxWeyl[2] = {0x9E3779B9u, 0xBB67AE85u};
inline constexpr int kPhiloxRounds = 10;
// Positions in a group, and the blocks that it takes.
inline constexpr uint64_t kPhiloxGroup = 64, kPhiloxBlocks = 16;

// The generator itself.
constexpr std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < kPhiloxRounds; ++round) {
    const uint64_t a = uint64_t{kPhiloxMultiplier[0]} * counter[0], b = uint64_t{kPhiloxMultiplier[1]} * counter[2];
    counter = {static_cast<uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(b),
               static_cast<uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(a)};
    key[0] += kPhiloxWeyl[0];
    key[1] += kPhiloxWeyl[1];
  }
  return counter;
}

// Four words of one block of a stream.
constexpr std::array<uint32_t, 4> PhiloxBlock(uint64_t seed, uint64_t stream, uint64_t block) {
  return Philox4x32({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), static_cast<uint32_t>(stream),
                     static_cast<uint32_t>(stream >> 32)},
                    {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
}

constexpr uint32_t PhiloxBits(uint64_t seed, uint64_t stream, uint64_t position) {
  const uint64_t in_group = position % kPhiloxGroup;
  const uint64_t block = position / kPhiloxGroup * kPhiloxBlocks + in_group % kPhiloxBlocks;
  return PhiloxBlock(seed, stream, block)[in_group / kPhiloxBlocks];
}

// Multiples of 2^-24 in [0, 1), each as likely.
constexpr float UniformFloat(uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1p-24f; }

// Multiples of 2^-53 in [0, 1), from two words.
constexpr double UniformDouble(uint32_t high, uint32_t low) {
  return static_cast<double>((uint64_t{high} << 32 | low) >> 11) * 0x1p-53;
}

}  // namespace strata
