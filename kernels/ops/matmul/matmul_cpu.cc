#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/matmul/matmul_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/matmul/matmul.h"
#include "kernels/simd/gemm-inl.h"
#include "kernels/simd/gemm_batch.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

template <class T>
struct Write2D {
  T* c;
  size_t width;

  template <class D>
  HWY_INLINE void operator()(D d, size_t row, size_t column, hn::Vec<D> sum, size_t count) const {
    T* out = c + row * width + column;
    count >= hn::MaxLanes(D()) ? Write(sum, d, out) : WriteN(sum, d, out, count);
  }
};

// The matrices of a batch lie end to end; a step of `step` elements leads to the next.
template <class T>
struct Matrices {
  Matrix<T> first;
  size_t step;

  Matrix<T> at(size_t i) const { return {first.data + i * step, first.row_stride, first.column_stride}; }
};
template <class T>
Matrices<T> RowMajor(const TensorView& view) {
  const auto columns = static_cast<size_t>(view.size(-1));
  return {{view.In<T>(), columns, 1}, static_cast<size_t>(view.size(-2)) * columns};
}
template <class T>
Matrices<T> Transposed(const TensorView& view) {
  const auto columns = static_cast<size_t>(view.size(-1));
  return {{view.In<T>(), 1, columns}, static_cast<size_t>(view.size(-2)) * columns};
}

template <class T>
void Products(const OpContext& context, size_t batch, GemmShape shape, Matrices<T> a, Matrices<T> b, T* c) {
  using F = ComputeType<T>;
  const auto run = [&](const OpContext& on, size_t i) {
    T* const out = c + i * shape.m * shape.n;
    F* partial = nullptr;
    if constexpr (std::is_same_v<T, F>) partial = out;
    Gemm<F>(on, shape, a.at(i), b.at(i), static_cast<const F*>(nullptr), partial, Write2D<T>{out, shape.n});
  };
  if (!WholeProducts(batch, context.parallel->num_threads())) {
    for (size_t i = 0; i < batch; ++i) run(context, i);
    return;
  }
  const size_t bytes = PlanGemm(shape, sizeof(F), {.in_place = std::is_same_v<T, F>}, 1).bytes();
  // About 12 us of work for a thread.
  const size_t grain = 1 + (size_t{1} << 19) / (1 + shape.m * shape.n * shape.k);
  ParallelChunks(*context.parallel, static_cast<int64_t>(batch), static_cast<int64_t>(grain),
                 [&](int chunk, int64_t begin, int64_t end) {
                   OpContext alone = context;
                   alone.parallel = &Serial();
                   alone.workspace = context.workspace + static_cast<size_t>(chunk) * bytes;
                   for (int64_t i = begin; i < end; ++i) run(alone, static_cast<size_t>(i));
                 });
}

size_t BatchOf(const TensorView& view) {
  size_t n = 1;
  for (int i = 0; i + 2 < view.rank; ++i) n *= static_cast<size_t>(view.size(i));
  return n;
}

void Matmul(const OpContext& context, const TensorView& a, const TensorView& b, const TensorView& c) {
  const auto m = static_cast<size_t>(a.size(-2)), k = static_cast<size_t>(a.size(-1)),
             n = static_cast<size_t>(b.size(-1));
  DispatchFloat(a.dtype, [&](auto type) {
    using T = decltype(type);
    Products<T>(context, BatchOf(c), {m, n, k}, RowMajor<T>(a), RowMajor<T>(b), c.Out<T>());
  });
}

void MatmulBackward(const OpContext& context, const TensorView& grad_c, const TensorView& a, const TensorView& b,
                    const TensorView& grad_a, const TensorView& grad_b) {
  const auto m = static_cast<size_t>(a.size(-2)), k = static_cast<size_t>(a.size(-1)),
             n = static_cast<size_t>(b.size(-1));
  DispatchFloat(a.dtype, [&](auto type) {
    using T = decltype(type);
    Products<T>(context, BatchOf(a), {m, k, n}, RowMajor<T>(grad_c), Transposed<T>(b), grad_a.Out<T>());
    Products<T>(context, BatchOf(a), {k, n, m}, Transposed<T>(a), RowMajor<T>(grad_c), grad_b.Out<T>());
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(Matmul);
HWY_EXPORT(MatmulBackward);

void MatmulCpu(const OpContext& context, const TensorView& a, const TensorView& b, const TensorView& c) {
  HWY_DYNAMIC_DISPATCH(Matmul)(context, a, b, c);
}

void MatmulBackwardCpu(const OpContext& context, const TensorView& grad_c, const TensorView& a, const TensorView& b,
                       const TensorView& grad_a, const TensorView& grad_b) {
  HWY_DYNAMIC_DISPATCH(MatmulBackward)(context, grad_c, a, b, grad_a, grad_b);
}

}  // namespace strata
#endif  // HWY_ONCE
