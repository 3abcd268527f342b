#include "kernels/simd/targets.h"

#include <hwy/highway.h>
#include <hwy/targets.h>

namespace strata {
namespace {

// SSE4 and older have no fused multiply-add, so they cannot give the same bits: kernels are not built for them.
constexpr int64_t kUsable = HWY_AVX2 | HWY_AVX3 | HWY_AVX3_DL | HWY_NEON;

int64_t Usable() {
  hwy::SetSupportedTargetsForTest(0);  // 0: ask the processor
  return hwy::SupportedTargets() & kUsable & (HWY_TARGETS | HWY_AVX2 | HWY_AVX3);
}

}  // namespace

bool SimdSupported() {
  static const bool supported = (hwy::SupportedTargets() & kUsable) != 0;
  return supported;
}

std::vector<std::string> SimdTargets() {
  std::vector<std::string> names;
  // Highway gives better targets lower bits.
  for (int64_t left = Usable() & ~int64_t{HWY_AVX3_DL}; left != 0; left &= left - 1) {
    names.emplace_back(hwy::TargetName(left & -left));
  }
  return names;
}

bool ForceSimdTargetForTest(const std::string& target) {
  const int64_t usable = Usable();
  int64_t mask = 0;
  for (int64_t left = usable; left != 0; left &= left - 1) {
    if (target.empty() || target == hwy::TargetName(left & -left)) mask |= left & -left;
  }
  if (mask == 0) return false;
  if (!target.empty()) hwy::SetSupportedTargetsForTest(mask);
  hwy::GetChosenTarget().Update(mask);
  return true;
}

}  // namespace strata
