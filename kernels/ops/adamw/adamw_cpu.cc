#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/adamw/adamw_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/adamw/adamw.h"
#include "kernels/simd/rounded-inl.h"
#include "kernels/simd/tensor_chunks.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

// `n` elements; `h` may be nullptr. One division and one square root an element leave it bound by memory.
template <class T, class S>
void Update(const AdamWFactors& factors, bool maximize, size_t n, T* p, const T* g, S* m, S* v, S* h) {
  using F = ComputeType<T>;
  const hn::ScalableTag<F> d;
  const auto keep = hn::Set(d, static_cast<F>(factors.keep)), step = hn::Set(d, static_cast<F>(factors.step_size));
  const auto eps = hn::Set(d, static_cast<F>(factors.eps)), beta2 = hn::Set(d, static_cast<F>(factors.beta2));
  const auto new1 = hn::Set(d, static_cast<F>(factors.new1)), new2 = hn::Set(d, static_cast<F>(factors.new2));
  const auto sign = hn::Set(d, maximize ? F(-1) : F(1));
  ForEachVector(d, n, [&](auto at) HWY_ATTR {
    const auto grad = hn::Mul(at(g), sign), old_m = at(m);
    const auto mean = RoundTo<S>(d, hn::MulAdd(hn::Sub(grad, old_m), new1, old_m));
    PutRounded(at, mean, m);
    auto square = RoundTo<S>(d, hn::MulAdd(hn::Mul(grad, grad), new2, hn::Mul(at(v), beta2)));
    PutRounded(at, square, v);
    if (h != nullptr) {
      const auto most = at(h);
      square = hn::IfThenElse(hn::Or(hn::IsNaN(square), hn::Gt(square, most)), square, most);
      PutRounded(at, square, h);
    }
    const auto change = hn::Div(mean, hn::Add(hn::Sqrt(square), eps));
    at.Put(hn::NegMulAdd(step, change, hn::Mul(at(p), keep)), p);
  });
}

void AdamW(const OpContext& context, Tensors params, Tensors grads, Tensors exp_avgs, Tensors exp_avg_sqs,
           Tensors max_exp_avg_sqs, const AdamWFactors& factors, bool maximize) {
  const auto all = [&](auto type, auto state) {
    using T = decltype(type);
    using S = decltype(state);
    ForTensorChunks(*context.parallel, params, [&](size_t i, int64_t begin, int64_t end, int64_t) {
      Update<T, S>(factors, maximize, static_cast<size_t>(end - begin), params[i].Out<T>() + begin,
                   grads[i].In<T>() + begin, exp_avgs[i].Out<S>() + begin, exp_avg_sqs[i].Out<S>() + begin,
                   max_exp_avg_sqs.empty() ? nullptr : max_exp_avg_sqs[i].Out<S>() + begin);
    });
  };
  DispatchFloat(params[0].dtype, [&](auto type) {
    using T = decltype(type);
    if (exp_avgs[0].dtype == params[0].dtype) return all(type, type);
    if constexpr (std::is_same_v<T, BF16>) all(type, float{});
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(AdamW);

void AdamWCpu(const OpContext& context, Tensors params, Tensors grads, Tensors exp_avgs, Tensors exp_avg_sqs,
              Tensors max_exp_avg_sqs, int64_t step, double lr, double beta1, double beta2, double eps,
              double weight_decay, bool maximize) {
  HWY_DYNAMIC_DISPATCH(AdamW)
  (context, params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs,
   MakeAdamWFactors(step, lr, beta1, beta2, eps, weight_decay), maximize);
}

}  // namespace strata
#endif  // HWY_ONCE
