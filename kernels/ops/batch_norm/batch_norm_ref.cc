#include <cmath>
#include <vector>

#include "kernels/core/call.h"
#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/batch_norm/batch_norm.h"

namespace strata {

void BatchNormRef(const OpContext&, const TensorView& x, const TensorView& mean, const TensorView& var,
                  const TensorView& weight, const TensorView& bias, const TensorView* residual, double eps,
                  BatchNormActivation activation, const TensorView& y) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    for (int64_t i = 0; i < x.numel(); ++i) {
      const int64_t c = i / x.size(2) % x.size(1);
      const double normal =
          (ToDouble(x.In<T>()[i]) - ToDouble(mean.In<T>()[c])) / std::sqrt(ToDouble(var.In<T>()[c]) + eps);
      T out = FromDouble<T>(normal * ToDouble(weight.In<T>()[c]) + ToDouble(bias.In<T>()[c]));
      if (residual != nullptr) out = FromDouble<T>(ToDouble(out) + ToDouble(residual->In<T>()[i]));
      y.Out<T>()[i] = activation == BatchNormActivation::kRelu && ToDouble(out) <= 0 ? FromDouble<T>(0) : out;
    }
  });
}

void BatchNormBackwardRef(const OpContext&, const Call& c) {
  const BatchNormBackwardCall call(c);
  DispatchFloat(call.x.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t channels = call.x.size(1), places = call.x.size(2);
    std::vector<double> plain(static_cast<size_t>(channels)), by_x(static_cast<size_t>(channels));
    const auto of = [](const TensorView& view, int64_t at) { return ToDouble(view.In<T>()[at]); };
    const auto scale = [&](int64_t channel) { return 1 / std::sqrt(of(call.var, channel) + call.eps); };
    for (int64_t i = 0; i < call.x.numel(); ++i) {
      const int64_t channel = i / places % channels;
      const double grad = call.relu && of(call.y, i) <= 0 ? 0 : of(call.grad_y, i);
      plain[static_cast<size_t>(channel)] += grad;
      by_x[static_cast<size_t>(channel)] += grad * (of(call.x, i) - of(call.mean, channel));
      call.grad_x.Out<T>()[i] = FromDouble<T>(grad * of(call.weight, channel) * scale(channel));
      if (call.grad_residual.numel() > 0) call.grad_residual.Out<T>()[i] = FromDouble<T>(grad);
    }
    for (int64_t channel = 0; channel < channels; ++channel) {
      const double s = scale(channel), w = of(call.weight, channel);
      const double sum = plain[static_cast<size_t>(channel)], moment = by_x[static_cast<size_t>(channel)];
      call.grad_mean.Out<T>()[channel] = FromDouble<T>(-sum * w * s);
      call.grad_var.Out<T>()[channel] = FromDouble<T>(-0.5 * moment * w * s * s * s);
      call.grad_weight.Out<T>()[channel] = FromDouble<T>(moment * s);
      call.grad_bias.Out<T>()[channel] = FromDouble<T>(sum);
    }
  });
}

}  // namespace strata
