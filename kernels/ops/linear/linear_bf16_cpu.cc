// linear in bfloat16 by dot-product instructions: classes bf16-dot (vdpbf16ps) and bf16-amx (docs/design/numerics.md).
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/linear/linear_bf16_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/dot/dot_gemm.h"
#include "kernels/dot/dot_pack.h"
#include "kernels/ops/linear/linear.h"
#include "kernels/simd/activation-inl.h"
#include "kernels/simd/columns-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

// Rounds to bfloat16 before the activation, as linear alone would. `y`: the whole output, `width` wide.
void FinishBf16(const DotSums& sums, const BF16* bias, Activation activation, BF16* y, size_t width) {
  const hn::ScalableTag<float> d;
  for (size_t r = 0; r < sums.rows; ++r) {
    const float* from = reinterpret_cast<const float*>(sums.sums) + r * sums.stride;
    const BF16* add = bias == nullptr ? nullptr : bias + sums.column;
    Map(d, sums.columns, y + (sums.row + r) * width + sums.column, [&](auto at) HWY_ATTR {
      auto v = at(from);
      if (add != nullptr) v = hn::Add(v, at(add));
      return activation == Activation::kNone ? v : Activate(d, activation, RoundTo<BF16>(d, v));
    });
  }
}

void SumDownBf16(const OpContext& context, const BF16* rows, size_t num_rows, size_t width, BF16* out) {
  const hn::ScalableTag<float> d;
  ParallelChunks(*context.parallel, static_cast<int64_t>(width), 256, [&](int, int64_t begin, int64_t end) HWY_ATTR {
    const BF16* first = rows + begin;
    SumDown(
        d, num_rows, static_cast<size_t>(end - begin),
        [&](auto at, size_t r) HWY_ATTR { return at(first + r * width); },
        [&](auto at, auto sum) HWY_ATTR { at.Put(sum, out + begin); });
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(FinishBf16);
HWY_EXPORT(SumDownBf16);

namespace {

const uint16_t* Numbers(const TensorView& view) { return view.In<uint16_t>(); }
size_t Size(const TensorView& view, int dim) { return static_cast<size_t>(view.size(dim)); }

void Forward(const OpContext& context, const DotKernel& kernel, const TensorView& x, const TensorView& weight,
             const TensorView* bias, Activation activation, const TensorView& y) {
  const size_t out = Size(weight, 0), in = Size(weight, 1), bytes = in * sizeof(uint16_t);
  const DotShape shape{static_cast<size_t>(x.rows()), out, DotSteps(in, 2)};
  const auto pack_a = [&](size_t row, size_t rows, uint32_t* to, size_t block) {
    PackRows(Numbers(x) + row * in, bytes, rows, bytes, shape.steps, to, block);
  };
  const auto pack_b = [&](size_t column, size_t first, size_t steps, uint32_t* to) {
    PackPanelAvx512(Numbers(weight) + column * in, bytes, std::min(kPanelColumns, out - column), bytes, first, steps,
                    to);
  };
  const auto finish = [&](const DotSums& sums) {
    HWY_DYNAMIC_DISPATCH(FinishBf16)
    (sums, bias == nullptr ? nullptr : bias->In<BF16>(), activation, y.Out<BF16>(), out);
  };
  DotGemm(context, kernel, shape,
          {pack_a, static_cast<const uint32_t*>(weight.prepared), pack_b, /*init=*/nullptr, finish}, context.workspace);
}

// C[m, n] = sum over k of A[m, k] * B[k, n], B row-major; A row-major or, with `transposed`, k x m.
void Multiply(const OpContext& context, const DotKernel& kernel, size_t m, size_t n, size_t k, const uint16_t* a,
              bool transposed, const uint16_t* b, BF16* c) {
  const DotShape shape{m, n, DotSteps(k, 2)};
  const auto pack_a = [&](size_t row, size_t rows, uint32_t* to, size_t block) {
    if (transposed) return PackRowsDownBf16(a + row, m, rows, k, shape.steps, to, block);
    PackRows(a + row * k, k * sizeof(uint16_t), rows, k * sizeof(uint16_t), shape.steps, to, block);
  };
  const auto pack_b = [&](size_t column, size_t first, size_t steps, uint32_t* to) {
    PackPanelDownBf16(b + column, n, std::min(kPanelColumns, n - column), k, first, steps, to);
  };
  const auto finish = [&](const DotSums& sums) {
    HWY_DYNAMIC_DISPATCH(FinishBf16)(sums, nullptr, Activation::kNone, c, n);
  };
  DotGemm(context, kernel, shape, {pack_a, nullptr, pack_b, /*init=*/nullptr, finish}, context.workspace);
}

void Backward(const OpContext& context, const DotKernel& kernel, const TensorView& grad_y, const TensorView& x,
              const TensorView& weight, const TensorView& grad_x, const TensorView& grad_weight,
              const TensorView& grad_bias) {
  const size_t rows = static_cast<size_t>(x.rows()), out = Size(weight, 0), in = Size(weight, 1);
  Multiply(context, kernel, rows, in, out, Numbers(grad_y), false, Numbers(weight), grad_x.Out<BF16>());
  Multiply(context, kernel, out, in, rows, Numbers(grad_y), true, Numbers(x), grad_weight.Out<BF16>());
  HWY_DYNAMIC_DISPATCH(SumDownBf16)(context, grad_y.In<BF16>(), rows, out, grad_bias.Out<BF16>());
}

}  // namespace

void LinearBf16Dot(const OpContext& context, const TensorView& x, const TensorView& weight, const TensorView* bias,
                   Activation activation, const TensorView& y) {
  Forward(context, Bf16DotKernel(), x, weight, bias, activation, y);
}

void LinearBf16Amx(const OpContext& context, const TensorView& x, const TensorView& weight, const TensorView* bias,
                   Activation activation, const TensorView& y) {
  Forward(context, Bf16AmxKernel(), x, weight, bias, activation, y);
}

void LinearBf16Prepare(const TensorView& weight, void* out) {
  const size_t n = Size(weight, 0), k = Size(weight, 1), bytes = k * sizeof(uint16_t), steps = DotSteps(k, 2);
  for (size_t column = 0; column < n; column += kPanelColumns) {
    PackPanelAvx512(Numbers(weight) + column * k, bytes, std::min(kPanelColumns, n - column), bytes, 0, steps,
                    static_cast<uint32_t*>(out) + column * steps);
  }
}

void LinearBackwardBf16Dot(const OpContext& context, const TensorView& grad_y, const TensorView& x,
                           const TensorView& weight, const TensorView& grad_x, const TensorView& grad_weight,
                           const TensorView& grad_bias) {
  Backward(context, Bf16DotKernel(), grad_y, x, weight, grad_x, grad_weight, grad_bias);
}

void LinearBackwardBf16Amx(const OpContext& context, const TensorView& grad_y, const TensorView& x,
                           const TensorView& weight, const TensorView& grad_x, const TensorView& grad_weight,
                           const TensorView& grad_bias) {
  Backward(context, Bf16AmxKernel(), grad_y, x, weight, grad_x, grad_weight, grad_bias);
}

}  // namespace strata
#endif  // HWY_ONCE
