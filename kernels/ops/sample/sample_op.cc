#include "kernels/core/typed_kernel.h"
#include "kernels/ops/sample/sample.h"
#include "kernels/simd/select.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call& call) { return SimdSupported() && call.inputs[0].size(1) < kMaxSelectLength; }
size_t Workspace(const Call& call, int num_threads) { return static_cast<size_t>(num_threads) * SampleBytes(call); }

constexpr Variant kForward[] = {
    {.name = "simd", .run = Typed<kSample, SampleCpu>, .accepts = Simd, .workspace_bytes = Workspace},
    {.name = "ref", .run = Typed<kSample, SampleRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::sample {
constinit const std::array<OpDef, 1> kOps = {{{&kSample, kForward}}};
}  // namespace ops::sample

}  // namespace strata
