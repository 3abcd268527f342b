#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/clip_grad_norm/clip_grad_norm_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include <cmath>

#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/clip_grad_norm/clip_grad_norm.h"
#include "kernels/simd/row-inl.h"
#include "kernels/simd/tensor_chunks.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

void SumSquares(const OpContext& context, Tensors grads, double* sums) {
  DispatchFloat(grads[0].dtype, [&](auto type) {
    using T = decltype(type);
    ForTensorChunks(*context.parallel, grads, [&](size_t i, int64_t begin, int64_t end, int64_t chunk) {
      const hn::ScalableTag<ComputeType<T>> d;
      const T* g = grads[i].In<T>() + begin;
      sums[chunk] = LaneSum(d, static_cast<size_t>(end - begin), [&](auto acc, auto at) HWY_ATTR {
        const auto v = at(g);
        return hn::MulAdd(v, v, acc);
      });
    });
  });
}

void Scale(const OpContext& context, Tensors grads, double factor) {
  DispatchFloat(grads[0].dtype, [&](auto type) {
    using T = decltype(type);
    using F = ComputeType<T>;
    ForTensorChunks(*context.parallel, grads, [&](size_t i, int64_t begin, int64_t end, int64_t) {
      const hn::ScalableTag<F> d;
      T* g = grads[i].Out<T>() + begin;
      const auto scale = hn::Set(d, static_cast<F>(factor));
      Map(d, static_cast<size_t>(end - begin), g, [&](auto at) HWY_ATTR { return hn::Mul(at(g), scale); });
    });
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(SumSquares);
HWY_EXPORT(Scale);

void ClipGradNormCpu(const OpContext& context, Tensors grads, double max_norm, const TensorView& norm) {
  auto* sums = reinterpret_cast<double*>(context.workspace);
  HWY_DYNAMIC_DISPATCH(SumSquares)(context, grads, sums);
  double squares = 0;
  for (int64_t chunk = 0; chunk < TensorChunks(grads); ++chunk) squares += sums[chunk];
  const double total = std::sqrt(squares), factor = max_norm / (total + 1e-6);
  DispatchFloat(norm.dtype, [&](auto type) { norm.Out<decltype(type)>()[0] = FromDouble<decltype(type)>(total); });
  if (!(factor >= 1)) HWY_DYNAMIC_DISPATCH(Scale)(context, grads, factor);
}

}  // namespace strata
#endif  // HWY_ONCE
