// The instruction sets that kernels are compiled for, and a way for tests to force one. Every one gives the same bits.
#pragma once

#include <string>
#include <vector>

namespace strata {

// True where this processor can run the SIMD kernels (AVX2 with FMA, or newer; NEON). Elsewhere the references run.
bool SimdSupported();

// The names of the usable targets, best first ("AVX3", "AVX2").
std::vector<std::string> SimdTargets();

// From now on kernels run as `target`, or, with "", as the best one again. Not thread-safe: for tests and benches.
// False where there is no such target.
bool ForceSimdTargetForTest(const std::string& target);

}  // namespace strata
