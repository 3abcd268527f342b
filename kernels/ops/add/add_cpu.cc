#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/add/add_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/add/add.h"
#include "kernels/simd/row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

template <class T>
void Forward(const OpContext& context, const T* x, const T* y, int64_t n, T* z) {
  const hn::ScalableTag<ComputeType<T>> d;
  ParallelChunks(*context.parallel, n, 16384, [&](int, int64_t begin, int64_t end) HWY_ATTR {
    Map(d, static_cast<size_t>(end - begin), z + begin,
        [&](auto at) HWY_ATTR { return hn::Add(at(x + begin), at(y + begin)); });
  });
}

void Add(const OpContext& context, const TensorView& x, const TensorView& y, const TensorView& z) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    Forward(context, x.In<T>(), y.In<T>(), x.numel(), z.Out<T>());
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(Add);

void AddCpu(const OpContext& context, const TensorView& x, const TensorView& y, const TensorView& z) {
  HWY_DYNAMIC_DISPATCH(Add)(context, x, y, z);
}

}  // namespace strata
#endif  // HWY_ONCE
