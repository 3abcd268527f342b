#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/add/add_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/add/add.h"
#include "kernels/simd/row-inl.h"
#include "kernels/simd/stream-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

// As rows of so many elements, so that chunks begin with whole lines; what is left of the last one is not streamed.
template <class T>
void Forward(const OpContext& context, const T* x, const T* y, int64_t n, T* z) {
  const hn::ScalableTag<ComputeType<T>> d;
  constexpr int64_t kRow = 4096;
  const bool stream = Streams<T>(z, n, kRow);
  ForRows(*context.parallel, (n + kRow - 1) / kRow, kRow, stream, [&](int64_t r) HWY_ATTR {
    const T *first = x + r * kRow, *second = y + r * kRow;
    const int64_t count = std::min(kRow, n - r * kRow);
    MapRow(
        d, static_cast<size_t>(count), stream && count == kRow, z + r * kRow,
        [&](auto at) HWY_ATTR { return hn::Add(at(first), at(second)); }, first + kRow, second + kRow);
  });
}

void Add(const OpContext& context, const TensorView& x, const TensorView& y, const TensorView& z) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    Forward(context, x.In<T>(), y.In<T>(), x.numel(), z.Out<T>());
  });
}

}  // namespace
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
