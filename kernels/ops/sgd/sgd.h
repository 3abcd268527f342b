// One step of stochastic gradient descent on many tensors in one call, as torch.optim.SGD defines it; every line
// rounded to the dtype of what it sets (g: the gradient, negated if `maximize`; b: the momentum buffer):
//
//   g = g + weight_decay p                 unless that is 0
//   b = momentum b + (1 - dampening) g      b = g where `first`
//   g = g + momentum b if `nesterov`, else b
//   p = p - lr g
//
// Without momentum buffers the second and third lines fall away. The gradient itself is never rounded or written.
#pragma once

#include <array>
#include <span>

#include "kernels/core/op_def.h"

namespace strata {

inline constexpr OpSchema kSgd = Op("sgd")
                                     .Doc("one step of gradient descent on every tensor of the lists")
                                     .List("params", "*")
                                     .Mutated()
                                     .List("grads", "*")
                                     // Of the dtype of the parameters, or float32 beside bfloat16 parameters.
                                     .List("momentum_buffers", "*", {kFloatDTypes, 'M'})
                                     .Mutated()
                                     .MayBeAbsent()
                                     .Attr("lr", 1e-3)
                                     .Range(0, 1e300)
                                     .Attr("momentum", 0.0)
                                     .Range(0, 1e300)
                                     .Attr("dampening", 0.0)
                                     .Range(-1e300, 1e300)
                                     .Attr("weight_decay", 0.0)
                                     .Range(0, 1e300)
                                     .Attr("nesterov", false)
                                     .Attr("maximize", false)
                                     .Attr("first", false);

using Tensors = std::span<const TensorView>;

struct SgdFactors {
  double lr, momentum, fresh, weight_decay;  // fresh: 1 - dampening
  bool nesterov, maximize, first;
};

void SgdRef(const OpContext&, Tensors params, Tensors grads, Tensors momentum_buffers, double lr, double momentum,
            double dampening, double weight_decay, bool nesterov, bool maximize, bool first);
void SgdCpu(const OpContext&, Tensors params, Tensors grads, Tensors momentum_buffers, double lr, double momentum,
            double dampening, double weight_decay, bool nesterov, bool maximize, bool first);

namespace ops::sgd {
extern const std::array<OpDef, 1> kOps;
}  // namespace ops::sgd

}  // namespace strata
