#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/linear_cross_entropy/linear_cross_entropy_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/base/aligned_buffer.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/linear_cross_entropy/linear_cross_entropy.h"
#include "kernels/simd/cross_entropy-inl.h"
#include "kernels/simd/gemm-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

// Logits: the sum and the bias, rounded.
template <class T>
struct PutLogits {
  T* out;
  size_t width;
  const T* bias;  // or nullptr

  template <class D>
  HWY_INLINE void operator()(D d, size_t row, size_t column, hn::Vec<D> sum, size_t count) const {
    T* to = out + row * width + column;
    if (count >= hn::MaxLanes(D())) {
      Write(bias != nullptr ? hn::Add(sum, Read(d, bias + column)) : sum, d, to);
    } else {
      WriteN(bias != nullptr ? hn::Add(sum, ReadN(d, bias + column, count)) : sum, d, to, count);
    }
  }
};

template <class F>
struct PutSums {
  F* sums;
  size_t width;

  template <class D>
  HWY_INLINE void operator()(D d, size_t row, size_t column, hn::Vec<D> sum, size_t count) const {
    F* to = sums + row * width + column;
    count >= hn::MaxLanes(D()) ? hn::StoreU(sum, d, to) : WriteN(sum, d, to, count);
  }
};

template <class T, class F>
void StoreAs(const OpContext& context, const F* from, size_t count, T* to) {
  const hn::ScalableTag<F> d;
  ParallelChunks(*context.parallel, static_cast<int64_t>(count), 32768, [&](int, int64_t begin, int64_t end) HWY_ATTR {
    const F* source = from + begin;
    Map(d, static_cast<size_t>(end - begin), to + begin, [&](auto at) HWY_ATTR { return at(source); });
  });
}

// Everything that the chunks share.
template <class T>
struct Loss {
  using F = ComputeType<T>;
  OpContext context;  // its workspace is the product's
  size_t rows, width, classes;
  const T *x, *weight, *bias;
  const TensorView& target;
  int64_t ignore_index;
  F smoothing, grad;
  bool gradients;
  T *losses, *logits, *x_grad;
  F *x_sum, *weight_sum, *bias_sum;

  int64_t TargetOf(size_t n) const {
    return target.dtype == DType::kI32 ? target.In<int32_t>()[n] : target.In<int64_t>()[n];
  }

  void MakeLogits(size_t first, size_t count) const {
    for (size_t v = 0; v < classes; v += kLossColumns) {
      const GemmShape shape{count, std::min<size_t>(kLossColumns, classes - v), width};
      Gemm<F>(context, shape, Matrix<T>{x + first * width, width, 1}, Matrix<T>{weight + v * width, 1, width},
              static_cast<const F*>(nullptr), /*partial=*/static_cast<F*>(nullptr),
              PutLogits<T>{logits + v, classes, bias != nullptr ? bias + v : nullptr});
    }
  }
  void MakeLosses(size_t first, size_t count) const {
    const auto grain = static_cast<int64_t>(1 + 4096 / (classes + 1));
    ParallelChunks(*context.parallel, static_cast<int64_t>(count), grain, [&](int, int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const size_t n = first + static_cast<size_t>(r);
        T* row = logits + static_cast<size_t>(r) * classes;
        const int64_t at = TargetOf(n);
        if (at == ignore_index) {
          losses[n] = T{};
          if (gradients) std::fill_n(row, classes, T{});
          continue;
        }
        const auto stats = SoftmaxStats(row, classes, row + classes);
        Narrow(RowLoss(row, classes, static_cast<size_t>(at), smoothing, stats), losses + n);
        if (gradients)
          RowGradient(grad, row, classes, static_cast<size_t>(at), smoothing, stats, row, false, row + classes);
      }
    });
  }
  void AddBias(bool start, size_t count) const {
    const hn::ScalableTag<F> d;
    ParallelChunks(*context.parallel, static_cast<int64_t>(classes), 256,
                   [&](int, int64_t begin, int64_t end) HWY_ATTR {
                     const T* column = logits + begin;
                     F* sums = bias_sum + begin;
                     Map(d, static_cast<size_t>(end - begin), sums, [&](auto at) HWY_ATTR {
                       auto total = start ? hn::Zero(d) : at(sums);
                       for (size_t block = 0; block < count; block += kSumBlock) {
                         auto sum = hn::Zero(d);
                         for (size_t r = block; r < std::min(count, block + kSumBlock); ++r) {
                           sum = hn::Add(sum, at(column + r * classes));
                         }
                         total = hn::Add(total, sum);
                       }
                       return total;
                     });
                   });
  }
  // From the chunk's gradients, which lie where its logits were.
  void AddGradients(size_t first, size_t count) const {
    const F* const unpacked = nullptr;
    Gemm<F>(context, {count, width, classes}, Matrix<T>{logits, classes, 1}, Matrix<T>{weight, width, 1}, unpacked,
            x_sum, PutSums<F>{x_sum, width});
    StoreAs(context, x_sum, count * width, x_grad + first * width);
    Gemm<F>(context, {classes, width, count}, Matrix<T>{logits, 1, classes}, Matrix<T>{x + first * width, width, 1},
            unpacked, weight_sum, PutSums<F>{weight_sum, width}, /*more=*/first > 0);
    AddBias(first == 0, count);
  }
  void Run() const {
    for (size_t first = 0; first < rows; first += kLossRows) {
      const size_t count = std::min<size_t>(kLossRows, rows - first);
      MakeLogits(first, count);
      MakeLosses(first, count);
      if (gradients) AddGradients(first, count);
    }
  }
};

