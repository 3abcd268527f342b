// A chain of pointwise operations in one pass over memory: a small program (program.h, docs/formats/pointwise.md) over
// inputs that broadcast as NumPy's do. Every step rounds to its dtype, as operators that run one by one would, so a
// program gives what its instructions give one at a time.
//
//   strata.ops.pointwise([x, y], "float32 x0, float32 x1; v0 = sigmoid(x0); v1 = mul(v0, x1); return v1")
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "kernels/core/op_def.h"

namespace strata {

inline constexpr TypeSpec kPointwiseTypes = {SetOf(DType::kF32) | SetOf(DType::kBF16) | SetOf(DType::kF16) |
                                                 SetOf(DType::kF64) | SetOf(DType::kI32) | SetOf(DType::kI64) |
                                                 SetOf(DType::kU8) | SetOf(DType::kBool),
                                             '\0'};

inline constexpr OpSchema kPointwise = Op("pointwise")
                                           .Doc("outputs = program(inputs), element by element; inputs broadcast")
                                           .List("inputs", "*", kPointwiseTypes)
                                           .Text("program")
                                           .OutList("outputs", kPointwiseTypes);

// Decodes the program and sets the outputs' dtypes and their one shape.
Status PointwiseInfer(Call& call);

void PointwiseRef(const OpContext&, std::span<const TensorView> inputs, std::string_view program,
                  std::span<const TensorView> outputs);
void PointwiseCpu(const OpContext&, std::span<const TensorView> inputs, std::string_view program,
                  std::span<const TensorView> outputs);
size_t PointwiseWorkspace(const Call& call, int num_threads);

namespace ops::pointwise {
extern const std::array<OpDef, 1> kOps;
}  // namespace ops::pointwise

}  // namespace strata
