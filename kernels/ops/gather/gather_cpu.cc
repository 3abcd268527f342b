// No Highway: the time goes into reads that lie anywhere.
#include <algorithm>
#include <type_traits>

#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/gather/gather.h"

namespace strata {
namespace {

int64_t RowGrain(int64_t row) { return 1 + 16384 / (row + 1); }

}  // namespace

void GatherCpu(const OpContext& context, const TensorView& x, const TensorView& index, const TensorView& y) {
  const int64_t picked = index.size(-1), width = x.size(-1);
  if (y.numel() == 0) return;
  DispatchBits(x.dtype, [&](auto bits) {
    DispatchIndex(index.dtype, [&](auto place) {
      using T = decltype(bits);
      ParallelChunks(*context.parallel, y.numel() / picked, RowGrain(picked), [&](int, int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          const T* from = x.In<T>() + row * width;
          const auto* at = index.In<decltype(place)>() + row * picked;
          T* to = y.Out<T>() + row * picked;
          for (int64_t k = 0; k < picked; ++k) to[k] = from[at[k]];
        }
      });
    });
  });
}

void GatherBackwardCpu(const OpContext& context, const TensorView& grad_y, const TensorView& x, const TensorView& index,
                       const TensorView& grad_x) {
  const int64_t picked = index.size(-1), width = x.size(-1);
  if (grad_x.numel() == 0) return;
  DispatchFloat(grad_y.dtype, [&](auto type) {
    DispatchIndex(index.dtype, [&](auto place) {
      using T = decltype(type);
      using Sum = std::conditional_t<std::is_same_v<T, BF16>, float, T>;
      const auto work = [&](int thread, int64_t begin, int64_t end) {
        auto* own = reinterpret_cast<Sum*>(context.workspace) + (std::is_same_v<T, Sum> ? 0 : thread * width);
        for (int64_t row = begin; row < end; ++row) {
          T* to = grad_x.Out<T>() + row * width;
          Sum* sums = own;
          if constexpr (std::is_same_v<T, Sum>) sums = to;
          std::fill_n(sums, width, Sum{0});
          for (int64_t i = row * picked; i < (row + 1) * picked; ++i) {
            const T grad = grad_y.In<T>()[i];
            if constexpr (std::is_same_v<T, Sum>) {
              sums[index.In<decltype(place)>()[i]] += grad;
            } else {
              sums[index.In<decltype(place)>()[i]] += ToFloat(grad);
            }
          }
          if constexpr (!std::is_same_v<T, Sum>) std::transform(sums, sums + width, to, ToBF16);
        }
      };
      ParallelChunks(*context.parallel, grad_x.numel() / width, RowGrain(picked + width), work);
    });
  });
}

}  // namespace strata
