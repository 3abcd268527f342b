// What linear_backward does ahead of its products, one pass over the outputs' elements, the same for every class of
// numbers.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/linear/linear_elements_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include <algorithm>

#include "kernels/base/aligned_buffer.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/linear/linear.h"
#include "kernels/simd/activation-inl.h"
#include "kernels/simd/columns-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

// Columns of a strip: its sums stay in the first-level cache. Memory delivers long runs faster, so that short strips
// are for few rows, which would not keep all threads busy otherwise.
inline constexpr size_t kShortStrip = 256, kLongStrip = 2048;

// Element [row, column] of each is at row * width + column.
template <class T>
struct Elements {
  const T *grad_y, *gate, *before;  // but for grad_y they may be nullptr
  Activation activation;
  T *sums_grad, *grad_gate;  // or nullptr

  // The gradient of one vector of sums. kGelu: the activation is gelu, which then stands in the loop, where the steps
  // of several vectors overlap.
  template <bool kGelu, class D, class Place>
  HWY_INLINE hn::Vec<D> At(D d, Place at, size_t start) const {
    auto g = at(grad_y + start);
    if (grad_gate != nullptr) {
      at.Put(hn::Mul(g, RoundTo<T>(d, activation == Activation::kNone ? at(before + start)
                                                                      : Activate(d, activation, at(before + start)))),
             grad_gate + start);
    }
    if (gate != nullptr) g = RoundTo<T>(d, hn::Mul(g, at(gate + start)));
    if constexpr (kGelu) {
      g = RoundTo<T>(d, hn::Mul(g, GeluSlope(d, at(before + start))));
    } else if (activation != Activation::kNone) {
      g = RoundTo<T>(d, ActivationGradient(d, activation, g, at(before + start)));
    }
    if (sums_grad != nullptr) at.Put(g, sums_grad + start);
    return g;
  }
};

// Rows [first, last) of `columns` columns; their sum goes to `sum`, if that is not nullptr.
template <bool kGelu, class T, class F>
void Strip(const Elements<T>& elements, size_t first, size_t last, size_t column, size_t columns, size_t width,
           F* sum) {
  const hn::ScalableTag<F> d;
  if (sum != nullptr) std::fill_n(sum, columns, F(0));
  for (size_t r = first; r < last; ++r) {
    ForEachVector(d, columns, [&](auto at) HWY_ATTR {
      const auto g = elements.template At<kGelu>(d, at, r * width + column);
      if (sum != nullptr) at.Put(hn::Add(at(sum), g), sum);
    });
  }
}

template <class T>
void Run(const OpContext& context, const Elements<T>& elements, size_t rows, size_t width, void* space, T* grad_bias) {
  using F = ComputeType<T>;
  F* const sums = grad_bias == nullptr ? nullptr : static_cast<F*>(space);
  const size_t blocks = (rows + kSumBlock - 1) / kSumBlock;
  const size_t strip = blocks < 4 * static_cast<size_t>(context.parallel->num_threads()) ? kShortStrip : kLongStrip;
  const size_t strips = (width + strip - 1) / strip, unit = std::min(rows, kSumBlock) * std::min(width, strip);
  // An activation's gradient takes some 10 ns a vector; sums alone wait for memory.
  const size_t grain = 1 + (elements.activation == Activation::kNone ? size_t{1} << 16 : size_t{1} << 13) / (unit + 1);
  ParallelChunks(*context.parallel, static_cast<int64_t>(blocks * strips), static_cast<int64_t>(grain),
                 [&](int, int64_t begin, int64_t end) {
                   for (auto u = static_cast<size_t>(begin); u < static_cast<size_t>(end); ++u) {
                     const size_t block = u / strips, column = u % strips * strip, row = block * kSumBlock;
                     const auto run = elements.activation == Activation::kGelu ? Strip<true, T, F> : Strip<false, T, F>;
                     run(elements, row, std::min(rows, row + kSumBlock), column, std::min(strip, width - column), width,
                         sums == nullptr ? nullptr : sums + block * width + column);
                   }
                 });
  if (sums == nullptr) return;
  const hn::ScalableTag<F> d;
  Map(d, width, grad_bias, [&](auto at) HWY_ATTR {
    auto total = hn::Zero(d);
    for (size_t block = 0; block < blocks; ++block) total = hn::Add(total, at(sums + block * width));
    return total;
  });
}

