#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/argmax/argmax_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/argmax/argmax.h"
#include "kernels/simd/argmax-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

void Argmax(const OpContext& context, const TensorView& x, bool smallest, const TensorView& index) {
  const int64_t n = x.size(-1);
  const auto length = static_cast<size_t>(n);
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    ParallelChunks(*context.parallel, x.rows(), 1 + 32768 / n, [&](int, int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const T* row = x.In<T>() + r * n;
        const size_t at =
            smallest ? FirstExtreme<Reduction::kMin>(row, length) : FirstExtreme<Reduction::kMax>(row, length);
        index.Out<int64_t>()[r] = static_cast<int64_t>(at);
      }
    });
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(Argmax);

void ArgmaxCpu(const OpContext& context, const TensorView& x, bool smallest, const TensorView& index) {
  HWY_DYNAMIC_DISPATCH(Argmax)(context, x, smallest, index);
}

}  // namespace strata
#endif  // HWY_ONCE
