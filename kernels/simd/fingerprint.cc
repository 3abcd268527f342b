#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/fingerprint.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target
#include <hwy/highway.h>

#include <algorithm>
#include <cstring>

#include "kernels/simd/fingerprint.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// One step of a lane. Every operation can be undone, so a change of one word cannot be lost; the rotation takes high
// bits (signs) down, where the product spreads them.
template <class D>
HWY_INLINE hn::Vec<D> Mix(D d, hn::Vec<D> state, hn::Vec<D> word) {
  return hn::Mul(hn::RotateRight<15>(hn::Xor(state, word)), hn::Set(d, 0x9E3779B1u));
}

uint64_t FingerprintRun(const uint8_t* data, size_t bytes) {
  const hn::ScalableTag<uint32_t> d;
  constexpr size_t kVectors = 8, kVectorBytes = hn::MaxLanes(d) * sizeof(uint32_t);
  hn::Vec<decltype(d)> state[kVectors];
  for (size_t v = 0; v < kVectors; ++v) state[v] = hn::Iota(d, static_cast<uint32_t>(v * 1000003));
  size_t i = 0;
  for (; i + kVectors * kVectorBytes <= bytes; i += kVectors * kVectorBytes) {
    for (size_t v = 0; v < kVectors; ++v) {
      state[v] = Mix(d, state[v], hn::LoadU(d, reinterpret_cast<const uint32_t*>(data + i + v * kVectorBytes)));
    }
  }
  for (size_t v = 0; i < bytes; ++v, i += kVectorBytes) {
    HWY_ALIGN uint32_t words[hn::MaxLanes(d)] = {};
    std::memcpy(words, data + i, std::min(kVectorBytes, bytes - i));
    state[v] = Mix(d, state[v], hn::Load(d, words));
  }
  for (size_t v = 1; v < kVectors; ++v) state[0] = Mix(d, state[0], state[v]);
  HWY_ALIGN uint64_t words[hn::MaxLanes(d) / 2];
  hn::Store(state[0], d, reinterpret_cast<uint32_t*>(words));
  uint64_t hash = bytes;
  for (const uint64_t word : words) hash = (hash ^ word ^ (hash >> 29)) * 0xBF58476D1CE4E5B9u;
  return hash;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(FingerprintRun);

Fingerprint FingerprintOf(Parallel& parallel, const void* data, size_t bytes) {
  // Runs of 64 KiB or more, and of whole cache lines.
  const size_t runs = std::clamp<size_t>(bytes >> 16, 1, Fingerprint().size());
  const size_t lines = bytes / 64;
  Fingerprint out = {};
  ParallelChunks(parallel, static_cast<int64_t>(runs), 4, [&](int, int64_t begin, int64_t end) {
    for (auto run = static_cast<size_t>(begin); run < static_cast<size_t>(end); ++run) {
      const size_t first = lines * run / runs * 64, last = run + 1 == runs ? bytes : lines * (run + 1) / runs * 64;
      out[run] = HWY_DYNAMIC_DISPATCH(FingerprintRun)(static_cast<const uint8_t*>(data) + first, last - first);
    }
  });
  return out;
}

}  // namespace strata
#endif  // HWY_ONCE
