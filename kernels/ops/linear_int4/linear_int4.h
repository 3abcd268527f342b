// A dense layer with 4-bit weights in groups along K, each group with a scale and perhaps a zero point of its own, and
// inputs that are quantised to int8 on the way, in the same groups.
//
// Byte j of a weight's row holds q = 0..15 for k = 2 j (low half) and k = 2 j + 1 (high half); g is k's group of
// 32 * blocks numbers; z is 8 where there are no zero points. For a row x, in float32 (whatever x's dtype):
//   amax = max |x[k]| in g,  a[k] = round(x[k] * (127 / amax)), halves to even,  s[g] = amax / 127
//   d[g, o] = sum over k in g of a[k] * (q[o, k] - z[g, o]), exactly
//   y[o] = activation(the sum over g of (d[g, o] * s[g]) * scale[g, o], + bias[o])
// The sum: chains of fma over 8 groups each, from zero, added in order.
// A group whose amax is under 2^-100 counts as zeros (s = 0); one with a NaN or an infinity makes its row NaN.
//
// Why integers: one row must go as fast as memory delivers weights, 66 billion a second where a core reads 33 GB/s.
// Turning each into a float takes three instructions for 16 weights, half that speed; dot products of bytes take five
// for 128. Inputs in groups, as llama.cpp's q8_0 has them, cost one multiplication more than a scale for a whole row,
// and an outlier spoils its own group alone.
#pragma once

#include <array>

#include "kernels/core/activation.h"
#include "kernels/core/op_def.h"

namespace strata {

inline constexpr TypeSpec kHalfOrFloat = {SetOf(DType::kF16) | SetOf(DType::kF32), '\0'};

inline constexpr OpSchema kLinearInt4 =
    Op("linear_int4")
        .Doc(
            "y[..., o] = activation(sum_g(sum_k(a[..., k] * (q[o, k] - zero[g, o])) * s[..., g] * scale[g, o]) + "
            "bias[o]); a, s: x as int8 in groups of 32 * blocks; q: weight, two in a byte")
        .Attr("blocks", 1)
        .Range(1, 4)
        .In("x", "* K")
        .In("weight", "O K//2", Only(DType::kU8))
        .In("scale", "K//(32*blocks) O", kHalfOrFloat)
        .Optional("zero", "K//(32*blocks) O", Only(DType::kU8))
        .Optional("bias", "O")
        .Choice("activation", kActivations)
        .Out("y", "* O")
        .Divides("32*blocks", "K");

void LinearInt4Ref(const OpContext&, const TensorView& x, const TensorView& weight, const TensorView& scale,
                   const TensorView* zero, const TensorView* bias, int64_t blocks, Activation activation,
                   const TensorView& y);

// The same bits by different instructions; the first two for float32 and bfloat16. Workspace: LinearInt4Space.
void LinearInt4Vnni(const OpContext&, const TensorView& x, const TensorView& weight, const TensorView& scale,
                    const TensorView* zero, const TensorView* bias, int64_t blocks, Activation activation,
                    const TensorView& y);
void LinearInt4Avx2(const OpContext&, const TensorView& x, const TensorView& weight, const TensorView& scale,
                    const TensorView* zero, const TensorView* bias, int64_t blocks, Activation activation,
                    const TensorView& y);
void LinearInt4Plain(const OpContext&, const TensorView& x, const TensorView& weight, const TensorView& scale,
                     const TensorView* zero, const TensorView* bias, int64_t blocks, Activation activation,
                     const TensorView& y);
// The weight in panels (int4_tile.h), of the size that it has.
void LinearInt4Prepare(const TensorView& weight, void* out);
size_t LinearInt4PreparedBytes(const TensorView& weight);

// The parts of the workspace, in bytes: x as int8, scales and sums of its groups, a few rows in turns;
// for each thread a panel.
struct LinearInt4Space {
  size_t a, s, sums, turns, panel;
  size_t bytes(int num_threads) const { return a + s + sums + turns + panel * static_cast<size_t>(num_threads); }
};
LinearInt4Space PlanLinearInt4(const TensorView& x, const TensorView& weight, int64_t blocks);

namespace ops::linear_int4 {
extern const std::array<OpDef, 1> kOps;
}  // namespace ops::linear_int4

}  // namespace strata
