// The functions of libhwy that kernels call, for programs that are one static file: distributions have libhwy as a
// shared library alone. Which targets run never changes a result, only its speed.
#include <hwy/highway.h>
#include <hwy/targets.h>

namespace hwy {
namespace {

int64_t for_test = 0;

int64_t Detect() {
  int64_t targets = HWY_ENABLED_BASELINE;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("sse4.2")) return targets;
  targets |= HWY_SSSE3 | HWY_SSE4;
  // What Highway asks for; the check of AVX includes the operating system's part.
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
                    __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("f16c") && __builtin_cpu_supports("lzcnt");
  if (!avx2) return targets;
  targets |= HWY_AVX2;
  const bool avx3 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512cd");
  if (avx3) targets |= HWY_AVX3;
#endif
  return targets;
}

}  // namespace

int64_t SupportedTargets() {
  static const int64_t detected = Detect();
  return for_test != 0 ? for_test : detected;
}

void SetSupportedTargetsForTest(int64_t targets) { for_test = targets; }

ChosenTarget& GetChosenTarget() {
  static ChosenTarget chosen;
  return chosen;
}

}  // namespace hwy
