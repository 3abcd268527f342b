// What the files for x86's dot products include before they turn on their instructions. Code that is shared with other
// files (the standard library's templates) must not be compiled for them: the linker keeps one copy for all.
#pragma once

#include <hwy/base.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "kernels/dot/dot.h"

#define STRATA_AVX512 "avx2,fma,f16c,prfchw,avx512f,avx512bw,avx512dq,avx512vl"
#define STRATA_DOT_INLINE __attribute__((always_inline)) inline

// g++ 12 takes the undefined vectors within its own intrinsics for a mistake of ours.
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
