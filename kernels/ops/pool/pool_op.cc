#include <string>

#include "kernels/ops/pool/pool.h"
#include "kernels/simd/targets.h"
#include "kernels/simd/windows.h"

namespace strata {
namespace {

enum Attr : size_t { kOperation = 0, kKernel = 1, kStride = 4, kPadding = 7, kCountOutside = 10, kDivisor = 11 };
constexpr std::string_view kDims[] = {"d", "h", "w"};

bool Simd(const Call&) { return SimdSupported(); }

Windows WindowsOf(const Call& call) {
  Windows w;
  for (size_t d = 0; d < kSpatial; ++d) {
    w.in[d] = call.inputs[0].size(2 + static_cast<int>(d));
    w.out[d] = call.outputs[0].size(2 + static_cast<int>(d));
    w.kernel[d] = call.attrs[kKernel + d].i;
    w.stride[d] = call.attrs[kStride + d].i;
    w.padding[d] = call.attrs[kPadding + d].i;
  }
  return w;
}

Status Infer(Call& call) {
  const TensorView& x = call.inputs[0];
  TensorView& y = call.outputs[0];
  y.dtype = x.dtype;
  y.SetSizes({x.size(0), x.size(1), 1, 1, 1});
  const Windows w = WindowsOf(call);
  for (size_t d = 0; d < kSpatial; ++d) {
    const std::string dim(kDims[d]);
    if (2 * w.padding[d] > w.kernel[d]) {
      return InvalidArgument("padding_" + dim + " is " + std::to_string(w.padding[d]) +
                             ", wanted at most half of kernel_" + dim + " = " + std::to_string(w.kernel[d]));
    }
    const int64_t size = w.OutSize(d);
    if (size < 0) {
      return InvalidArgument("kernel_" + dim + " is " + std::to_string(w.kernel[d]) + ", wanted one that fits into " +
                             std::to_string(w.in[d] + 2 * w.padding[d]) + ", padding included");
    }
    y.sizes[2 + d] = size;
  }
  y.MakeContiguous();
  if (!PaddedPlane(WindowsOf(call)).Fits()) return InvalidArgument("x has the impossible shape " + ShapeText(x));
  return {};
}

template <void (*kRun)(const OpContext&, const PoolCall&)>
void Run(const OpContext& context, const Call& call) {
  const Windows windows = WindowsOf(call);
  const TensorView &x = call.inputs[0], &y = call.outputs[0];
  kRun(context, {windows, static_cast<Pooling>(call.attrs[kOperation].i), call.attrs[kCountOutside].i != 0,
                 call.attrs[kDivisor].i, x.size(0) * x.size(1), x, y});
}

size_t Bytes(const Call& call, int num_threads) {
  const size_t element = call.inputs[0].dtype == DType::kF64 ? sizeof(double) : sizeof(float);
  return static_cast<size_t>(num_threads) * PoolThreadBytes(WindowsOf(call), element);
}

constexpr Variant kRows[] = {
    {.name = "simd", .run = Run<PoolCpu>, .accepts = Simd, .workspace_bytes = Bytes},
    {.name = "ref", .run = Run<PoolRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::pool {
constinit const std::array<OpDef, 1> kOps = {{{.schema = &kPool, .variants = kRows, .infer = Infer}}};
}  // namespace ops::pool

}  // namespace strata
