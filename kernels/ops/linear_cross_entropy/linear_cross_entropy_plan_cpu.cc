// What a call of linear_cross_entropy takes in working memory; plain C++.
#include <algorithm>

#include "kernels/base/aligned_buffer.h"
#include "kernels/dot/bf16_product.h"
#include "kernels/ops/linear_cross_entropy/linear_cross_entropy.h"
#include "kernels/simd/gemm_plan.h"

namespace strata {
namespace {

// Logits of a chunk: many rows, so that packing the weight pays, but not all of a large vocabulary's.
constexpr size_t kLogitsBytes = size_t{64} << 20;

const TensorView* Present(const TensorView& view) { return view.present() ? &view : nullptr; }

}  // namespace

LossCall::LossCall(const Call& call)
    : x(call.inputs[0]),
      weight(call.inputs[1]),
      target(call.inputs[2]),
      bias(Present(call.inputs[3])),
      ignore_index(call.attrs[0].i),
      label_smoothing(call.attrs[1].f),
      reduction(static_cast<LossReduction>(call.attrs[2].i)),
      gradients(call.attrs[3].i != 0),
      loss(call.outputs[0]),
      x_grad(call.outputs[1]),
      weight_grad(call.outputs[2]),
      bias_grad(call.outputs[3]) {}

LossPlan::LossPlan(const LossCall& call, const DotKernel* kernel, int num_threads) {
  const auto rows = static_cast<size_t>(call.x.size(0)), width = static_cast<size_t>(call.x.size(1));
  const auto classes = static_cast<size_t>(call.weight.size(0));
  const size_t size = SizeOf(call.x.dtype), element = std::max(size, sizeof(float));
  const bool wider = size != element && call.gradients;
  chunk = std::min(rows, std::max<size_t>(1, kLogitsBytes / (kLossRows * (classes + 1) * size)) * kLossRows);
  size_t at = 0;
  const auto take = [&](size_t* part, size_t bytes) {
    *part = at;
    at += AlignUp(bytes);
  };
  take(&losses, rows * size);
  take(&logits, chunk * classes * size);
  take(&weight_sum, wider ? classes * width * element : 0);
  take(&bias_sum, wider ? classes * element : 0);
  size_t most = 0;
  const auto consider = [&](GemmShape shape, bool in_place) {
    const size_t needed = kernel != nullptr ? Bf16ProductBytes(*kernel, {shape.m, shape.n, shape.k}, false, num_threads)
                                            : PlanGemm(shape, element, {.in_place = in_place}, num_threads).bytes();
    most = std::max(most, needed);
  };
  for (const size_t count : {chunk, chunk == 0 ? 0 : rows % chunk}) {
    consider({count, classes, width}, size == element);
    consider({count, width, classes}, size == element);
    consider({classes, width, count}, true);
    consider({classes, width, std::min(count, kLossRows)}, true);
    consider({classes, width, count % kLossRows}, true);
  }
  take(&product, most);
  bytes = at;
}

}  // namespace strata
