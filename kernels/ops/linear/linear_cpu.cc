#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/linear/linear_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/linear/linear.h"
#include "kernels/simd/activation-inl.h"
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

// Rounds to T before the activation, as linear alone would.
template <class T>
struct Finish {
  T* y;
  size_t width;
  const T* bias;  // or nullptr
  Activation activation = Activation::kNone;

  template <class D>
  HWY_INLINE void operator()(D d, size_t row, size_t column, hn::Vec<D> sum, size_t count) const {
    T* out = y + row * width + column;
    if (count >= hn::MaxLanes(D())) {
      if (bias != nullptr) sum = hn::Add(sum, Read(d, bias + column));
      if (activation != Activation::kNone) sum = Activate(d, activation, RoundTo<T>(d, sum));
      Write(sum, d, out);
    } else {
      if (bias != nullptr) sum = hn::Add(sum, ReadN(d, bias + column, count));
      if (activation != Activation::kNone) sum = Activate(d, activation, RoundTo<T>(d, sum));
      WriteN(sum, d, out, count);
    }
  }
};

// Where sums of type F may wait: in the output, if that is its type.
template <class F>
F* InPlace(const TensorView& y) {
  return y.dtype == kDTypeOf<F> ? y.Out<F>() : nullptr;
}

template <class T>
void Forward(const OpContext& context, const TensorView& x, const TensorView& weight, const TensorView* bias,
             Activation activation, const TensorView& y) {
  using F = ComputeType<T>;
  const GemmShape shape{static_cast<size_t>(x.rows()), static_cast<size_t>(weight.size(0)),
                        static_cast<size_t>(weight.size(1))};
  const Finish<T> finish{y.Out<T>(), shape.n, bias != nullptr ? bias->In<T>() : nullptr, activation};
  Gemm<F>(context, shape, Matrix<T>{x.In<T>(), shape.k, 1}, Transposed(RowMajor<T>(weight)),
          static_cast<const F*>(weight.prepared), InPlace<F>(y), finish);
}

// Down the rows in order, in blocks of kSumBlock.
template <class T>
void SumRows(const OpContext& context, Matrix<T> rows, size_t num_rows, size_t width, T* out) {
  const hn::ScalableTag<ComputeType<T>> d;
  ParallelChunks(*context.parallel, static_cast<int64_t>(width), 256, [&](int, int64_t begin, int64_t end) HWY_ATTR {
    const T* first = rows.data + begin;
    Map(d, static_cast<size_t>(end - begin), out + begin, [&](auto at) HWY_ATTR {
      auto total = hn::Zero(d);
      for (size_t block = 0; block < num_rows; block += kSumBlock) {
        auto sum = hn::Zero(d);
        for (size_t r = block; r < std::min(num_rows, block + kSumBlock); ++r) {
          sum = hn::Add(sum, at(first + r * rows.row_stride));
        }
        total = hn::Add(total, sum);
      }
      return total;
    });
  });
}

template <class T>
void Backward(const OpContext& context, const TensorView& grad_y, const TensorView& x, const TensorView& weight,
              const TensorView& grad_x, const TensorView& grad_weight, const TensorView& grad_bias) {
  using F = ComputeType<T>;
  const size_t rows = static_cast<size_t>(x.rows()), out = static_cast<size_t>(weight.size(0)),
               in = static_cast<size_t>(weight.size(1));
  const Matrix<T> grad{grad_y.In<T>(), out, 1}, inputs{x.In<T>(), in, 1};
  const F* const unpacked = nullptr;
  Gemm<F>(context, {rows, in, out}, grad, RowMajor<T>(weight), unpacked, InPlace<F>(grad_x),
          Finish<T>{grad_x.Out<T>(), in, nullptr});
  Gemm<F>(context, {out, in, rows}, Transposed(grad), inputs, unpacked, InPlace<F>(grad_weight),
          Finish<T>{grad_weight.Out<T>(), in, nullptr});
  SumRows(context, grad, rows, out, grad_bias.Out<T>());
}

void Linear(const OpContext& context, const TensorView& x, const TensorView& weight, const TensorView* bias,
            Activation activation, const TensorView& y) {
  DispatchFloat(x.dtype, [&](auto type) { Forward<decltype(type)>(context, x, weight, bias, activation, y); });
}
void LinearPrepare(const TensorView& weight, void* out) {
  DispatchFloat(weight.dtype, [&](auto type) {
    using T = decltype(type);
    PackB({0, static_cast<size_t>(weight.size(0)), static_cast<size_t>(weight.size(1))},
          Transposed(RowMajor<T>(weight)), static_cast<ComputeType<T>*>(out));
  });
}
void LinearBackward(const OpContext& context, const TensorView& grad_y, const TensorView& x, const TensorView& weight,
                    const TensorView& grad_x, const TensorView& grad_weight, const TensorView& grad_bias) {
  DispatchFloat(x.dtype, [&](auto type) {
    Backward<decltype(type)>(context, grad_y, x, weight, grad_x, grad_weight, grad_bias);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(Linear);
HWY_EXPORT(LinearPrepare);
HWY_EXPORT(LinearBackward);

void LinearCpu(const OpContext& context, const TensorView& x, const TensorView& weight, const TensorView* bias,
               Activation activation, const TensorView& y) {
  HWY_DYNAMIC_DISPATCH(Linear)(context, x, weight, bias, activation, y);
}

void LinearPrepareCpu(const TensorView& weight, void* out) { HWY_DYNAMIC_DISPATCH(LinearPrepare)(weight, out); }

void LinearBackwardCpu(const OpContext& context, const TensorView& grad_y, const TensorView& x,
                       const TensorView& weight, const TensorView& grad_x, const TensorView& grad_weight,
                       const TensorView& grad_bias) {
  HWY_DYNAMIC_DISPATCH(LinearBackward)(context, grad_y, x, weight, grad_x, grad_weight, grad_bias);
}

}  // namespace strata
#endif  // HWY_ONCE
