#include "kernels/core/typed_kernel.h"
#include "kernels/ops/mandelbrot/mandelbrot.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

constexpr Variant kForward[] = {
    {.name = "simd", .run = Typed<kMandelbrot, MandelbrotCpu>, .accepts = Simd, .workspace_bytes = MandelbrotWorkspace},
    {.name = "ref", .run = Typed<kMandelbrot, MandelbrotRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::mandelbrot {
constinit const std::array<OpDef, 1> kOps = {{{&kMandelbrot, kForward}}};
}  // namespace ops::mandelbrot

}  // namespace strata
