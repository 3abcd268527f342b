#include <string>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/concat/concat.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

Status ConcatInfer(Call& call) {
  const std::span<const TensorView> xs = call.lists[0];
  const int64_t rank = xs[0].rank, dim = call.attrs[0].i < 0 ? call.attrs[0].i + rank : call.attrs[0].i;
  if (rank == 0) return InvalidArgument("xs[0] has shape [], wanted at least one dim");
  if (dim < 0 || dim >= rank) {
    return InvalidArgument("dim is " + std::to_string(call.attrs[0].i) + ", wanted " + std::to_string(-rank) + " to " +
                           std::to_string(rank - 1));
  }
  TensorView& y = call.outputs[0];
  y.dtype = xs[0].dtype;
  y.rank = xs[0].rank;
  y.sizes = xs[0].sizes;
  int64_t& total = y.sizes[static_cast<size_t>(dim)] = 0;
  for (size_t i = 0; i < xs.size(); ++i) {
    TensorView like = xs[0];
    like.sizes[static_cast<size_t>(dim)] = xs[i].rank == xs[0].rank ? xs[i].size(static_cast<int>(dim)) : 0;
    if (ShapeText(xs[i]) != ShapeText(like)) {
      return InvalidArgument("xs[" + std::to_string(i) + "] has shape " + ShapeText(xs[i]) + ", wanted " +
                             ShapeText(xs[0]) + " but for dim " + std::to_string(dim));
    }
    if (__builtin_add_overflow(total, xs[i].size(static_cast<int>(dim)), &total)) {
      return InvalidArgument("y would be too large");
    }
  }
  int64_t elements = 1;
  for (int d = 0; d < y.rank; ++d) {
    if (__builtin_mul_overflow(elements, y.size(d), &elements) || elements > (int64_t{1} << 48)) {
      return InvalidArgument("y would have the impossible shape " + ShapeText(y));
    }
  }
  y.MakeContiguous();
  return {};
}

constexpr Variant kRows[] = {
    {.name = "simd", .run = Typed<kConcat, ConcatCpu>, .dtypes = kAnyDType.set, .accepts = Simd},
    {.name = "ref", .run = Typed<kConcat, ConcatRef>, .numerics = "reference", .dtypes = kAnyDType.set},
};

}  // namespace

namespace ops::concat {
constinit const std::array<OpDef, 1> kOps = {{{.schema = &kConcat, .variants = kRows, .infer = ConcatInfer}}};
}  // namespace ops::concat

}  // namespace strata
