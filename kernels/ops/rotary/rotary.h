// Rotary position embedding (Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021): pairs
// of a head's elements are turned by angles that grow with the token's position.
//
// The angles come as tables of cosines and sines, so that every machine turns by the same bits. Elements past 2 F are
// left as they are (partial rotary). With c = cos[p, i], s = sin[p, i]:
//
//   half:         y[i] = x[i] c - x[i + F] s           y[i + F] = x[i + F] c + x[i] s
//   interleaved:  y[2 i] = x[2 i] c - x[2 i + 1] s     y[2 i + 1] = x[2 i + 1] c + x[2 i] s
#pragma once

#include <array>
#include <cstdint>

#include "kernels/core/op_def.h"

namespace strata {

enum class RotaryPairs : uint8_t { kHalf, kInterleaved };

// float32 whatever x is, but for float64 models: a bfloat16 cosine would turn by a wrong angle.
inline constexpr TypeSpec kRotaryTables = {SetOf(DType::kF32) | SetOf(DType::kF64), 'A'};

inline constexpr OpSchema kRotary = Op("rotary")
                                        .Doc("y = x with pairs of elements turned by their token's angles")
                                        .Strided("x", "* H D")
                                        .In("cos", "P F", kRotaryTables)
                                        .In("sin", "P F", kRotaryTables)
                                        .Index("positions", "*", "P")
                                        .Choice("pairs", "half|interleaved")
                                        .AtLeast("D", "2*F")
                                        .Out("y", "* H D");

// Turns back: the tables are no parameters and have no gradient.
inline constexpr OpSchema kRotaryBackward = Op("rotary_backward")
                                                .Doc("gradient of rotary")
                                                .Strided("grad_y", "* H D")
                                                .In("cos", "P F", kRotaryTables)
                                                .In("sin", "P F", kRotaryTables)
                                                .Index("positions", "*", "P")
                                                .Choice("pairs", "half|interleaved")
                                                .AtLeast("D", "2*F")
                                                .Out("grad_x", "* H D");

void RotaryRef(const OpContext&, const TensorView& x, const TensorView& cos, const TensorView& sin,
               const TensorView& positions, RotaryPairs pairs, const TensorView& y);
void RotaryCpu(const OpContext&, const TensorView& x, const TensorView& cos, const TensorView& sin,
               const TensorView& positions, RotaryPairs pairs, const TensorView& y);

void RotaryBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& cos, const TensorView& sin,
                       const TensorView& positions, RotaryPairs pairs, const TensorView& grad_x);
void RotaryBackwardCpu(const OpContext&, const TensorView& grad_y, const TensorView& cos, const TensorView& sin,
                       const TensorView& positions, RotaryPairs pairs, const TensorView& grad_x);

namespace ops::rotary {
extern const std::array<OpDef, 2> kOps;
}  // namespace ops::rotary

}  // namespace strata
