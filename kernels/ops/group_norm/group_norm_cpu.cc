#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/group_norm/group_norm_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/group_norm/group_norm.h"
#include "kernels/simd/group_norm-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

void GroupNorm(const OpContext& context, const TensorView& x, const TensorView& weight, const TensorView& bias,
               int64_t groups, double eps, NormActivation activation, const TensorView& y) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    const auto run = [&](auto silu) {
      GroupNormForward<T, decltype(silu)::value, false>(context, x, TensorView(), weight, bias, groups, eps, y,
                                                        TensorView());
    };
    activation == NormActivation::kSilu ? run(std::true_type()) : run(std::false_type());
  });
}
void GroupNormBackward(const OpContext& context, const TensorView& grad_y, const TensorView& x,
                       const TensorView& weight, const TensorView& bias, int64_t groups, double eps,
                       NormActivation activation, const TensorView& grad_x, const TensorView& grad_weight,
                       const TensorView& grad_bias) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    const auto run =
        activation == NormActivation::kSilu ? GroupNormGradient<T, true, false> : GroupNormGradient<T, false, false>;
    run(context, grad_y, x, weight, bias, TensorView(), groups, eps, grad_x, grad_weight, grad_bias);
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(GroupNorm);
HWY_EXPORT(GroupNormBackward);

void GroupNormCpu(const OpContext& context, const TensorView& x, const TensorView& weight, const TensorView& bias,
                  int64_t groups, double eps, NormActivation activation, const TensorView& y) {
  HWY_DYNAMIC_DISPATCH(GroupNorm)(context, x, weight, bias, groups, eps, activation, y);
}

void GroupNormBackwardCpu(const OpContext& context, const TensorView& grad_y, const TensorView& x,
                          const TensorView& weight, const TensorView& bias, int64_t groups, double eps,
                          NormActivation activation, const TensorView& grad_x, const TensorView& grad_weight,
                          const TensorView& grad_bias) {
  HWY_DYNAMIC_DISPATCH(GroupNormBackward)(context, grad_y, x, weight, bias, groups, eps, activation, grad_x,
                                          grad_weight, grad_bias);
}

}  // namespace strata
#endif  // HWY_ONCE