void RunElements(const OpContext& context, const LinearBackwardCall& call, const TensorView* before, void* sums_grad,
                 void* space) {
  DispatchFloat(call.x.dtype, [&](auto type) {
    using T = decltype(type);
    const Elements<T> elements{call.grad_y.In<T>(),
                               call.gate == nullptr ? nullptr : call.gate->In<T>(),
                               before == nullptr ? nullptr : before->In<T>(),
                               call.activation,
                               static_cast<T*>(sums_grad),
                               call.grad_gate.numel() == 0 ? nullptr : call.grad_gate.Out<T>()};
    Run(context, elements, static_cast<size_t>(call.x.rows()), static_cast<size_t>(call.weight.size(0)), space,
        call.grad_bias.numel() == 0 ? nullptr : call.grad_bias.Out<T>());
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(RunElements);

namespace {

const TensorView* Present(const TensorView& view) { return view.present() ? &view : nullptr; }

}  // namespace

LinearCall::LinearCall(const Call& call)
    : x(call.inputs[0]),
      weight(call.inputs[1]),
      bias(Present(call.inputs[2])),
      gate(Present(call.inputs[3])),
      residual(Present(call.inputs[4])),
      activation(static_cast<Activation>(call.attrs[0].i)),
      y(call.outputs[0]),
      before(call.num_outputs > 1 ? &call.outputs[1] : nullptr) {}

LinearCall::LinearCall(const TensorView& x, const TensorView& weight, const TensorView* bias, const TensorView& y)
    : x(x),
      weight(weight),
      bias(bias),
      gate(nullptr),
      residual(nullptr),
      activation(Activation::kNone),
      y(y),
      before(nullptr) {}

LinearBackwardCall::LinearBackwardCall(const Call& call)
    : grad_y(call.inputs[0]),
      x(call.inputs[1]),
      weight(call.inputs[2]),
      bias(Present(call.inputs[3])),
      gate(Present(call.inputs[4])),
      before(Present(call.inputs[5])),
      activation(static_cast<Activation>(call.attrs[0].i)),
      grad_x(call.outputs[0]),
      grad_weight(call.outputs[1]),
      grad_bias(call.outputs[2]),
      grad_gate(call.outputs[3]) {}

LinearBackwardSpace::LinearBackwardSpace(const LinearBackwardCall& call) {
  const size_t outputs = AlignUp(static_cast<size_t>(call.grad_y.numel()) * SizeOf(call.x.dtype));
  const size_t element = std::max(SizeOf(call.x.dtype), sizeof(float));
  const size_t blocks = (static_cast<size_t>(call.x.rows()) + kSumBlock - 1) / kSumBlock;
  before = call.computes_before() ? outputs : 0;
  sums_grad = call.plain() ? 0 : outputs;
  bias = AlignUp(blocks * static_cast<size_t>(call.grad_bias.numel()) * element);
}

TensorView LinearBackwardElements(const OpContext& context, const LinearBackwardCall& call,
                                  FunctionRef<void(const OpContext&, const LinearCall&)> forward, OpContext* products) {
  const LinearBackwardSpace space(call);
  *products = context;
  products->workspace += space.bytes();
  TensorView made = call.grad_y, sums_grad = call.grad_y;
  const TensorView* before = call.before;
  if (call.computes_before()) {
    made.data = context.workspace;
    forward(*products, LinearCall(call.x, call.weight, call.bias, made));
    before = &made;
  }
  if (!call.plain()) sums_grad.data = context.workspace + space.before;
  if (!call.plain() || call.grad_gate.numel() > 0 || call.grad_bias.numel() > 0) {
    HWY_DYNAMIC_DISPATCH(RunElements)
    (context, call, before, call.plain() ? nullptr : sums_grad.data,
     context.workspace + space.before + space.sums_grad);
  }
  return sums_grad;
}

}  // namespace strata
#endif  // HWY_ONCE
