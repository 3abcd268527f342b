#include <algorithm>

#include "kernels/base/cpu_features.h"
#include "kernels/dot/bf16_product.h"
#include "kernels/ops/linear/linear.h"
#include "kernels/simd/gemm_plan.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

// The size of the type that a product is computed in.
size_t Element(DType dtype) { return dtype == DType::kF64 ? sizeof(double) : sizeof(float); }

size_t Size(const TensorView& view, int dim) { return static_cast<size_t>(view.size(dim)); }

bool Bf16Amx(const Call&) { return Cpu().amx_bf16; }
// With AMX, too, so that the row can be named there: it is never the first.
bool Bf16Dot(const Call&) { return Cpu().avx512_bf16 && (Cpu().fast_bf16_dot || Cpu().amx_bf16); }

// Whether Prepare makes the panels of dot products, which LinearCpu cannot read.
bool DotPanels(const TensorView& weight) {
  return weight.dtype == DType::kBF16 && (Cpu().amx_bf16 || (Cpu().avx512_bf16 && Cpu().fast_bf16_dot));
}

// Tiles and blocks that a tuning table may choose among.
constexpr GemmBlocks kUsual = {}, kLowTiles = {.tile_rows = 8},
                     kLargeGroups = {.group_bytes = size_t{768} << 10, .most_steps = 4096};

template <GemmBlocks kBlocks>
void LinearSimd(const OpContext& context, const Call& call) {
  if (call.inputs[1].prepared == nullptr || !DotPanels(call.inputs[1])) {
    return LinearCpu(context, LinearCall(call), kBlocks);
  }
  Call plain = call;
  plain.inputs[1].prepared = nullptr;
  LinearCpu(context, LinearCall(plain), kBlocks);
}

// The products of one call: y, or `before` if that is made, and the gradients.
struct Products {
  std::array<GemmShape, 3> shapes;
  size_t count;
  bool packed;
  DType dtype;
  size_t space;

  explicit Products(const LinearCall& c)
      : shapes{Shape(c.x, c.weight)}, count(1), packed(c.weight.prepared != nullptr), dtype(c.x.dtype), space(0) {}
  explicit Products(const LinearBackwardCall& c)
      : packed(false), dtype(c.x.dtype), space(LinearBackwardSpace(c).bytes()) {
    const GemmShape y = Shape(c.x, c.weight);
    shapes = {{{y.m, y.k, y.n}, {y.n, y.k, y.m}, y}};
    count = c.computes_before() ? 3 : 2;
  }
  static GemmShape Shape(const TensorView& x, const TensorView& weight) {
    return {static_cast<size_t>(x.rows()), Size(weight, 0), Size(weight, 1)};
  }
  // `bytes` is of one product.
  size_t Bytes(auto bytes) const {
    size_t most = 0;
    for (size_t i = 0; i < count; ++i) most = std::max<size_t>(most, bytes(shapes[i]));
    return space + most;
  }
};

template <class Arguments, GemmBlocks kBlocks = kUsual>
size_t SimdBytes(const Call& call, int num_threads) {
  const Products products{Arguments(call)};
  const bool dot_panels = products.packed && DotPanels(call.inputs[1]);
  const GemmOptions options{
      .packed = products.packed && !dot_panels, .in_place = products.dtype != DType::kBF16, .blocks = kBlocks};
  return products.Bytes(
      [&](GemmShape shape) { return PlanGemm(shape, Element(products.dtype), options, num_threads).bytes(); });
}

template <const DotKernel& (*kKernel)(), class Arguments>
size_t DotBytes(const Call& call, int num_threads) {
  const Products products{Arguments(call)};
  return products.Bytes([&](GemmShape shape) {
    return Bf16ProductBytes(kKernel(), {shape.m, shape.n, shape.k}, products.packed, num_threads);
  });
}

size_t PreparedBytes(const TensorView& weight) {
  if (DotPanels(weight)) return DotPackedBytes(Size(weight, 0), DotSteps(Size(weight, 1), 2));
  return SimdSupported() ? PackedBytes(Size(weight, 0), Size(weight, 1), Element(weight.dtype)) : 0;
}

void PrepareWeight(const TensorView& weight, void* out) {
  DotPanels(weight) ? LinearBf16Prepare(weight, out) : LinearPrepareCpu(weight, out);
}

// Few and tens of rows read the plain weight as fast as they would the panels.
bool PreparedPays(const Call& call) {
  const GemmShape shape = Products::Shape(call.inputs[0], call.inputs[1]);
  if (shape.m <= kFewRows) return false;
  return call.inputs[0].dtype == DType::kBF16 || !ReadsPlain(shape, Element(call.inputs[0].dtype));
}

constexpr DTypeSet kBf16 = SetOf(DType::kBF16);
// Of linear and linear_training.
constexpr Variant kForward[] = {
    {.name = "bf16_amx",
     .run = LinearBf16Amx,
     .numerics = "bf16-amx",
     .dtypes = kBf16,
     .accepts = Bf16Amx,
     .needs = "AMX-BF16",
     .workspace_bytes = DotBytes<Bf16AmxKernel, LinearCall>},
    {.name = "bf16_dot",
     .run = LinearBf16Dot,
     .numerics = "bf16-dot",
     .dtypes = kBf16,
     .accepts = Bf16Dot,
     .needs = "AVX512-BF16",
     .workspace_bytes = DotBytes<Bf16DotKernel, LinearCall>},
    {.name = "bf16_dot_narrow",
     .run = LinearBf16DotNarrow,
     .numerics = "bf16-dot",
     .dtypes = kBf16,
     .accepts = Bf16Dot,
     .needs = "AVX512-BF16",
     .workspace_bytes = DotBytes<Bf16DotNarrowKernel, LinearCall>},
    {.name = "simd", .run = LinearSimd<kUsual>, .accepts = Simd, .workspace_bytes = SimdBytes<LinearCall>},
    {.name = "simd_low_tiles",
     .run = LinearSimd<kLowTiles>,
     .accepts = Simd,
     .workspace_bytes = SimdBytes<LinearCall, kLowTiles>},
    {.name = "simd_large_groups",
     .run = LinearSimd<kLargeGroups>,
     .accepts = Simd,
     .workspace_bytes = SimdBytes<LinearCall, kLargeGroups>},
    {.name = "ref", .run = LinearRef, .numerics = "reference"},
};
constexpr Variant kBackward[] = {
    {.name = "bf16_amx",
     .run = LinearBackwardBf16Amx,
     .numerics = "bf16-amx",
     .dtypes = kBf16,
     .accepts = Bf16Amx,
     .needs = "AMX-BF16",
     .workspace_bytes = DotBytes<Bf16AmxKernel, LinearBackwardCall>},
    {.name = "bf16_dot",
     .run = LinearBackwardBf16Dot,
     .numerics = "bf16-dot",
     .dtypes = kBf16,
     .accepts = Bf16Dot,
     .needs = "AVX512-BF16",
     .workspace_bytes = DotBytes<Bf16DotKernel, LinearBackwardCall>},
    {.name = "simd", .run = LinearBackwardCpu, .accepts = Simd, .workspace_bytes = SimdBytes<LinearBackwardCall>},
    {.name = "ref", .run = LinearBackwardRef, .numerics = "reference"},
};

}  // namespace

namespace ops::linear {
constinit const std::array<OpDef, 3> kOps = {
    {{&kLinear, kForward, {.input = 1, .bytes = PreparedBytes, .run = PrepareWeight, .pays = PreparedPays}},
     {&kLinearBackward, kBackward},
     {&kLinearTraining, kForward}}};
}  // namespace ops::linear

}  // namespace strata
