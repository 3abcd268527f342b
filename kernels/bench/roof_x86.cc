// Dot-product instructions, by target attribute and the processor's own answer to what it has.
#include "kernels/bench/roof.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace strata::roof {
namespace {

constexpr int kChains = 12;

bool Leaf7(unsigned subleaf, char which, int bit) {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid_count(7, subleaf, &a, &b, &c, &d)) return false;
  const unsigned word = which == 'a' ? a : which == 'c' ? c : d;
  return (word >> bit & 1u) != 0;
}

// The system keeps AVX-512's registers over a switch of threads (and g++ 12 cannot be asked about all features).
bool HasAvx512() { return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw"); }

// AMX must be asked for, once a process.
bool HasAmx(int bit) {
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return Leaf7(0, 'd', bit) && syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

template <class V>
__attribute__((always_inline)) inline void Keep(V& v) {
  asm volatile("" : : "r"(&v) : "memory");
}

__attribute__((target("avx512f,avx512bw,avx512bf16"))) double DotBF16Wide(int64_t rounds) {
  __m512 acc[kChains];
  for (auto& v : acc) v = _mm512_setzero_ps();
  const __m512i tiny = _mm512_set1_epi32(0x00800080);
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (int c = 0; c < kChains; ++c) acc[c] = _mm512_dpbf16_ps(acc[c], (__m512bh)tiny, (__m512bh)tiny);
  }
  for (auto& v : acc) Keep(v);
  return 64.0 * kChains * static_cast<double>(rounds);
}

__attribute__((target("avx512f,avx512bw,avx512vnni"))) double DotInt8Wide(int64_t rounds) {
  __m512i acc[kChains];
  for (auto& v : acc) v = _mm512_setzero_si512();
  const __m512i one = _mm512_set1_epi8(1);
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (int c = 0; c < kChains; ++c) acc[c] = _mm512_dpbusd_epi32(acc[c], one, one);
  }
  for (auto& v : acc) Keep(v);
  return 128.0 * kChains * static_cast<double>(rounds);
}

__attribute__((target("avx2,avxvnni"))) double DotInt8Narrow(int64_t rounds) {
  __m256i acc[kChains];
  for (auto& v : acc) v = _mm256_setzero_si256();
  const __m256i one = _mm256_set1_epi8(1);
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (int c = 0; c < kChains; ++c) acc[c] = _mm256_dpbusd_avx_epi32(acc[c], one, one);
  }
  for (auto& v : acc) Keep(v);
  return 64.0 * kChains * static_cast<double>(rounds);
}

struct TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// Four sums, as a kernel that reads two tiles of each matrix has.
__attribute__((target("amx-tile,amx-bf16,amx-int8"))) double Tiles(int64_t rounds, bool int8) {
  alignas(64) const TileConfig config;
  _tile_loadconfig(&config);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_zero(4);
  _tile_zero(5);
  _tile_zero(6);
  _tile_zero(7);
  if (int8) {
    for (int64_t round = 0; round < rounds; ++round) {
      _tile_dpbssd(0, 4, 6);
      _tile_dpbssd(1, 4, 7);
      _tile_dpbssd(2, 5, 6);
      _tile_dpbssd(3, 5, 7);
    }
  } else {
    for (int64_t round = 0; round < rounds; ++round) {
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(1, 4, 7);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
  }
  _tile_release();
  return 4.0 * 2 * 16 * 16 * (int8 ? 64 : 32) * static_cast<double>(rounds);
}

}  // namespace

double DotBF16(int64_t rounds) { return HasAvx512() && Leaf7(1, 'a', 5) ? DotBF16Wide(rounds) : 0; }
double DotInt8(int64_t rounds) {
  if (HasAvx512() && Leaf7(0, 'c', 11)) return DotInt8Wide(rounds);
  return __builtin_cpu_supports("avx2") && Leaf7(1, 'a', 4) ? DotInt8Narrow(rounds) : 0;
}
// A tile multiplication takes 16 cycles: fewer rounds do.
double AmxBF16(int64_t rounds) { return HasAmx(22) ? Tiles(rounds / 8, false) : 0; }
double AmxInt8(int64_t rounds) { return HasAmx(25) ? Tiles(rounds / 8, true) : 0; }

}  // namespace strata::roof

#else

namespace strata::roof {
double DotBF16(int64_t) { return 0; }
double DotInt8(int64_t) { return 0; }
double AmxBF16(int64_t) { return 0; }
double AmxInt8(int64_t) { return 0; }
}  // namespace strata::roof

#endif
