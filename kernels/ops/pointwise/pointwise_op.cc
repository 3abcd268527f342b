#include <algorithm>
#include <string>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/pointwise/pointwise.h"
#include "kernels/ops/pointwise/program.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

constexpr int64_t kMaxElements = int64_t{1} << 47;

bool Simd(const Call&) { return SimdSupported(); }

constexpr Variant kRows[] = {
    {.name = "simd", .run = Typed<kPointwise, PointwiseCpu>, .accepts = Simd, .workspace_bytes = PointwiseWorkspace},
    {.name = "ref", .run = Typed<kPointwise, PointwiseRef>, .numerics = "reference"},
};

std::string Name(size_t i) { return "inputs[" + std::to_string(i) + "]"; }

// Widens `shape` to what it and `input` broadcast to.
bool Join(const TensorView& input, TensorView& shape) {
  const int added = std::max(0, input.rank - shape.rank);
  std::copy_backward(shape.sizes.begin(), shape.sizes.begin() + shape.rank, shape.sizes.begin() + shape.rank + added);
  std::fill_n(shape.sizes.begin(), added, 1);
  shape.rank += added;
  for (int d = 1; d <= input.rank; ++d) {
    int64_t& size = shape.sizes[static_cast<size_t>(shape.rank - d)];
    const int64_t mine = input.size(-d);
    if (size == 1) size = mine;
    if (mine != 1 && mine != size) return false;
  }
  return true;
}

// True where each seed is for one block of the output: for all of it, or for what its leading dims leave.
bool SeedsBlocks(const TensorView& seeds, const TensorView& out) {
  if (seeds.numel() == 1) return true;
  if (seeds.rank != out.rank) return false;
  int d = 0;
  while (d < out.rank && seeds.size(d) == out.size(d)) ++d;
  while (d < out.rank && seeds.size(d) == 1) ++d;
  return d == out.rank;
}

}  // namespace

Status PointwiseInfer(Call& call) {
  const pointwise::Decoded decoded = pointwise::Decode(*call.attrs[0].text);
  if (decoded.program == nullptr) return InvalidArgument(decoded.error);
  const pointwise::Program& program = *decoded.program;
  const std::span<const TensorView> inputs = call.lists[0];
  if (inputs.size() != static_cast<size_t>(program.num_inputs)) {
    return InvalidArgument("inputs has " + std::to_string(inputs.size()) + " tensors, wanted " +
                           std::to_string(program.num_inputs) + " as the program says");
  }
  TensorView shape;
  shape.rank = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].dtype != program.inputs[i]) {
      return InvalidArgument(Name(i) + " has dtype " + std::string(NameOf(inputs[i].dtype)) + ", wanted " +
                             std::string(NameOf(program.inputs[i])) + " as the program says");
    }
    if (!Join(inputs[i], shape)) {
      return InvalidArgument(Name(i) + " has shape " + ShapeText(inputs[i]) + ", which does not broadcast with " +
                             ShapeText(shape) + " of those before it");
    }
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    if ((program.seeds >> i & 1) == 0 || SeedsBlocks(inputs[i], shape)) continue;
    return InvalidArgument(Name(i) + " has shape " + ShapeText(inputs[i]) +
                           ", wanted one element, or the leading dims of " + ShapeText(shape) +
                           " and ones: it holds seeds");
  }
  int64_t elements = 1;
  for (int d = 0; d < shape.rank; ++d) {
    if (__builtin_mul_overflow(elements, std::max<int64_t>(1, shape.size(d)), &elements) || elements > kMaxElements) {
      return InvalidArgument("the outputs would have the impossible shape " + ShapeText(shape));
    }
  }
  shape.MakeContiguous();
  call.num_outputs = program.num_outputs;
  for (size_t i = 0; i < static_cast<size_t>(program.num_outputs); ++i) {
    shape.dtype = program.TypeOf(program.outputs[i]);
    call.outputs[i] = shape;
  }
  return {};
}

namespace ops::pointwise {
constinit const std::array<OpDef, 1> kOps = {{{&kPointwise, kRows, {}, PointwiseInfer}}};
}  // namespace ops::pointwise

}  // namespace strata
