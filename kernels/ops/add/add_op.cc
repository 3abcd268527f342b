#include "kernels/core/typed_kernel.h"
#include "kernels/ops/add/add.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

constexpr Variant kForward[] = {
    {.name = "simd", .run = Typed<kAdd, AddCpu>, .accepts = Simd},
    {.name = "ref", .run = Typed<kAdd, AddRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::add {
constinit const std::array<OpDef, 1> kOps = {{{&kAdd, kForward}}};
}  // namespace ops::add

}  // namespace strata
