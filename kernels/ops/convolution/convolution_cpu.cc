// Chooses among the kernels of convolutions; those that see one channel each.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/convolution/convolution_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/convolution/convolution.h"
#include "kernels/simd/depthwise-inl.h"
#include "kernels/simd/depthwise_lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

void DepthwiseAll(const OpContext& context, const Convolution& c) {
  const bool lanes = DepthwiseLanesSpace::Pays(c);
  DispatchFloat(c.y->dtype, [&](auto type) {
    lanes ? DepthwiseLanes<decltype(type)>(context, c) : Depthwise<decltype(type)>(context, c);
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(DepthwiseAll);

void ConvolutionCpu(const OpContext& context, const Convolution& c) {
  if (c.y->numel() == 0) return;
  if (c.Depthwise()) return HWY_DYNAMIC_DISPATCH(DepthwiseAll)(context, c);
  if (c.y->dtype == DType::kF32) return ConvolutionF32(context, c);
  c.y->dtype == DType::kF64 ? ConvolutionF64(context, c) : ConvolutionBf16(context, c);
}

void ConvolutionPrepareCpu(const TensorView& weight, void* out) {
  if (weight.dtype == DType::kF32) return ConvolutionPrepareF32(weight, out);
  weight.dtype == DType::kF64 ? ConvolutionPrepareF64(weight, out) : ConvolutionPrepareBf16(weight, out);
}

}  // namespace strata
#endif  // HWY_ONCE
