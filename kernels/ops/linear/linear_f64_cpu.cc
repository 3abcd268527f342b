// linear in float64.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/linear/linear_f64_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/ops/linear/linear_products-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

void LinearDouble(const OpContext& context, const LinearCall& call, GemmBlocks blocks) {
  Forward<double>(context, call, blocks);
}
void PrepareDouble(const TensorView& weight, void* out) { Prepare<double>(weight, out); }
void ProductsDouble(const OpContext& context, const LinearBackwardCall& call, const TensorView& sums_grad) {
  Products<double>(context, call, sums_grad);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(LinearDouble);
HWY_EXPORT(PrepareDouble);
HWY_EXPORT(ProductsDouble);

void LinearF64(const OpContext& context, const LinearCall& call, GemmBlocks blocks) {
  HWY_DYNAMIC_DISPATCH(LinearDouble)(context, call, blocks);
}

void LinearPrepareF64(const TensorView& weight, void* out) { HWY_DYNAMIC_DISPATCH(PrepareDouble)(weight, out); }

void LinearProductsF64(const OpContext& context, const LinearBackwardCall& call, const TensorView& sums_grad) {
  HWY_DYNAMIC_DISPATCH(ProductsDouble)(context, call, sums_grad);
}

}  // namespace strata
#endif  // HWY_ONCE
