// What this machine can do at best, for tools/bench: bandwidth of each level of the memory and the peaks of its
// arithmetic units. Each function runs its loop on the calling thread for `rounds` times and returns the work done; the
// caller starts threads and looks at the clock.
//
//   const double flops = FmaF32(1000000);
#pragma once

#include <cstddef>
#include <cstdint>

namespace strata::roof {

// roof_simd.cc: any processor. `n` floats, a multiple of 256, 64-byte aligned; the result is bytes.
double Read(const float* p, size_t n, int64_t rounds);
double Triad(const float* a, const float* b, float* c, size_t n, int64_t rounds);             // c = a + 3 b
double TriadNonTemporal(const float* a, const float* b, float* c, size_t n, int64_t rounds);  // past the caches
// Multiplications and additions.
double FmaF32(int64_t rounds);
double FmaF64(int64_t rounds);

// roof_x86.cc: 0 where the processor has no such instruction.
double DotBF16(int64_t rounds);
double DotInt8(int64_t rounds);
double AmxBF16(int64_t rounds);
double AmxInt8(int64_t rounds);

}  // namespace strata::roof
