#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/linear/linear_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/ops/linear/linear_products-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

// float32 and bfloat16, which share tiles.
void Linear(const OpContext& context, const LinearCall& call, GemmBlocks blocks) {
  call.x.dtype == DType::kF32 ? Forward<float>(context, call, blocks) : Forward<BF16>(context, call, blocks);
}
void LinearPrepare(const TensorView& weight, void* out) {
  weight.dtype == DType::kF32 ? Prepare<float>(weight, out) : Prepare<BF16>(weight, out);
}
void LinearProducts(const OpContext& context, const LinearBackwardCall& call, const TensorView& sums_grad) {
  call.x.dtype == DType::kF32 ? Products<float>(context, call, sums_grad) : Products<BF16>(context, call, sums_grad);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(Linear);
HWY_EXPORT(LinearPrepare);
HWY_EXPORT(LinearProducts);

void LinearCpu(const OpContext& context, const LinearCall& call, GemmBlocks blocks) {
  if (call.x.dtype == DType::kF64) return LinearF64(context, call, blocks);
  HWY_DYNAMIC_DISPATCH(Linear)(context, call, blocks);
}

void LinearPrepareCpu(const TensorView& weight, void* out) {
  if (weight.dtype == DType::kF64) return LinearPrepareF64(weight, out);
  HWY_DYNAMIC_DISPATCH(LinearPrepare)(weight, out);
}

void LinearBackwardCpu(const OpContext& context, const Call& call) {
  const LinearBackwardCall c(call);
  OpContext products;
  const auto forward = [](const OpContext& on, const LinearCall& made) { LinearCpu(on, made); };
  const TensorView sums_grad = LinearBackwardElements(context, c, forward, &products);
  if (c.x.dtype == DType::kF64) return LinearProductsF64(products, c, sums_grad);
  HWY_DYNAMIC_DISPATCH(LinearProducts)(products, c, sums_grad);
}

}  // namespace strata
#endif  // HWY_ONCE