// Working memory by part, in bytes from its start.
struct Parts {
  size_t losses, logits, x_sum, weight_sum, bias_sum, product, bytes;
};

Parts PartsOf(const TensorView& x, const TensorView& weight, bool gradients, int num_threads) {
  const auto rows = static_cast<size_t>(x.size(0)), width = static_cast<size_t>(x.size(1));
  const auto classes = static_cast<size_t>(weight.size(0));
  const size_t size = SizeOf(x.dtype), element = std::max(size, sizeof(float)),
               chunk = std::min<size_t>(rows, kLossRows);
  const bool wider = size != element && gradients;
  Parts parts{};
  size_t at = 0;
  const auto take = [&](size_t* part, size_t bytes) {
    *part = at;
    at += AlignUp(bytes);
  };
  take(&parts.losses, rows * size);
  take(&parts.logits, chunk * classes * size);
  take(&parts.x_sum, gradients ? chunk * width * element : 0);
  take(&parts.weight_sum, wider ? classes * width * element : 0);
  take(&parts.bias_sum, wider ? classes * element : 0);
  size_t product = 0;
  for (const size_t count : {chunk, rows % kLossRows}) {
    for (const size_t columns : {std::min<size_t>(classes, kLossColumns), classes % kLossColumns}) {
      product = std::max(product, PlanGemm({count, columns, width}, element, {}, num_threads).bytes());
    }
    const GemmOptions in_place{.in_place = true};
    product = std::max(product, PlanGemm({count, width, classes}, element, in_place, num_threads).bytes());
    product = std::max(product, PlanGemm({classes, width, count}, element, in_place, num_threads).bytes());
  }
  take(&parts.product, product);
  parts.bytes = at;
  return parts;
}

template <class T, class F = ComputeType<T>>
void RunLoss(const OpContext& context, const TensorView& x, const TensorView& weight, const TensorView& target,
             const TensorView* bias, int64_t ignore_index, double label_smoothing, LossReduction reduction,
             bool gradients, const TensorView& loss, const TensorView& x_grad, const TensorView& weight_grad,
             const TensorView& bias_grad) {
  const Parts parts = PartsOf(x, weight, gradients, context.parallel->num_threads());
  const auto at = [&](size_t offset) { return context.workspace + offset; };
  Loss<T> all{context,
              static_cast<size_t>(x.size(0)),
              static_cast<size_t>(x.size(1)),
              static_cast<size_t>(weight.size(0)),
              x.In<T>(),
              weight.In<T>(),
              bias != nullptr ? bias->In<T>() : nullptr,
              target,
              ignore_index,
              static_cast<F>(label_smoothing),
              F(1),
              gradients,
              reinterpret_cast<T*>(at(parts.losses)),
              reinterpret_cast<T*>(at(parts.logits)),
              x_grad.Out<T>(),
              reinterpret_cast<F*>(at(parts.x_sum)),
              nullptr,
              nullptr};
  all.context.workspace = at(parts.product);
  constexpr bool kSame = std::is_same_v<T, F>;
  all.weight_sum = static_cast<F*>(kSame ? weight_grad.data : at(parts.weight_sum));
  all.bias_sum = static_cast<F*>(kSame ? bias_grad.data : at(parts.bias_sum));
  F counted = 0;
  for (size_t n = 0; n < all.rows; ++n) counted += all.TargetOf(n) != ignore_index ? F(1) : F(0);
  T each;
  Narrow(reduction == LossReduction::kMean ? F(1) / counted : F(1), &each);
  all.grad = Widen(each);
  all.Run();
  if (gradients && all.rows == 0) {
    std::fill_n(all.weight_sum, all.classes * all.width, F(0));
    std::fill_n(all.bias_sum, all.classes, F(0));
  }
  if (gradients && !kSame) {
    StoreAs(context, all.weight_sum, all.classes * all.width, weight_grad.Out<T>());
    StoreAs(context, all.bias_sum, all.classes, bias_grad.Out<T>());
  }
  const hn::ScalableTag<F> d;
  const T* losses = all.losses;
  T total;
  Narrow(LaneSum(d, all.rows, [&](auto acc, auto place) HWY_ATTR { return hn::Add(acc, place(losses)); }), &total);
  Narrow(reduction == LossReduction::kMean ? Widen(total) / counted : Widen(total), loss.Out<T>());
}

