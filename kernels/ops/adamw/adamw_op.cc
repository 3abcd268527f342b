#include <string>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/adamw/adamw.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

Status CheckState(Call& call) {
  const DType param = call.lists[0][0].dtype, state = call.lists[2][0].dtype;
  if (state == param || (param == DType::kBF16 && state == DType::kF32)) return {};
  return InvalidArgument("exp_avgs[0] has dtype " + std::string(NameOf(state)) + ", wanted " +
                         std::string(NameOf(param)) + " as params" + (param == DType::kBF16 ? ", or float32" : ""));
}

constexpr Variant kRows[] = {
    {.name = "simd", .run = Typed<kAdamW, AdamWCpu>, .accepts = Simd},
    {.name = "ref", .run = Typed<kAdamW, AdamWRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::adamw {
constinit const std::array<OpDef, 1> kOps = {{{.schema = &kAdamW, .variants = kRows, .infer = CheckState}}};
}  // namespace ops::adamw

}  // namespace strata
