#include "kernels/base/cpu_features.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/dot/dot_rows.h"
#include "kernels/ops/linear_int4/linear_int4.h"

namespace strata {
namespace {

bool Vnni(const Call&) { return Cpu().avx512_vnni; }
bool Avx2(const Call&) { return Cpu().avx2; }

size_t Workspace(const Call& call, int num_threads) {
  return PlanLinearInt4(call.inputs[0], call.inputs[1], call.attrs[0].i).bytes(num_threads);
}

// A few rows read the weight as it lies in memory.
bool PreparedPays(const Call& call) { return call.inputs[0].rows() > int64_t{kDotFewRows} || !Cpu().avx2; }

// All of one class: sums of bytes are exact, and groups are added in order.
constexpr DTypeSet kNarrow = SetOf(DType::kF32) | SetOf(DType::kBF16);
constexpr Variant kForward[] = {
    {.name = "avx512_vnni",
     .run = Typed<kLinearInt4, LinearInt4Vnni>,
     .numerics = "int8-exact",
     .dtypes = kNarrow,
     .accepts = Vnni,
     .needs = "AVX512-VNNI",
     .workspace_bytes = Workspace},
    {.name = "avx2",
     .run = Typed<kLinearInt4, LinearInt4Avx2>,
     .numerics = "int8-exact",
     .dtypes = kNarrow,
     .accepts = Avx2,
     .needs = "AVX2",
     .workspace_bytes = Workspace},
    {.name = "plain",
     .run = Typed<kLinearInt4, LinearInt4Plain>,
     .numerics = "int8-exact",
     .workspace_bytes = Workspace},
    {.name = "ref", .run = Typed<kLinearInt4, LinearInt4Ref>, .numerics = "reference"},
};

}  // namespace

namespace ops::linear_int4 {
constinit const std::array<OpDef, 1> kOps = {
    {{&kLinearInt4,
      kForward,
      {.input = 1, .bytes = LinearInt4PreparedBytes, .run = LinearInt4Prepare, .pays = PreparedPays}}}};
}  // namespace ops::linear_int4

}  // namespace strata
