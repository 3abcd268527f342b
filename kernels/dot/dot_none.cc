// Where there are no such instructions: never chosen (kernels/base/cpu_features.h), but linked.
#include "kernels/base/check.h"
#include "kernels/dot/dot.h"
#include "kernels/dot/dot_pack.h"

namespace strata {
namespace {

constexpr DotKernel kNone = {1, nullptr, nullptr};

}  // namespace

const DotKernel& Bf16DotKernel() { return kNone; }

void PackPanelAvx512(const void*, size_t, size_t, size_t, size_t, size_t, uint32_t*) {
  STRATA_CHECK(false, "no AVX-512");
}
void PackPanelDownBf16(const uint16_t*, size_t, size_t, size_t, size_t, size_t, uint32_t*) {
  STRATA_CHECK(false, "no AVX-512");
}
void PackRowsDownBf16(const uint16_t*, size_t, size_t, size_t, size_t, uint32_t*, size_t) {
  STRATA_CHECK(false, "no AVX-512");
}

}  // namespace strata
