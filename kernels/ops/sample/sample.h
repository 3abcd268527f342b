// Drawing a token from each row of logits, the same one whatever else is in the batch.
//
// A row's token is a function of its logits, options, seed and position alone. In F, what the logits are computed in:
//  1. A temperature that is not above 0, or a row whose maximum is not finite: the first of the largest logits
//  (argmax).
//  2. z = logit / temperature, e = exp(z - max z). Tokens are ranked by their logits, larger first, equal ones by
//  number.
//  3. u = UniformDouble(w0, w1) in [0, 1) of PhiloxBlock(seed, kSampleStream, position) (kernels/simd/philox.h).
//  4. Without top_k and top_p: tokens in blocks of kSampleBlock, a block's weight the sum of its e in 64 virtual lanes;
//     double C(b) = the sum, in order, of the weights before block b; total = C(all). With r = u total, the block is
//     the last with C(b) <= r that has weight, and from C(b) on the e are added one by one in double: the token is the
//     first whose sum is above r (the block's last with e > 0 where rounding leaves none).
//  5. Otherwise in order of rank: top_k (above 0) keeps that many, and top_p (below 1) of those the fewest first ones
//     whose e add up to top_p times the total: the sum of the kept e in order of rank, or, without top_k, the total
//     of 4. At least one stays. With S the sum of the e that stay, the token is the first whose sum is above u S.
#pragma once

#include <array>

#include "kernels/core/op_def.h"

namespace strata {

inline constexpr size_t kSampleBlock = 1024;
inline constexpr uint64_t kSampleStream = 0x73616d706c65;  // "sample": apart from other uses of the same seed

// Absent options: temperature 1, no top_k (0), no top_p (1).
inline constexpr OpSchema kSample = Op("sample")
                                        .Doc("token[b] ~ softmax(logits[b] / temperature[b]), cut by top_k and top_p")
                                        .In("logits", "B V")
                                        .In("seed", "B", Only(DType::kI64))
                                        .In("position", "B", Only(DType::kI64))
                                        .Optional("temperature", "B", Only(DType::kF32))
                                        .Optional("top_k", "B", Only(DType::kI64))
                                        .Optional("top_p", "B", Only(DType::kF32))
                                        .AtLeast("V", "1")
                                        .Out("token", "B", Only(DType::kI64))
                                        .Batch("B");

void SampleRef(const OpContext&, const TensorView& logits, const TensorView& seed, const TensorView& position,
               const TensorView* temperature, const TensorView* top_k, const TensorView* top_p,
               const TensorView& token);
// Workspace: SampleBytes a thread.
void SampleCpu(const OpContext&, const TensorView& logits, const TensorView& seed, const TensorView& position,
               const TensorView* temperature, const TensorView* top_k, const TensorView* top_p,
               const TensorView& token);
size_t SampleBytes(const Call& call);

namespace ops::sample {
extern const std::array<OpDef, 1> kOps;
}  // namespace ops::sample

}  // namespace strata
