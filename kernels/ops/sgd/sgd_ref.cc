#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/sgd/sgd.h"

namespace strata {
namespace {

template <class T, class S>
void Update(const SgdFactors& f, const TensorView& param, const TensorView& grad, const TensorView* buffer) {
  for (int64_t i = 0; i < param.numel(); ++i) {
    const double p = ToDouble(param.In<T>()[i]);
    double g = (f.maximize ? -1 : 1) * ToDouble(grad.In<T>()[i]);
    if (f.weight_decay != 0) g += f.weight_decay * p;
    if (buffer != nullptr) {
      S& stored = buffer->Out<S>()[i];
      stored = FromDouble<S>(f.first ? g : f.momentum * ToDouble(stored) + f.fresh * g);
      g = f.nesterov ? g + f.momentum * ToDouble(stored) : ToDouble(stored);
    }
    param.Out<T>()[i] = FromDouble<T>(p - f.lr * g);
  }
}

}  // namespace

void SgdRef(const OpContext&, Tensors params, Tensors grads, Tensors momentum_buffers, double lr, double momentum,
            double dampening, double weight_decay, bool nesterov, bool maximize, bool first) {
  const SgdFactors factors = {lr, momentum, 1 - dampening, weight_decay, nesterov, maximize, first};
  for (size_t i = 0; i < params.size(); ++i) {
    const TensorView* buffer = momentum_buffers.empty() ? nullptr : &momentum_buffers[i];
    DispatchFloat(params[i].dtype, [&](auto type) {
      DispatchFloat(buffer == nullptr ? params[i].dtype : buffer->dtype,
                    [&](auto state) { Update<decltype(type), decltype(state)>(factors, params[i], grads[i], buffer); });
    });
  }
}

}  // namespace strata
