#include "kernels/base/cpu_features.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#endif

namespace strata {
namespace {

#if defined(__x86_64__)

struct Leaf {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Leaf Ask(uint32_t leaf, uint32_t subleaf) {
  Leaf l;
  if (__get_cpuid_count(leaf, subleaf, &l.eax, &l.ebx, &l.ecx, &l.edx) == 0) return {};
  return l;
}

constexpr bool Bit(uint32_t word, int bit) { return (word >> bit & 1) != 0; }

// Which registers the operating system saves (XCR0).
uint64_t SavedState() {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return static_cast<uint64_t>(high) << 32 | low;
}

// Linux hands out the eight kilobytes of tile registers on request, for all threads of a process.
bool TilesGranted() {
#if defined(SYS_arch_prctl)
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

bool IsAmd() {
  const Leaf l = Ask(0, 0);
  const uint32_t words[3] = {l.ebx, l.edx, l.ecx};
  return std::memcmp(words, "AuthenticAMD", sizeof(words)) == 0;
}

CpuFeatures Detect() {
  CpuFeatures cpu;
  const Leaf one = Ask(1, 0), seven = Ask(7, 0), seven_one = Ask(7, 1);
  if (!Bit(one.ecx, 27)) return cpu;  // no OSXSAVE: no vector registers beyond SSE
  constexpr uint64_t kAvx = 0x6, kAvx512 = 0xe6, kTiles = 0x60000;
  const uint64_t saved = SavedState();
  if ((saved & kAvx) == kAvx) {
    cpu.avx2 = Bit(seven.ebx, 5) && Bit(one.ecx, 12) && Bit(one.ecx, 29);  // AVX2, FMA, F16C
    cpu.avx_vnni = cpu.avx2 && Bit(seven_one.eax, 4);
  }
  if (cpu.avx2 && (saved & kAvx512) == kAvx512) {
    cpu.avx512 = Bit(seven.ebx, 16) && Bit(seven.ebx, 17) && Bit(seven.ebx, 30) && Bit(seven.ebx, 31);
    cpu.avx512_vnni = cpu.avx512 && Bit(seven.ecx, 11);
    cpu.avx512_bf16 = cpu.avx512 && Bit(seven_one.eax, 5);
  }
  const bool tiles = cpu.avx512 && Bit(seven.edx, 24) && (saved & kTiles) == kTiles;
  if (tiles && (Bit(seven.edx, 22) || Bit(seven.edx, 25)) && TilesGranted()) {
    cpu.amx_bf16 = Bit(seven.edx, 22);
    cpu.amx_int8 = Bit(seven.edx, 25);
  }
  cpu.fast_bf16_dot = cpu.avx512_bf16 && IsAmd();
  return cpu;
}

#else

CpuFeatures Detect() { return {}; }

#endif

CpuFeatures& Current() {
  static CpuFeatures features = Detect();
  return features;
}

}  // namespace

const CpuFeatures& Cpu() { return Current(); }

void ScopedCpuFeaturesForTest::Set(const CpuFeatures& features) { Current() = features; }

}  // namespace strata
