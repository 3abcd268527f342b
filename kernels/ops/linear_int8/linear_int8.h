// A dense layer with int8 weights, one scale for each output, and inputs that are quantised on the way, row by row.
//
// For a row x of K numbers, all in float32 (whatever x's dtype):
//   amax = max |x[k]|,  q[k] = round(x[k] * (127 / amax)), halves to even, -127 to 127,  s = amax / 127
//   y[o] = activation(sum_k(q[k] * weight[o, k]) * (s * scale[o]) + bias[o])
// The sum is exact; it, the scales and the bias meet in the dtype that y is computed in. A row whose amax is under
// 2^-100 counts as zeros (s = 0); one with a NaN or an infinity gives NaN. Sums hold up to K = 132,104.
//
// That is the scheme of LLM.int8's and SmoothQuant's vector-wise quantisation, symmetric on both sides: with a zero
// point for x the accuracy gains little where activations take both signs, and zeros stay exact without one.
#pragma once

#include <array>

#include "kernels/core/activation.h"
#include "kernels/core/op_def.h"

namespace strata {

inline constexpr OpSchema kLinearInt8 =
    Op("linear_int8")
        .Doc("y[..., o] = activation(sum_k(q[..., k] * weight[o, k]) * s[...] * scale[o] + bias[o]); q, s: x as int8")
        .In("x", "* K")
        .In("weight", "O K", Only(DType::kI8))
        .In("scale", "O", Only(DType::kF32))
        .Optional("bias", "O")
        .Choice("activation", kActivations)
        .Out("y", "* O");

void LinearInt8Ref(const OpContext&, const TensorView& x, const TensorView& weight, const TensorView& scale,
                   const TensorView* bias, Activation activation, const TensorView& y);

// The same bits by different instructions; the weight, if prepared, in one layout for all. Workspace: see
// linear_int8_op.cc.
void LinearInt8Amx(const OpContext&, const TensorView& x, const TensorView& weight, const TensorView& scale,
                   const TensorView* bias, Activation activation, const TensorView& y);
void LinearInt8Vnni(const OpContext&, const TensorView& x, const TensorView& weight, const TensorView& scale,
                    const TensorView* bias, Activation activation, const TensorView& y);
void LinearInt8VnniNarrow(const OpContext&, const TensorView& x, const TensorView& weight, const TensorView& scale,
                          const TensorView* bias, Activation activation, const TensorView& y);
void LinearInt8AvxVnni(const OpContext&, const TensorView& x, const TensorView& weight, const TensorView& scale,
                       const TensorView* bias, Activation activation, const TensorView& y);
void LinearInt8Avx2(const OpContext&, const TensorView& x, const TensorView& weight, const TensorView& scale,
                    const TensorView* bias, Activation activation, const TensorView& y);
void LinearInt8Plain(const OpContext&, const TensorView& x, const TensorView& weight, const TensorView& scale,
                     const TensorView* bias, Activation activation, const TensorView& y);
void LinearInt8Prepare(const TensorView& weight, void* out);

// The workspace before the product's own: where sums start.
size_t LinearInt8StartBytes(const TensorView& weight);
size_t LinearInt8PreparedBytes(const TensorView& weight);

namespace ops::linear_int8 {
extern const std::array<OpDef, 1> kOps;
}  // namespace ops::linear_int8

}  // namespace strata
