#include <cmath>

#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/adamw/adamw.h"

namespace strata {
namespace {

// What storing `value` in a state tensor leaves.
template <class S>
double Put(const TensorView& state, int64_t i, double value) {
  state.Out<S>()[i] = FromDouble<S>(value);
  return ToDouble(state.In<S>()[i]);
}

template <class T, class S>
void Update(const AdamWFactors& f, double sign, const TensorView& param, const TensorView& grad,
            const TensorView& exp_avg, const TensorView& exp_avg_sq, const TensorView* max_exp_avg_sq) {
  for (int64_t i = 0; i < param.numel(); ++i) {
    const double g = sign * ToDouble(grad.In<T>()[i]);
    const double old_m = ToDouble(exp_avg.In<S>()[i]);
    const double m = Put<S>(exp_avg, i, old_m + (g - old_m) * f.new1);
    double v = Put<S>(exp_avg_sq, i, ToDouble(exp_avg_sq.In<S>()[i]) * f.beta2 + g * g * f.new2);
    if (max_exp_avg_sq != nullptr) {
      const double most = ToDouble(max_exp_avg_sq->In<S>()[i]);
      v = Put<S>(*max_exp_avg_sq, i, std::isnan(v) || v > most ? v : most);
    }
    param.Out<T>()[i] = FromDouble<T>(ToDouble(param.In<T>()[i]) * f.keep - f.step_size * (m / (std::sqrt(v) + f.eps)));
  }
}

}  // namespace

void AdamWRef(const OpContext&, Tensors params, Tensors grads, Tensors exp_avgs, Tensors exp_avg_sqs,
              Tensors max_exp_avg_sqs, int64_t step, double lr, double beta1, double beta2, double eps,
              double weight_decay, bool maximize) {
  const AdamWFactors factors = MakeAdamWFactors(step, lr, beta1, beta2, eps, weight_decay);
  for (size_t i = 0; i < params.size(); ++i) {
    DispatchFloat(params[i].dtype, [&](auto type) {
      DispatchFloat(exp_avgs[i].dtype, [&](auto state) {
        Update<decltype(type), decltype(state)>(factors, maximize ? -1 : 1, params[i], grads[i], exp_avgs[i],
                                                exp_avg_sqs[i],
                                                max_exp_avg_sqs.empty() ? nullptr : &max_exp_avg_sqs[i]);
      });
    });
  }
}

}  // namespace strata
