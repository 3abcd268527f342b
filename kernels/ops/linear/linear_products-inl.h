// linear's products in class ieee, by dtype: each dtype's code takes seconds to compile, so that files share them.
// Included once per SIMD target.
//
//   Forward<double>(context, call, blocks);
#if defined(STRATA_KERNELS_OPS_LINEAR_LINEAR_PRODUCTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_OPS_LINEAR_LINEAR_PRODUCTS_INL_H_
#undef STRATA_KERNELS_OPS_LINEAR_LINEAR_PRODUCTS_INL_H_
#else
#define STRATA_KERNELS_OPS_LINEAR_LINEAR_PRODUCTS_INL_H_
#endif

#include "kernels/ops/linear/linear.h"
#include "kernels/simd/epilogue-inl.h"
#include "kernels/simd/gemm-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

template <class T>
Matrix<T> RowMajor(const TensorView& view) {
  return {view.In<T>(), static_cast<size_t>(view.size(-1)), 1};
}
template <class T>
Matrix<T> Transposed(Matrix<T> matrix) {
  return {matrix.data, matrix.column_stride, matrix.row_stride};
}

// Where sums of type F may wait: in the output, if that is its type.
template <class F>
F* InPlace(const TensorView& y) {
  return y.dtype == kDTypeOf<F> ? y.Out<F>() : nullptr;
}

template <class T>
void Forward(const OpContext& context, const LinearCall& c, GemmBlocks blocks) {
  using F = ComputeType<T>;
  const GemmShape shape{static_cast<size_t>(c.x.rows()), static_cast<size_t>(c.weight.size(0)),
                        static_cast<size_t>(c.weight.size(1))};
  const auto in = [](const TensorView* view) { return view != nullptr ? view->In<T>() : nullptr; };
  const Epilogue<T> epilogue{.y = c.y.Out<T>(),
                             .width = shape.n,
                             .bias = in(c.bias),
                             .activation = c.activation,
                             .gate = in(c.gate),
                             .residual = in(c.residual),
                             .before = c.before != nullptr ? c.before->Out<T>() : nullptr};
  Gemm<F>(context, shape, Matrix<T>{c.x.In<T>(), shape.k, 1}, Transposed(RowMajor<T>(c.weight)),
          static_cast<const F*>(c.weight.prepared), InPlace<F>(c.y), epilogue,
          /*more=*/false, blocks);
}

// grad_x and grad_weight, of the gradient of the sums.
template <class T>
void Products(const OpContext& context, const LinearBackwardCall& c, const TensorView& sums_grad) {
  using F = ComputeType<T>;
  const size_t rows = static_cast<size_t>(c.x.rows()), out = static_cast<size_t>(c.weight.size(0)),
               in = static_cast<size_t>(c.weight.size(1));
  const Matrix<T> grad{sums_grad.In<T>(), out, 1}, inputs{c.x.In<T>(), in, 1};
  const F* const unpacked = nullptr;
  if (c.grad_x.numel() > 0) {
    Gemm<F>(context, {rows, in, out}, grad, RowMajor<T>(c.weight), unpacked, InPlace<F>(c.grad_x),
            Epilogue<T>{.y = c.grad_x.Out<T>(), .width = in});
  }
  if (c.grad_weight.numel() > 0) {
    Gemm<F>(context, {out, in, rows}, Transposed(grad), inputs, unpacked, InPlace<F>(c.grad_weight),
            Epilogue<T>{.y = c.grad_weight.Out<T>(), .width = in});
  }
}

template <class T>
void Prepare(const TensorView& weight, void* out) {
  PackB({0, static_cast<size_t>(weight.size(0)), static_cast<size_t>(weight.size(1))}, Transposed(RowMajor<T>(weight)),
        static_cast<ComputeType<T>*>(out));
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
