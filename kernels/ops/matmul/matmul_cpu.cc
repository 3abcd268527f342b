#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/matmul/matmul_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/core/typed_kernel.h"
#include "kernels/dot/bf16_product.h"
#include "kernels/ops/matmul/matmul.h"
#include "kernels/simd/epilogue-inl.h"
#include "kernels/simd/gemm-inl.h"
#include "kernels/simd/gemm_batch.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

template <class T>
Matrix<T> MatrixOf(const MatmulOperand& operand, size_t product) {
  return {operand.view->In<T>() + operand.Offset(product), operand.row_stride, operand.column_stride};
}

// One product.
void Matmul(const OpContext& context, const MatmulBatch& all, size_t product) {
  DispatchFloat(all.c->dtype, [&](auto type) {
    using T = decltype(type);
    using F = ComputeType<T>;
    T* const out = all.c->Out<T>() + product * all.m * all.n;
    F* partial = nullptr;
    if constexpr (std::is_same_v<T, F>) partial = out;
    Gemm<F>(context, {all.m, all.n, all.k}, MatrixOf<T>(all.a, product), MatrixOf<T>(all.b, product),
            static_cast<const F*>(nullptr), partial, Epilogue<T>{.y = out, .width = all.n});
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(Matmul);

namespace {

size_t Size(const TensorView& view, int dim) { return static_cast<size_t>(view.size(dim)); }
size_t Stride(const TensorView& view, int dim) { return static_cast<size_t>(view.stride(dim)); }

size_t Leading(const TensorView& view) {
  size_t n = 1;
  for (int d = 0; d + 2 < view.rank; ++d) n *= Size(view, d);
  return n;
}

// Whether every place of the leading dims has the same matrix.
bool Shared(const TensorView& view) {
  for (int d = 0; d + 2 < view.rank; ++d) {
    if (view.size(d) > 1 && view.stride(d) != 0) return false;
  }
  return true;
}

// From one matrix to the next.
size_t InnerStride(const TensorView& view) {
  for (int d = view.rank - 3; d >= 0; --d) {
    if (view.size(d) > 1) return Stride(view, d);
  }
  return 1;
}

// Whether the rows of all matrices, from place to place, lie `row_stride` apart.
bool RowsGoOn(const TensorView& view, size_t rows, size_t row_stride) {
  size_t step = rows * row_stride;
  for (int d = view.rank - 3; d >= 0; step *= Size(view, d--)) {
    if (view.size(d) > 1 && Stride(view, d) != step) return false;
  }
  return true;
}

// run(context, product) for every product: each on one thread while there are enough of them, which then have
// `alone_bytes` of the workspace, else each on all.
template <class Run>
void ForProducts(const OpContext& context, const MatmulBatch& all, size_t alone_bytes, Run run) {
  if (!WholeProducts(all.batch, context.parallel->num_threads())) {
    for (size_t p = 0; p < all.batch; ++p) run(context, p);
    return;
  }
  // About 12 us of work for a thread.
  const size_t grain = 1 + (size_t{1} << 19) / (1 + all.m * all.n * all.k);
  ParallelChunks(*context.parallel, static_cast<int64_t>(all.batch), static_cast<int64_t>(grain),
                 [&](int chunk, int64_t begin, int64_t end) {
                   OpContext alone = context;
                   alone.parallel = &Serial();
                   alone.workspace = context.workspace + static_cast<size_t>(chunk) * alone_bytes;
                   for (int64_t p = begin; p < end; ++p) run(alone, static_cast<size_t>(p));
                 });
}

Bf16Matrix Bf16Of(const MatmulOperand& operand, size_t product) {
  return {operand.view->In<uint16_t>() + operand.Offset(product), operand.row_stride, operand.column_stride};
}

}  // namespace

// Of a dim of one element the stride says nothing: 1 lets packing be fast.
MatmulOperand::MatmulOperand(const TensorView& operand, bool transposed)
    : view(&operand),
      row_stride(Size(operand, -2) == 1 ? 1 : Stride(operand, -2)),
      column_stride(Size(operand, -1) == 1 ? 1 : Stride(operand, -1)) {
  if (transposed) std::swap(row_stride, column_stride);
}

size_t MatmulOperand::Offset(size_t product) const {
  size_t offset = 0;
  for (int d = view->rank - 3; d >= 0; product /= Size(*view, d--)) {
    offset += product % Size(*view, d) * Stride(*view, d);
  }
  return offset;
}

MatmulBatch::MatmulBatch(MatmulOperand a, MatmulOperand b, size_t k, const TensorView& c)
    : a(a), b(b), c(&c), batch(Leading(c)), m(Size(c, -2)), n(Size(c, -1)), k(k) {
  if (batch <= 1 || !Shared(*b.view)) return;
  const size_t row_stride = m > 1 ? a.row_stride : InnerStride(*a.view);
  if (RowsGoOn(*a.view, m, row_stride)) this->a.row_stride = row_stride, m *= batch, batch = 1;
}

void MatmulCpu(const OpContext& context, const MatmulBatch& all) {
  const size_t element = all.c->dtype == DType::kF64 ? sizeof(double) : sizeof(float);
  const GemmOptions options{.in_place = all.c->dtype != DType::kBF16};
  ForProducts(context, all, PlanGemm({all.m, all.n, all.k}, element, options, 1).bytes(),
              [&](const OpContext& on, size_t p) { HWY_DYNAMIC_DISPATCH(Matmul)(on, all, p); });
}

void MatmulBf16(const OpContext& context, const DotKernel& kernel, const MatmulBatch& all) {
  const Bf16Shape shape{all.m, all.n, all.k};
  ForProducts(context, all, Bf16ProductBytes(kernel, shape, false, 1), [&](const OpContext& on, size_t p) {
    uint16_t* const c = all.c->Out<uint16_t>() + p * all.m * all.n;
    const auto finish = [&](const DotSums& sums) { StoreBf16Sums(sums, c, all.n); };
    Bf16Product(on, kernel, shape, Bf16Of(all.a, p), Bf16Of(all.b, p), nullptr, finish,
                {c, all.n * sizeof(BF16), sizeof(BF16)});
  });
}

}  // namespace strata
#endif  // HWY_ONCE
