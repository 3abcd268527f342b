#include "kernels/core/typed_kernel.h"
#include "kernels/ops/add_layer_norm/add_layer_norm.h"
#include "kernels/simd/row_blocks.h"
#include "kernels/simd/stream.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

// A row of sums for each thread, where they are streamed.
size_t RowBytes(const Call& call, int num_threads) {
  const TensorView& x = call.inputs[0];
  const auto element = static_cast<int64_t>(SizeOf(x.dtype));
  if (!WorthStreaming(x.numel() * element)) return 0;
  return static_cast<size_t>(x.size(-1) * element) * static_cast<size_t>(num_threads);
}
size_t SumsBytes(const Call& call, int) { return RowSumsBytes(call.inputs[2], 2); }

constexpr Variant kForward[] = {
    {.name = "simd", .run = Typed<kAddLayerNorm, AddLayerNormCpu>, .accepts = Simd, .workspace_bytes = RowBytes},
    {.name = "ref", .run = Typed<kAddLayerNorm, AddLayerNormRef>, .numerics = "reference"},
};
constexpr Variant kBackward[] = {
    {.name = "simd",
     .run = Typed<kAddLayerNormBackward, AddLayerNormBackwardCpu>,
     .accepts = Simd,
     .workspace_bytes = SumsBytes},
    {.name = "ref", .run = Typed<kAddLayerNormBackward, AddLayerNormBackwardRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::add_layer_norm {
constinit const std::array<OpDef, 2> kOps = {{{&kAddLayerNorm, kForward}, {&kAddLayerNormBackward, kBackward}}};
}  // namespace ops::add_layer_norm

}  // namespace strata
