#include "kernels/base/cpu_features.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/dot/dot_gemm.h"
#include "kernels/dot/dot_rows.h"
#include "kernels/ops/linear_int8/linear_int8.h"

namespace strata {
namespace {

bool Amx(const Call&) { return Cpu().amx_int8; }
bool Vnni(const Call&) { return Cpu().avx512_vnni; }
bool AvxVnni(const Call&) { return Cpu().avx_vnni; }
bool Avx2(const Call&) { return Cpu().avx2; }

template <const DotKernel& (*kKernel)()>
size_t Workspace(const Call& call, int num_threads) {
  const TensorView &x = call.inputs[0], &weight = call.inputs[1];
  const DotShape shape{static_cast<size_t>(x.rows()), static_cast<size_t>(weight.size(0)),
                       DotSteps(static_cast<size_t>(weight.size(1)), 4)};
  return LinearInt8StartBytes(weight) + DotGemmBytes(shape, weight.prepared != nullptr, kKernel(), num_threads);
}

// A few rows read the weight as it lies in memory.
bool PreparedPays(const Call& call) { return call.inputs[0].rows() > int64_t{kDotFewRows}; }

// All of one class: which one runs is a question of speed.
constexpr Variant kForward[] = {
    {.name = "amx",
     .run = Typed<kLinearInt8, LinearInt8Amx>,
     .numerics = "int8-exact",
     .accepts = Amx,
     .needs = "AMX-INT8",
     .workspace_bytes = Workspace<Int8AmxKernel>},
    {.name = "avx512_vnni",
     .run = Typed<kLinearInt8, LinearInt8Vnni>,
     .numerics = "int8-exact",
     .accepts = Vnni,
     .needs = "AVX512-VNNI",
     .workspace_bytes = Workspace<Int8VnniKernel>},
    {.name = "avx512_vnni_narrow",
     .run = Typed<kLinearInt8, LinearInt8VnniNarrow>,
     .numerics = "int8-exact",
     .accepts = Vnni,
     .needs = "AVX512-VNNI",
     .workspace_bytes = Workspace<Int8VnniNarrowKernel>},
    {.name = "avx_vnni",
     .run = Typed<kLinearInt8, LinearInt8AvxVnni>,
     .numerics = "int8-exact",
     .accepts = AvxVnni,
     .needs = "AVX-VNNI",
     .workspace_bytes = Workspace<Int8AvxVnniKernel>},
    {.name = "avx2",
     .run = Typed<kLinearInt8, LinearInt8Avx2>,
     .numerics = "int8-exact",
     .accepts = Avx2,
     .needs = "AVX2",
     .workspace_bytes = Workspace<Int8Avx2Kernel>},
    {.name = "plain",
     .run = Typed<kLinearInt8, LinearInt8Plain>,
     .numerics = "int8-exact",
     .workspace_bytes = Workspace<Int8PlainKernel>},
    {.name = "ref", .run = Typed<kLinearInt8, LinearInt8Ref>, .numerics = "reference"},
};

}  // namespace

namespace ops::linear_int8 {
constinit const std::array<OpDef, 1> kOps = {
    {{&kLinearInt8,
      kForward,
      {.input = 1, .bytes = LinearInt8PreparedBytes, .run = LinearInt8Prepare, .pays = PreparedPays}}}};
}  // namespace ops::linear_int8

}  // namespace strata
