#include <algorithm>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/softmax/softmax.h"
#include "kernels/simd/stream.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

// A row of exponentials for each thread, where they cannot wait in y.
size_t RowBytes(const Call& call, int num_threads) {
  const TensorView& x = call.inputs[0];
  const auto element = static_cast<int64_t>(SizeOf(x.dtype));
  if (x.dtype != DType::kBF16 && !WorthStreaming(x.numel() * element)) return 0;
  return static_cast<size_t>(x.size(-1) * std::max<int64_t>(4, element)) * static_cast<size_t>(num_threads);
}

constexpr Variant kForward[] = {
    {.name = "simd", .run = Typed<kSoftmax, SoftmaxCpu>, .accepts = Simd, .workspace_bytes = RowBytes},
    {.name = "ref", .run = Typed<kSoftmax, SoftmaxRef>, .numerics = "reference"},
};
constexpr Variant kBackward[] = {
    {.name = "simd", .run = Typed<kSoftmaxBackward, SoftmaxBackwardCpu>, .accepts = Simd},
    {.name = "ref", .run = Typed<kSoftmaxBackward, SoftmaxBackwardRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::softmax {
constinit const std::array<OpDef, 2> kOps = {{{&kSoftmax, kForward}, {&kSoftmaxBackward, kBackward}}};
}  // namespace ops::softmax

}  // namespace strata
