#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/linear_cross_entropy/linear_cross_entropy_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/core/typed_kernel.h"
#include "kernels/dot/bf16_product.h"
#include "kernels/ops/linear_cross_entropy/linear_cross_entropy.h"
#include "kernels/simd/cross_entropy-inl.h"
#include "kernels/simd/epilogue-inl.h"
#include "kernels/simd/gemm-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

static_assert(kLossRows % kSumBlock == 0);

// Where sums stay in the type that they are computed in, added to what is there or not.
template <class F>
struct PutSums {
  F* sums;
  size_t width;
  bool add = false;

  template <class D>
  HWY_INLINE void operator()(D d, size_t row, size_t column, hn::Vec<D> sum, size_t count) const {
    F* to = sums + row * width + column;
    if (count >= hn::MaxLanes(D())) {
      hn::StoreU(add ? hn::Add(hn::LoadU(d, to), sum) : sum, d, to);
    } else {
      WriteN(add ? hn::Add(ReadN(d, to, count), sum) : sum, d, to, count);
    }
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

// A product in the order of class ieee. `partial`: memory of the output in the type that is computed in, or nullptr.
struct SimdProduct {
  template <class T, class F, class Finish>
  void operator()(const OpContext& context, GemmShape shape, Matrix<T> a, Matrix<T> b, F* partial,
                  const Finish& finish) const {
    Gemm<F>(context, shape, a, b, static_cast<const F*>(nullptr), partial, finish);
  }
  // Sums over k, which with `more` go on from those that are there.
  template <class T, class F>
  void GoOn(const OpContext& context, GemmShape shape, Matrix<T> a, Matrix<T> b, F* sums, bool more) const {
    Gemm<F>(context, shape, a, b, static_cast<const F*>(nullptr), sums, PutSums<F>{sums, shape.n}, more);
  }
};

// The same by dot-product instructions.
struct DotProduct {
  const DotKernel& kernel;

  static Bf16Matrix Numbers(Matrix<BF16> m) {
    return {reinterpret_cast<const uint16_t*>(m.data), m.row_stride, m.column_stride};
  }
  static DotOutput Output(const Epilogue<BF16>& finish) {
    return {finish.y, finish.width * sizeof(BF16), sizeof(BF16)};
  }
  static DotOutput Output(const PutSums<float>& finish) {
    return {finish.sums, finish.width * sizeof(float), sizeof(float)};
  }
  template <class Finish>
  void operator()(const OpContext& context, GemmShape shape, Matrix<BF16> a, Matrix<BF16> b, float*,
                  const Finish& finish) const {
    const hn::ScalableTag<float> d;
    const auto store = [&](const DotSums& sums) HWY_ATTR {
      for (size_t r = 0; r < sums.rows; ++r) {
        const float* from = reinterpret_cast<const float*>(sums.sums) + r * sums.stride;
        for (size_t c = 0; c < sums.columns; c += hn::MaxLanes(d)) {
          finish(d, sums.row + r, sums.column + c, hn::LoadU(d, from + c), sums.columns - c);
        }
      }
    };
    Bf16Product(context, kernel, {shape.m, shape.n, shape.k}, Numbers(a), Numbers(b), nullptr, store, Output(finish));
  }
  // A chain for each kLossRows of k.
  void GoOn(const OpContext& context, GemmShape shape, Matrix<BF16> a, Matrix<BF16> b, float* sums, bool more) const {
    for (size_t k = 0; k < shape.k; k += kLossRows) {
      (*this)(context, {shape.m, shape.n, std::min(kLossRows, shape.k - k)},
              {a.data + k * a.column_stride, a.row_stride, a.column_stride},
              {b.data + k * b.row_stride, b.row_stride, b.column_stride}, sums,
              PutSums<float>{sums, shape.n, more || k > 0});
    }
  }
};

int64_t TargetOf(const LossCall& call, size_t n) {
  return call.target.dtype == DType::kI32 ? call.target.In<int32_t>()[n] : call.target.In<int64_t>()[n];
}

// Rows that are not ignored.
template <class F>
F Counted(const LossCall& call) {
  F counted = 0;
  for (size_t n = 0; n < static_cast<size_t>(call.x.size(0)); ++n) {
    counted += TargetOf(call, n) != call.ignore_index ? F(1) : F(0);
  }
  return counted;
}

// Everything that the chunks share.
template <class T, class Product>
struct Loss {
  using F = ComputeType<T>;
  OpContext context;  // its workspace is the product's
  Product product;
  const LossCall& call;
  size_t rows, width, classes, chunk;
  const T *x, *weight, *bias;
  F smoothing, grad;
  T *losses, *logits, *x_grad;
  F *weight_sum, *bias_sum;

  // Sums may wait in an output of the type that they are computed in.
  static F* Waiting(T* out) {
    if constexpr (std::is_same_v<T, F>) return out;
    return nullptr;
  }
  void MakeLogits(size_t first, size_t count) const {
    product(context, {count, classes, width}, Matrix<T>{x + first * width, width, 1}, Matrix<T>{weight, 1, width},
            Waiting(logits), Epilogue<T>{.y = logits, .width = classes, .bias = bias});
  }
  void MakeLosses(size_t first, size_t count) const {
    const auto grain = static_cast<int64_t>(1 + 4096 / (classes + 1));
    ParallelChunks(*context.parallel, static_cast<int64_t>(count), grain, [&](int, int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const size_t n = first + static_cast<size_t>(r);
        T* row = logits + static_cast<size_t>(r) * classes;
        const int64_t at = TargetOf(call, n);
        if (at == call.ignore_index) {
          losses[n] = T{};
          if (call.gradients) std::fill_n(row, classes, T{});
          continue;
        }
        const auto stats = SoftmaxStats(row, classes, row + classes);
        Narrow(RowLoss(row, classes, static_cast<size_t>(at), smoothing, stats), losses + n);
        if (call.gradients)
          RowGradient(grad, row, classes, static_cast<size_t>(at), smoothing, stats, row, false, row + classes);
      }
    });
  }
  // Adds a chunk's rows to bias_sum, block by block.
  void AddBias(size_t count, bool start) const {
    const hn::ScalableTag<F> d;
    constexpr size_t kStrip = 1024;  // its sums stay in the first-level cache
    ParallelChunks(*context.parallel, static_cast<int64_t>((classes + kStrip - 1) / kStrip), 1,
                   [&](int, int64_t begin, int64_t end) HWY_ATTR {
                     for (auto strip = static_cast<size_t>(begin); strip < static_cast<size_t>(end); ++strip) {
                       const size_t first = strip * kStrip, columns = std::min(kStrip, classes - first);
                       F* total = bias_sum + first;
                       if (start) std::fill_n(total, columns, F(0));
                       for (size_t block = 0; block < count; block += kSumBlock) {
                         HWY_ALIGN F sums[kStrip] = {};
                         for (size_t r = block; r < std::min(count, block + kSumBlock); ++r) {
                           const T* row = logits + r * classes + first;
                           Map(d, columns, sums, [&](auto at) HWY_ATTR { return hn::Add(at(sums), at(row)); });
                         }
                         Map(d, columns, total, [&](auto at) HWY_ATTR { return hn::Add(at(total), at(sums)); });
                       }
                     }
                   });
  }
  // From the chunk's gradients, which lie where its logits were.
  void AddGradients(size_t first, size_t count) const {
    T* const out = x_grad + first * width;
    product(context, {count, width, classes}, Matrix<T>{logits, classes, 1}, Matrix<T>{weight, width, 1}, Waiting(out),
            Epilogue<T>{.y = out, .width = width});
    product.GoOn(context, {classes, width, count}, Matrix<T>{logits, 1, classes},
                 Matrix<T>{x + first * width, width, 1}, weight_sum, first > 0);
    AddBias(count, first == 0);
  }
  void Run() const {
    for (size_t first = 0; first < rows; first += chunk) {
      const size_t count = std::min(chunk, rows - first);
      MakeLogits(first, count);
      MakeLosses(first, count);
      if (call.gradients) AddGradients(first, count);
    }
  }
};

template <class T, class Product, class F = ComputeType<T>>
void RunLoss(const OpContext& context, const LossCall& c, const LossPlan& plan, Product product) {
  constexpr bool kSame = std::is_same_v<T, F>;
  const auto at = [&](size_t offset) { return context.workspace + offset; };
  const auto rows = static_cast<size_t>(c.x.size(0)), width = static_cast<size_t>(c.x.size(1)),
             classes = static_cast<size_t>(c.weight.size(0));
  F* const weight_sum = static_cast<F*>(kSame ? c.weight_grad.data : at(plan.weight_sum));
  F* const bias_sum = static_cast<F*>(kSame ? c.bias_grad.data : at(plan.bias_sum));
  const F counted = Counted<F>(c);
  T each;
  Narrow(c.reduction == LossReduction::kMean ? F(1) / counted : F(1), &each);
  OpContext products = context;
  products.workspace = at(plan.product);
  T* const losses = reinterpret_cast<T*>(at(plan.losses));
  Loss<T, Product>{products,
                   product,
                   c,
                   rows,
                   width,
                   classes,
                   plan.chunk,
                   c.x.In<T>(),
                   c.weight.In<T>(),
                   c.bias != nullptr ? c.bias->In<T>() : nullptr,
                   static_cast<F>(c.label_smoothing),
                   Widen(each),
                   losses,
                   reinterpret_cast<T*>(at(plan.logits)),
                   c.x_grad.Out<T>(),
                   weight_sum,
                   bias_sum}
      .Run();
  if (c.gradients && rows == 0) {
    std::fill_n(weight_sum, classes * width, F(0));
    std::fill_n(bias_sum, classes, F(0));
  }
  if (c.gradients && !kSame) {
    StoreAs(context, weight_sum, classes * width, c.weight_grad.Out<T>());
    StoreAs(context, bias_sum, classes, c.bias_grad.Out<T>());
  }
  const hn::ScalableTag<F> d;
  T total;
  const T* summed = losses;
  Narrow(LaneSum(d, rows, [&](auto acc, auto place) HWY_ATTR { return hn::Add(acc, place(summed)); }), &total);
  Narrow(c.reduction == LossReduction::kMean ? Widen(total) / counted : Widen(total), c.loss.Out<T>());
}

void LinearCrossEntropy(const OpContext& context, const LossCall& call, const LossPlan& plan, const DotKernel* kernel) {
  if (kernel != nullptr) return RunLoss<BF16>(context, call, plan, DotProduct{*kernel});
  DispatchFloat(call.x.dtype, [&](auto type) { RunLoss<decltype(type)>(context, call, plan, SimdProduct()); });
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

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(LinearCrossEntropy);
HWY_EXPORT(Scale);

void LinearCrossEntropyCpu(const OpContext& context, const Call& call, const DotKernel* kernel) {
  const LossCall loss(call);
  HWY_DYNAMIC_DISPATCH(LinearCrossEntropy)
  (context, loss, LossPlan(loss, kernel, context.parallel->num_threads()), kernel);
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
