#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/add_group_norm/add_group_norm_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/add_group_norm/add_group_norm.h"
#include "kernels/simd/group_norm-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

void AddGroupNorm(const OpContext& context, const TensorView& x, const TensorView& residual, const TensorView& weight,
                  const TensorView& bias, int64_t groups, double eps, NormActivation activation, const TensorView& y,
                  const TensorView& sum) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    const auto run = [&](auto silu) {
      GroupNormForward<T, decltype(silu)::value, true>(context, x, residual, weight, bias, groups, eps, y, sum);
    };
    activation == NormActivation::kSilu ? run(std::true_type()) : run(std::false_type());
  });
}
void AddGroupNormBackward(const OpContext& context, const TensorView& grad_y, const TensorView& grad_sum,
                          const TensorView& sum, const TensorView& weight, const TensorView& bias, int64_t groups,
                          double eps, NormActivation activation, const TensorView& grad_x,
                          const TensorView& grad_weight, const TensorView& grad_bias) {
  DispatchFloat(sum.dtype, [&](auto type) {
    using T = decltype(type);
    const auto run =
        activation == NormActivation::kSilu ? GroupNormGradient<T, true, true> : GroupNormGradient<T, false, true>;
    run(context, grad_y, sum, weight, bias, grad_sum, groups, eps, grad_x, grad_weight, grad_bias);
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(AddGroupNorm);
HWY_EXPORT(AddGroupNormBackward);

void AddGroupNormCpu(const OpContext& context, const TensorView& x, const TensorView& residual,
                     const TensorView& weight, const TensorView& bias, int64_t groups, double eps,
                     NormActivation activation, const TensorView& y, const TensorView& sum) {
  HWY_DYNAMIC_DISPATCH(AddGroupNorm)(context, x, residual, weight, bias, groups, eps, activation, y, sum);
}

void AddGroupNormBackwardCpu(const OpContext& context, const TensorView& grad_y, const TensorView& grad_sum,
                             const TensorView& sum, const TensorView& weight, const TensorView& bias, int64_t groups,
                             double eps, NormActivation activation, const TensorView& grad_x,
                             const TensorView& grad_weight, const TensorView& grad_bias) {
  HWY_DYNAMIC_DISPATCH(AddGroupNormBackward)(context, grad_y, grad_sum, sum, weight, bias, groups, eps, activation,
                                             grad_x, grad_weight, grad_bias);
}

}  // namespace strata
#endif  // HWY_ONCE
