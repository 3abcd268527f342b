#include <algorithm>

#include "kernels/base/cpu_features.h"
#include "kernels/dot/bf16_product.h"
#include "kernels/ops/matmul/matmul.h"
#include "kernels/simd/gemm_batch.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

size_t Size(const TensorView& view, int dim) { return static_cast<size_t>(view.size(dim)); }

bool Simd(const Call&) { return SimdSupported(); }
bool Bf16Amx(const Call&) { return Cpu().amx_bf16; }
// With AMX, too, so that the row can be named there: it is never the first.
bool Bf16Dot(const Call&) { return Cpu().avx512_bf16 && (Cpu().fast_bf16_dot || Cpu().amx_bf16); }

std::array<MatmulBatch, 1> Forward(const Call& call) {
  const TensorView &a = call.inputs[0], &b = call.inputs[1];
  return {MatmulBatch(MatmulOperand(a), MatmulOperand(b), Size(a, -1), call.outputs[0])};
}
// Of what is not needed the output is empty.
std::array<MatmulBatch, 2> Backward(const Call& call) {
  const TensorView &grad_c = call.inputs[0], &a = call.inputs[1], &b = call.inputs[2];
  return {MatmulBatch(MatmulOperand(grad_c), MatmulOperand(b, true), Size(grad_c, -1), call.outputs[0]),
          MatmulBatch(MatmulOperand(a, true), MatmulOperand(grad_c), Size(grad_c, -2), call.outputs[1])};
}

template <auto kBatches, auto kRun>
void ForBatches(const OpContext& context, const Call& call) {
  for (const MatmulBatch& batch : kBatches(call)) kRun(context, batch);
}
template <const DotKernel& (*kKernel)()>
void RunBf16(const OpContext& context, const MatmulBatch& batch) {
  MatmulBf16(context, kKernel(), batch);
}

// Of whole products each thread has one at a time.
template <auto kBatches>
size_t MostBytes(const Call& call, int num_threads, auto bytes) {
  size_t most = 0;
  for (const MatmulBatch& batch : kBatches(call)) {
    const bool whole = WholeProducts(batch.batch, num_threads);
    most = std::max(most, whole ? static_cast<size_t>(num_threads) * bytes(batch, 1) : bytes(batch, num_threads));
  }
  return most;
}
template <auto kBatches>
size_t SimdBytes(const Call& call, int num_threads) {
  return MostBytes<kBatches>(call, num_threads, [](const MatmulBatch& batch, int threads) {
    const DType dtype = batch.c->dtype;
    return PlanGemm({batch.m, batch.n, batch.k}, dtype == DType::kF64 ? sizeof(double) : sizeof(float),
                    {.in_place = dtype != DType::kBF16}, threads)
        .bytes();
  });
}
template <auto kBatches, const DotKernel& (*kKernel)()>
size_t Bf16Bytes(const Call& call, int num_threads) {
  return MostBytes<kBatches>(call, num_threads, [](const MatmulBatch& batch, int threads) {
    return Bf16ProductBytes(kKernel(), {batch.m, batch.n, batch.k}, false, threads);
  });
}

constexpr DTypeSet kBf16 = SetOf(DType::kBF16);
template <auto kBatches>
constexpr Variant kRows[] = {
    {.name = "bf16_amx",
     .run = ForBatches<kBatches, RunBf16<Bf16AmxKernel>>,
     .numerics = "bf16-amx",
     .dtypes = kBf16,
     .accepts = Bf16Amx,
     .needs = "AMX-BF16",
     .workspace_bytes = Bf16Bytes<kBatches, Bf16AmxKernel>},
    {.name = "bf16_dot",
     .run = ForBatches<kBatches, RunBf16<Bf16DotKernel>>,
     .numerics = "bf16-dot",
     .dtypes = kBf16,
     .accepts = Bf16Dot,
     .needs = "AVX512-BF16",
     .workspace_bytes = Bf16Bytes<kBatches, Bf16DotKernel>},
    {.name = "simd", .run = ForBatches<kBatches, MatmulCpu>, .accepts = Simd, .workspace_bytes = SimdBytes<kBatches>},
    {.name = "ref", .run = ForBatches<kBatches, MatmulRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::matmul {
constinit const std::array<OpDef, 2> kOps = {{{&kMatmul, kRows<Forward>}, {&kMatmulBackward, kRows<Backward>}}};
}  // namespace ops::matmul

}  // namespace strata