void LinearCrossEntropy(const OpContext& context, const TensorView& x, const TensorView& weight,
                        const TensorView& target, const TensorView* bias, int64_t ignore_index, double label_smoothing,
                        LossReduction reduction, bool gradients, const TensorView& loss, const TensorView& x_grad,
                        const TensorView& weight_grad, const TensorView& bias_grad) {
  DispatchFloat(x.dtype, [&](auto type) {
    RunLoss<decltype(type)>(context, x, weight, target, bias, ignore_index, label_smoothing, reduction, gradients, loss,
                            x_grad, weight_grad, bias_grad);
  });
}

void Scale(const OpContext& context, const TensorView& by, const TensorView& from, const TensorView& to) {
  DispatchFloat(from.dtype, [&](auto type) {
    using T = decltype(type);
    const hn::ScalableTag<ComputeType<T>> d;
    const auto factor = hn::Set(d, Widen(by.In<T>()[0]));
    ParallelChunks(*context.parallel, from.numel(), 32768, [&](int, int64_t begin, int64_t end) HWY_ATTR {
      const T* source = from.In<T>() + begin;
      Map(d, static_cast<size_t>(end - begin), to.Out<T>() + begin,
          [&](auto at) HWY_ATTR { return hn::Mul(at(source), factor); });
    });
  });
}

size_t Bytes(const TensorView& x, const TensorView& weight, bool gradients, int num_threads) {
  return PartsOf(x, weight, gradients, num_threads).bytes;
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(LinearCrossEntropy);
HWY_EXPORT(Scale);
HWY_EXPORT(Bytes);

size_t LinearCrossEntropyBytes(const Call& call, int num_threads) {
  return HWY_DYNAMIC_DISPATCH(Bytes)(call.inputs[0], call.inputs[1], call.attrs[3].i != 0, num_threads);
}

void LinearCrossEntropyCpu(const OpContext& context, const TensorView& x, const TensorView& weight,
                           const TensorView& target, const TensorView* bias, int64_t ignore_index,
                           double label_smoothing, LossReduction reduction, int64_t gradients, const TensorView& loss,
                           const TensorView& x_grad, const TensorView& weight_grad, const TensorView& bias_grad) {
  HWY_DYNAMIC_DISPATCH(LinearCrossEntropy)
  (context, x, weight, target, bias, ignore_index, label_smoothing, reduction, gradients != 0, loss, x_grad,
   weight_grad, bias_grad);
}

void LinearCrossEntropyBackwardCpu(const OpContext& context, const TensorView& grad_loss, const TensorView& x_grad,
                                   const TensorView& weight_grad, const TensorView& bias_grad, int64_t, double,
                                   LossReduction, const TensorView& grad_x, const TensorView& grad_weight,
                                   const TensorView& grad_bias) {
  HWY_DYNAMIC_DISPATCH(Scale)(context, grad_loss, x_grad, grad_x);
  HWY_DYNAMIC_DISPATCH(Scale)(context, grad_loss, weight_grad, grad_weight);
  HWY_DYNAMIC_DISPATCH(Scale)(context, grad_loss, bias_grad, grad_bias);
}

}  // namespace strata
#endif  // HWY_ONCE
