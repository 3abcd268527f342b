// A fingerprint of memory, to see whether a weight that was packed is still the one it was. A change of one element
// always shows; other changes go unseen once in 2^64. Not for strangers' data: collisions can be made on purpose.
//
//   const Fingerprint before = FingerprintOf(parallel, data, bytes);
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "kernels/base/parallel.h"

namespace strata {

// One number for each of up to 16 runs of the memory, so that threads share the work and the answer is the same.
using Fingerprint = std::array<uint64_t, 16>;

// The numbers mean something to one process alone: they depend on its SIMD width.
Fingerprint FingerprintOf(Parallel& parallel, const void* data, size_t bytes);

}  // namespace strata
