// linear in bfloat16 by dot-product instructions: classes bf16-dot (vdpbf16ps) and bf16-amx (docs/design/numerics.md).
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/linear/linear_bf16_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/dot/bf16_product.h"
#include "kernels/ops/linear/linear.h"
#include "kernels/simd/epilogue-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

void FinishBf16(const DotSums& sums, const LinearCall& call) {
  const hn::ScalableTag<float> d;
  const auto in = [](const TensorView* view) { return view != nullptr ? view->In<BF16>() : nullptr; };
  const Epilogue<BF16> epilogue{.y = call.y.Out<BF16>(),
                                .width = static_cast<size_t>(call.y.size(-1)),
                                .bias = in(call.bias),
                                .activation = call.activation,
                                .gate = in(call.gate),
                                .residual = in(call.residual),
                                .before = call.before != nullptr ? call.before->Out<BF16>() : nullptr};
  for (size_t r = 0; r < sums.rows; ++r) {
    const float* from = reinterpret_cast<const float*>(sums.sums) + r * sums.stride;
    for (size_t c = 0; c < sums.columns; c += hn::MaxLanes(d)) {
      epilogue(d, sums.row + r, sums.column + c, hn::LoadU(d, from + c), sums.columns - c);
    }
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(FinishBf16);

namespace {

size_t Size(const TensorView& view, int dim) { return static_cast<size_t>(view.size(dim)); }

Bf16Matrix RowMajor(const TensorView& view) { return {view.In<uint16_t>(), Size(view, -1), 1}; }
Bf16Matrix Transposed(const TensorView& view) { return {view.In<uint16_t>(), 1, Size(view, -1)}; }

// `call` says what becomes of the sums; of its operands only what is no sum is read.
void Product(const OpContext& context, const DotKernel& kernel, size_t k, Bf16Matrix a, Bf16Matrix b,
             const void* packed, const LinearCall& call) {
  const size_t width = Size(call.y, -1);
  const auto finish = [&](const DotSums& sums) {
    call.plain() ? StoreBf16Sums(sums, call.y.Out<uint16_t>(), width) : HWY_DYNAMIC_DISPATCH(FinishBf16)(sums, call);
  };
  Bf16Product(context, kernel, {static_cast<size_t>(call.y.rows()), width, k}, a, b, packed, finish,
              {call.y.data, width * sizeof(BF16), sizeof(BF16)});
}

void Forward(const OpContext& context, const DotKernel& kernel, const LinearCall& call) {
  Product(context, kernel, Size(call.weight, 1), RowMajor(call.x), Transposed(call.weight), call.weight.prepared, call);
}

void Backward(const OpContext& context, const DotKernel& kernel, const LinearBackwardCall& call) {
  OpContext products;
  const TensorView grad = LinearBackwardElements(
      context, call, [&](const OpContext& on, const LinearCall& forward) { Forward(on, kernel, forward); }, &products);
  const TensorView &x = call.x, &weight = call.weight;
  if (call.grad_x.numel() > 0) {
    Product(products, kernel, Size(weight, 0), RowMajor(grad), RowMajor(weight), nullptr,
            LinearCall(grad, weight, nullptr, call.grad_x));
  }
  if (call.grad_weight.numel() > 0) {
    Product(products, kernel, static_cast<size_t>(x.rows()), Transposed(grad), RowMajor(x), nullptr,
            LinearCall(grad, x, nullptr, call.grad_weight));
  }
}

}  // namespace

void LinearBf16Dot(const OpContext& context, const Call& call) { Forward(context, Bf16DotKernel(), LinearCall(call)); }

void LinearBf16DotNarrow(const OpContext& context, const Call& call) {
  Forward(context, Bf16DotNarrowKernel(), LinearCall(call));
}
void LinearBf16Amx(const OpContext& context, const Call& call) { Forward(context, Bf16AmxKernel(), LinearCall(call)); }

void LinearBf16Prepare(const TensorView& weight, void* out) {
  PackBf16({0, Size(weight, 0), Size(weight, 1)}, Transposed(weight), out);
}

void LinearBackwardBf16Dot(const OpContext& context, const Call& call) {
  Backward(context, Bf16DotKernel(), LinearBackwardCall(call));
}
void LinearBackwardBf16Amx(const OpContext& context, const Call& call) {
  Backward(context, Bf16AmxKernel(), LinearBackwardCall(call));
}

}  // namespace strata
#endif  // HWY_ONCE
