// The sum of two tensors of one shape (a residual connection). It does not broadcast: a bias belongs to `linear`.
#pragma once

#include <array>

#include "kernels/core/op_def.h"

namespace strata {

// The gradient of both is grad_z itself (add.py).
inline constexpr OpSchema kAdd = Op("add").Doc("z = x + y").In("x", "*").In("y", "*").Out("z", "*");

void AddRef(const OpContext&, const TensorView& x, const TensorView& y, const TensorView& z);
void AddCpu(const OpContext&, const TensorView& x, const TensorView& y, const TensorView& z);

namespace ops::add {
extern const std::array<OpDef, 1> kOps;
}  // namespace ops::add

}  // namespace strata
