#include "kernels/core/typed_kernel.h"
#include "kernels/ops/rotary/rotary.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

// A row of both tables for every thread, two numbers for an angle.
size_t SpreadRows(const Call& call, int num_threads) {
  return static_cast<size_t>(num_threads) * 4 * static_cast<size_t>(call.inputs[1].size(1)) * sizeof(double);
}

constexpr Variant kForward[] = {
    {.name = "simd", .run = Typed<kRotary, RotaryCpu>, .accepts = Simd, .workspace_bytes = SpreadRows},
    {.name = "ref", .run = Typed<kRotary, RotaryRef>, .numerics = "reference"},
};
constexpr Variant kBackward[] = {
    {.name = "simd", .run = Typed<kRotaryBackward, RotaryBackwardCpu>, .accepts = Simd, .workspace_bytes = SpreadRows},
    {.name = "ref", .run = Typed<kRotaryBackward, RotaryBackwardRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::rotary {
constinit const std::array<OpDef, 2> kOps = {{{&kRotary, kForward}, {&kRotaryBackward, kBackward}}};
}  // namespace ops::rotary

}  // namespace strata
