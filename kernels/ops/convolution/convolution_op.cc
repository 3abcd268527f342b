#include <string>

#include "kernels/base/cpu_features.h"
#include "kernels/dot/dot_gemm.h"
#include "kernels/ops/convolution/convolution.h"
#include "kernels/simd/convolution.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

enum Attr : size_t { kStride = 0, kPadding = 3, kDilation = 6, kGroups = 9, kActivation = 10 };

int64_t Value(const Call& call, size_t attr) { return call.attrs[attr].i; }

Windows WindowsOf(const Call& call) {
  Windows w;
  for (size_t d = 0; d < kSpatial; ++d) {
    const int at = 2 + static_cast<int>(d);
    w.in[d] = call.inputs[0].size(at);
    w.kernel[d] = call.inputs[1].size(at);
    w.out[d] = call.outputs[0].size(at);
    w.stride[d] = Value(call, kStride + d);
    w.padding[d] = Value(call, kPadding + d);
    w.dilation[d] = Value(call, kDilation + d);
  }
  return w;
}

Convolution ConvolutionOf(const Call& call) {
  const TensorView &x = call.inputs[0], &weight = call.inputs[1];
  Convolution c;
  c.windows = WindowsOf(call);
  c.groups = Value(call, kGroups);
  c.batch = x.size(0);
  c.channels = weight.size(1);
  c.outputs = weight.size(0) / c.groups;
  c.x = &x;
  c.weight = &weight;
  c.bias = call.inputs[2].present() ? &call.inputs[2] : nullptr;
  c.y = &call.outputs[0];
  c.activation = static_cast<Activation>(Value(call, kActivation));
  return c;
}

// The size of the type that sums are computed in.
size_t Element(DType dtype) { return dtype == DType::kF64 ? sizeof(double) : sizeof(float); }

std::string Is(std::string_view what, int64_t had) { return std::string(what) + " is " + std::to_string(had); }

Status Infer(Call& call) {
  const TensorView &x = call.inputs[0], &weight = call.inputs[1];
  const int64_t groups = Value(call, kGroups);
  if (x.size(1) != weight.size(1) * groups) {
    return InvalidArgument(Is("x has shape " + ShapeText(x) + " and groups", groups) + ", wanted " +
                           std::to_string(weight.size(1) * groups) + " channels beside a weight of shape " +
                           ShapeText(weight));
  }
  if (weight.size(0) % groups != 0) {
    return InvalidArgument(Is("groups", groups) + ", wanted a divisor of the weight's " +
                           std::to_string(weight.size(0)) + " output channels");
  }
  TensorView& y = call.outputs[0];
  y.dtype = x.dtype;
  y.SetSizes({x.size(0), weight.size(0), 1, 1, 1});
  const Windows w = WindowsOf(call);
  for (size_t d = 0; d < kSpatial; ++d) {
    const int64_t size = w.OutSize(d);
    if (size < 0) {
      return InvalidArgument("x has shape " + ShapeText(x) + ", wanted images that hold a kernel of " +
                             ShapeText(weight) + " with its dilation, padding included");
    }
    y.sizes[2 + d] = size;
  }
  y.MakeContiguous();
  if (!PhasePlanes(WindowsOf(call)).Fits(x.size(0) * x.size(1)))
    return InvalidArgument("x has the impossible shape " + ShapeText(x));
  return {};
}

void RunCpu(const OpContext& context, const Call& call) { ConvolutionCpu(context, ConvolutionOf(call)); }
void RunRef(const OpContext& context, const Call& call) { ConvolutionRef(context, ConvolutionOf(call)); }

size_t Bytes(const Call& call, int num_threads) {
  const DType dtype = call.inputs[0].dtype;
  return ConvolutionBytes(ConvolutionOf(call), Element(dtype), SizeOf(dtype), num_threads);
}

bool Bf16Amx(const Call& call) { return Cpu().amx_bf16 && !ConvolutionOf(call).Depthwise(); }
// With AMX, too, so that the row can be named there: it is never the first.
bool Bf16Dot(const Call& call) {
  return Cpu().avx512_bf16 && (Cpu().fast_bf16_dot || Cpu().amx_bf16) && !ConvolutionOf(call).Depthwise();
}

template <void (*kRun)(const OpContext&, const Convolution&)>
void RunDot(const OpContext& context, const Call& call) {
  if (call.outputs[0].numel() > 0) kRun(context, ConvolutionOf(call));
}

template <const DotKernel& (*kKernel)()>
size_t DotBytes(const Call& call, int num_threads) {
  return ConvolutionDotBytes(ConvolutionOf(call), kKernel(), num_threads);
}

size_t PreparedBytes(const TensorView& weight) {
  // One channel alone is convolved with the weight as it lies.
  if (!SimdSupported() || weight.numel() == 0 || weight.size(1) == 1) return 0;
  // Dot products read the weight as it lies.
  if (weight.dtype == DType::kBF16 && (Cpu().amx_bf16 || (Cpu().avx512_bf16 && Cpu().fast_bf16_dot))) return 0;
  const auto outputs = static_cast<size_t>(weight.size(0));
  return PackedBytes(outputs, static_cast<size_t>(weight.numel()) / outputs, Element(weight.dtype));
}

// The panels are for small maps; tens of places read the plain weight as fast.
bool PreparedPays(const Call& call) {
  const Convolution c = ConvolutionOf(call);
  const ConvolutionProducts products(c);
  const GemmShape shape = products.shape(products.images);
  return products.places_in_rows && c.groups == 1 && shape.m > kFewRows && !ReadsPlain(shape, Element(c.x->dtype));
}

constexpr DTypeSet kBf16 = SetOf(DType::kBF16);
constexpr Variant kRows[] = {
    {.name = "bf16_amx",
     .run = RunDot<ConvolutionBf16Amx>,
     .numerics = "bf16-amx",
     .dtypes = kBf16,
     .accepts = Bf16Amx,
     .needs = "AMX-BF16",
     .workspace_bytes = DotBytes<Bf16AmxKernel>},
    {.name = "bf16_dot",
     .run = RunDot<ConvolutionBf16Dot>,
     .numerics = "bf16-dot",
     .dtypes = kBf16,
     .accepts = Bf16Dot,
     .needs = "AVX512-BF16",
     .workspace_bytes = DotBytes<Bf16DotKernel>},
    {.name = "simd", .run = RunCpu, .accepts = Simd, .workspace_bytes = Bytes},
    {.name = "ref", .run = RunRef, .numerics = "reference"},
};

}  // namespace

size_t ConvolutionDotBytes(const Convolution& c, const DotKernel& kernel, int num_threads) {
  if (c.batch == 0) return 0;
  const ConvolutionProducts products(c, /*may_turn=*/false);
  const GemmShape shape = products.shape(1);
  const auto bytes = [&](int threads) {
    return AlignUp(products.tap_bytes() + products.plane_bytes(sizeof(BF16)) +
                   DotGemmBytes({shape.m, shape.n, DotSteps(shape.k, 2)}, /*packed=*/false, kernel, threads));
  };
  return WholeProducts(products.count(), num_threads) ? static_cast<size_t>(num_threads) * bytes(1)
                                                      : bytes(num_threads);
}

namespace ops::convolution {
constinit const std::array<OpDef, 1> kOps = {
    {{.schema = &kConvolution,
      .variants = kRows,
      .prepare = {.input = 1, .bytes = PreparedBytes, .run = ConvolutionPrepareCpu, .pays = PreparedPays},
      .infer = Infer}}};
}  // namespace ops::convolution

}  // namespace strata
