// One step of AdamW (Loshchilov & Hutter, "Decoupled weight decay regularization", 2019) on many tensors in one call.
//
// In the order of torch.optim.AdamW, every line rounded to the dtype of what it sets (g: the gradient, negated if
// `maximize`; state is m = exp_avg, v = exp_avg_sq, h = max_exp_avg_sq):
//
//   p = p (1 - lr weight_decay)
//   m = m + (g - m) (1 - beta1)
//   v = v beta2 + g g (1 - beta2)
//   h = max(h, v)                                        where there is one (AMSGrad); it then stands for v below
//   p = p - lr / (1 - beta1^step) m / (sqrt(v) / sqrt(1 - beta2^step) + eps)
//
// The last line divides once: lr sqrt(1 - beta2^step) / (1 - beta1^step) m / (sqrt(v) + eps sqrt(1 - beta2^step)); and
// the first line is not rounded by itself.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <span>

#include "kernels/core/op_def.h"

namespace strata {

// Of the state: that of the parameters, or float32 beside bfloat16 parameters (AdamWInfer).
inline constexpr TypeSpec kOptimizerState = {kFloatDTypes, 'M'};
inline constexpr double kBelowOne = 0x1.fffffffffffffp-1;

inline constexpr OpSchema kAdamW = Op("adamw")
                                       .Doc("one AdamW step on every tensor of the lists")
                                       .List("params", "*")
                                       .Mutated()
                                       .List("grads", "*")
                                       .List("exp_avgs", "*", kOptimizerState)
                                       .Mutated()
                                       .List("exp_avg_sqs", "*", kOptimizerState)
                                       .Mutated()
                                       .List("max_exp_avg_sqs", "*", kOptimizerState)
                                       .Mutated()
                                       .MayBeAbsent()
                                       .Attr("step", 1)
                                       .Range(1, 0x1p53)
                                       .Attr("lr", 1e-3)
                                       .Range(0, 1e300)
                                       .Attr("beta1", 0.9)
                                       .Range(0, kBelowOne)
                                       .Attr("beta2", 0.999)
                                       .Range(0, kBelowOne)
                                       .Attr("eps", 1e-8)
                                       .Range(0, 1e300)
                                       .Attr("weight_decay", 1e-2)
                                       .Range(0, 1e300)
                                       .Attr("maximize", false);

using Tensors = std::span<const TensorView>;

void AdamWRef(const OpContext&, Tensors params, Tensors grads, Tensors exp_avgs, Tensors exp_avg_sqs,
              Tensors max_exp_avg_sqs, int64_t step, double lr, double beta1, double beta2, double eps,
              double weight_decay, bool maximize);
void AdamWCpu(const OpContext&, Tensors params, Tensors grads, Tensors exp_avgs, Tensors exp_avg_sqs,
              Tensors max_exp_avg_sqs, int64_t step, double lr, double beta1, double beta2, double eps,
              double weight_decay, bool maximize);

// The factors of a step, in double from multiplications and square roots alone: the same bits on every machine, which
// std::pow does not promise.
struct AdamWFactors {
  double keep;               // of p: 1 - lr weight_decay
  double step_size;          // lr sqrt(1 - beta2^step) / (1 - beta1^step)
  double eps;                // eps sqrt(1 - beta2^step)
  double beta2, new1, new2;  // new1: 1 - beta1; new2: 1 - beta2
};
inline AdamWFactors MakeAdamWFactors(int64_t step, double lr, double beta1, double beta2, double eps,
                                     double weight_decay) {
  // base^step by squaring.
  const auto power = [step](double base) {
    double product = 1;
    for (int64_t left = step; left > 0; left /= 2, base *= base) {
      if (left % 2 == 1) product *= base;
    }
    return product;
  };
  const double correction = std::sqrt(1 - power(beta2));
  return {.keep = 1 - lr * weight_decay,
          .step_size = lr * correction / (1 - power(beta1)),
          .eps = eps * correction,
          .beta2 = beta2,
          .new1 = 1 - beta1,
          .new2 = 1 - beta2};
}

namespace ops::adamw {
extern const std::array<OpDef, 1> kOps;
}  // namespace ops::adamw

}  // namespace strata
