#include <string>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/sgd/sgd.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

Status CheckState(Call& call) {
  if (call.lists[2].empty()) return {};
  const DType param = call.lists[0][0].dtype, state = call.lists[2][0].dtype;
  if (state == param || (param == DType::kBF16 && state == DType::kF32)) return {};
  return InvalidArgument("momentum_buffers[0] has dtype " + std::string(NameOf(state)) + ", wanted " +
                         std::string(NameOf(param)) + " as params" + (param == DType::kBF16 ? ", or float32" : ""));
}

constexpr Variant kRows[] = {
    {.name = "simd", .run = Typed<kSgd, SgdCpu>, .accepts = Simd},
    {.name = "ref", .run = Typed<kSgd, SgdRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::sgd {
constinit const std::array<OpDef, 1> kOps = {{{.schema = &kSgd, .variants = kRows, .infer = CheckState}}};
}  // namespace ops::sgd

}  // namespace strata
