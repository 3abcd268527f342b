#include <vector>

#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/linear/linear.h"

namespace strata {
namespace {

template <class T>
double Rounded(double v) {
  return ToDouble(FromDouble<T>(v));
}

// The sum and the bias of the output (r, o), rounded.
template <class T>
double Before(const TensorView& x, const TensorView& weight, const TensorView* bias, int64_t r, int64_t o) {
  const int64_t in = weight.size(1);
  double sum = 0;
  for (int64_t k = 0; k < in; ++k) sum += ToDouble(x.In<T>()[r * in + k]) * ToDouble(weight.In<T>()[o * in + k]);
  if (bias != nullptr) sum += ToDouble(bias->In<T>()[o]);
  return Rounded<T>(sum);
}

// The gradient of the sums, and grad_gate.
template <class T>
std::vector<double> SumsGradient(const LinearBackwardCall& c) {
  const int64_t out = c.weight.size(0), rows = c.x.rows();
  std::vector<double> grad(static_cast<size_t>(rows * out));
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t o = 0; o < out; ++o) {
      const int64_t i = r * out + o;
      double g = ToDouble(c.grad_y.In<T>()[i]), before = 0;
      if (c.computes_before()) before = Before<T>(c.x, c.weight, c.bias, r, o);
      if (c.before != nullptr) before = ToDouble(c.before->In<T>()[i]);
      if (c.grad_gate.numel() > 0) {
        c.grad_gate.Out<T>()[i] = FromDouble<T>(g * Rounded<T>(Activate(c.activation, before)));
      }
      if (c.gate != nullptr) g = Rounded<T>(g * ToDouble(c.gate->In<T>()[i]));
      grad[static_cast<size_t>(i)] = Rounded<T>(ActivationGradient(c.activation, g, before));
    }
  }
  return grad;
}

}  // namespace

void LinearRef(const OpContext&, const Call& call) {
  const LinearCall c(call);
  DispatchFloat(c.x.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t out = c.weight.size(0);
    for (int64_t r = 0; r < c.x.rows(); ++r) {
      for (int64_t o = 0; o < out; ++o) {
        const int64_t i = r * out + o;
        double v = Before<T>(c.x, c.weight, c.bias, r, o);
        if (c.before != nullptr) c.before->Out<T>()[i] = FromDouble<T>(v);
        v = Activate(c.activation, v);
        if (c.gate != nullptr) v = Rounded<T>(v) * ToDouble(c.gate->In<T>()[i]);
        if (c.residual != nullptr) v = Rounded<T>(v) + ToDouble(c.residual->In<T>()[i]);
        c.y.Out<T>()[i] = FromDouble<T>(v);
      }
    }
  });
}

void LinearBackwardRef(const OpContext&, const Call& call) {
  const LinearBackwardCall c(call);
  DispatchFloat(c.x.dtype, [&](auto type) {
    using T = decltype(type);
    const int64_t in = c.weight.size(1), out = c.weight.size(0), rows = c.x.rows();
    const std::vector<double> grad = SumsGradient<T>(c);
    const auto g = [&](int64_t r, int64_t o) { return grad[static_cast<size_t>(r * out + o)]; };
    for (int64_t i = 0; i < c.grad_x.numel(); ++i) {
      double sum = 0;
      for (int64_t o = 0; o < out; ++o) sum += g(i / in, o) * ToDouble(c.weight.In<T>()[o * in + i % in]);
      c.grad_x.Out<T>()[i] = FromDouble<T>(sum);
    }
    for (int64_t i = 0; i < c.grad_weight.numel(); ++i) {
      double sum = 0;
      for (int64_t r = 0; r < rows; ++r) sum += g(r, i / in) * ToDouble(c.x.In<T>()[r * in + i % in]);
      c.grad_weight.Out<T>()[i] = FromDouble<T>(sum);
    }
    for (int64_t o = 0; o < c.grad_bias.numel(); ++o) {
      double sum = 0;
      for (int64_t r = 0; r < rows; ++r) sum += g(r, o);
      c.grad_bias.Out<T>()[o] = FromDouble<T>(sum);
    }
  });
}

}  // namespace strata
