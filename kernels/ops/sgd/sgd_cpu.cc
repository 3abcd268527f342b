#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/sgd/sgd_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/sgd/sgd.h"
#include "kernels/simd/rounded-inl.h"
#include "kernels/simd/tensor_chunks.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

// `n` elements; `b` may be nullptr.
template <class T, class S>
void Update(const SgdFactors& factors, size_t n, T* p, const T* g, S* b) {
  using F = ComputeType<T>;
  const hn::ScalableTag<F> d;
  const auto lr = hn::Set(d, static_cast<F>(factors.lr)), momentum = hn::Set(d, static_cast<F>(factors.momentum));
  const auto fresh = hn::Set(d, static_cast<F>(factors.fresh));
  const auto decay = hn::Set(d, static_cast<F>(factors.weight_decay));
  const auto sign = hn::Set(d, factors.maximize ? F(-1) : F(1));
  const bool first = factors.first, nesterov = factors.nesterov, decays = factors.weight_decay != 0;
  ForEachVector(d, n, [&](auto at) HWY_ATTR {
    const auto old = at(p);
    auto grad = hn::Mul(at(g), sign);
    if (decays) grad = hn::MulAdd(decay, old, grad);
    if (b != nullptr) {
      const auto next = RoundTo<S>(d, first ? grad : hn::MulAdd(momentum, at(b), hn::Mul(fresh, grad)));
      PutRounded(at, next, b);
      grad = nesterov ? hn::MulAdd(momentum, next, grad) : next;
    }
    at.Put(hn::NegMulAdd(lr, grad, old), p);
  });
}

void Sgd(const OpContext& context, Tensors params, Tensors grads, Tensors momentum_buffers, const SgdFactors& factors) {
  const auto all = [&](auto type, auto state) {
    using T = decltype(type);
    using S = decltype(state);
    ForTensorChunks(*context.parallel, params, [&](size_t i, int64_t begin, int64_t end, int64_t) {
      Update<T, S>(factors, static_cast<size_t>(end - begin), params[i].Out<T>() + begin, grads[i].In<T>() + begin,
                   momentum_buffers.empty() ? nullptr : momentum_buffers[i].Out<S>() + begin);
    });
  };
  DispatchFloat(params[0].dtype, [&](auto type) {
    using T = decltype(type);
    if (momentum_buffers.empty() || momentum_buffers[0].dtype == params[0].dtype) return all(type, type);
    if constexpr (std::is_same_v<T, BF16>) all(type, float{});
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(Sgd);

void SgdCpu(const OpContext& context, Tensors params, Tensors grads, Tensors momentum_buffers, double lr,
            double momentum, double dampening, double weight_decay, bool nesterov, bool maximize, bool first) {
  HWY_DYNAMIC_DISPATCH(Sgd)
  (context, params, grads, momentum_buffers, {lr, momentum, 1 - dampening, weight_decay, nesterov, maximize, first});
}

}  // namespace strata
#endif  // HWY_ONCE
