// Where there are no such instructions: never chosen (kernels/base/cpu_features.h), but linked.
#include "kernels/base/check.h"
#include "kernels/dot/bf16_product.h"
#include "kernels/dot/dot.h"
#include "kernels/dot/dot_pack.h"

namespace strata {
namespace {

constexpr DotKernel kNone = {.tile_rows = 1, .tile = nullptr};

}  // namespace

const DotKernel& Bf16DotKernel() { return kNone; }
const DotKernel& Bf16DotNarrowKernel() { return kNone; }
const DotKernel& Bf16AmxKernel() { return kNone; }
const DotKernel& Int8AmxKernel() { return kNone; }
const DotKernel& Int8VnniKernel() { return kNone; }
const DotKernel& Int8VnniNarrowKernel() { return kNone; }
const DotKernel& Int8AvxVnniKernel() { return kNone; }
const DotKernel& Int8Avx2Kernel() { return kNone; }

void PackPanelAvx512(const void*, size_t, size_t, size_t, size_t, size_t, uint32_t*) {
  STRATA_CHECK(false, "no AVX-512");
}
void PackPanelDownBf16(const uint16_t*, size_t, size_t, size_t, size_t, size_t, uint32_t*) {
  STRATA_CHECK(false, "no AVX-512");
}
void PackRowsDownBf16(const uint16_t*, size_t, size_t, size_t, size_t, uint32_t*, size_t) {
  STRATA_CHECK(false, "no AVX-512");
}

void StoreBf16Sums(const DotSums&, uint16_t*, size_t) { STRATA_CHECK(false, "no AVX512-BF16"); }

}  // namespace strata
