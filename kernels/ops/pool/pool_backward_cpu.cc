#include <algorithm>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/pool/pool_backward.h"

namespace strata {

size_t PoolBackwardThreadBytes(const Windows& windows, size_t element) {
  return (static_cast<size_t>(windows.image()) * element + 63) / 64 * 64;
}

void PoolBackwardCpu(const OpContext& context, const PoolCall& call, const TensorView& grad_x) {
  DispatchFloat(grad_x.dtype, [&](auto type) {
    using T = decltype(type);
    using F = std::conditional_t<std::is_same_v<T, double>, double, float>;
    const Windows& w = call.windows;
    const int64_t image = w.image(), work = w.places() * w.taps() + image;
    const size_t bytes = PoolBackwardThreadBytes(w, sizeof(F));
    ParallelChunks(*context.parallel, call.channels, 1 + 16384 / (work + 1),
                   [&](int chunk, int64_t begin, int64_t end) {
                     F* const sums = reinterpret_cast<F*>(context.workspace + static_cast<size_t>(chunk) * bytes);
                     for (int64_t c = begin; c < end; ++c) {
                       std::fill_n(sums, image, F(0));
                       AddPoolGradients(call, call.x.In<T>() + c * image, call.y.In<T>() + c * w.places(), sums);
                       T* const to = grad_x.Out<T>() + c * image;
                       for (int64_t i = 0; i < image; ++i) to[i] = FromDouble<T>(static_cast<double>(sums[i]));
                     }
                   });
  });
}

}  // namespace strata
