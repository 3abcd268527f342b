#include <string>

#include "kernels/ops/pool/pool.h"
#include "kernels/simd/targets.h"
#include "kernels/simd/windows.h"

namespace strata {
namespace {

enum Attr : size_t { kOperation = 0, kKernel = 1, kStride = 4, kPadding = 7, kCountOutside = 10, kDivisor = 11 };
constexpr std::string_view kDims[] = {"d", "h", "w"};

bool Simd(const Call&) { return SimdSupported(); }

Windows WindowsOf(const Call& call, const TensorView& x, const TensorView& y) {
  Windows w;
  for (size_t d = 0; d < kSpatial; ++d) {
    w.in[d] = x.size(2 + static_cast<int>(d));
    w.out[d] = y.size(2 + static_cast<int>(d));
    w.kernel[d] = call.attrs[kKernel + d].i;
    w.stride[d] = call.attrs[kStride + d].i;
    w.padding[d] = call.attrs[kPadding + d].i;
  }
  return w;
}

Windows WindowsOf(const Call& call) { return WindowsOf(call, call.inputs[0], call.outputs[0]); }
Windows BackwardWindowsOf(const Call& call) { return WindowsOf(call, call.inputs[1], call.inputs[0]); }

// The sizes of y, behind those of the batch and the channels.
Status OutSizes(const Call& call, const TensorView& x, TensorView& y) {
  y.dtype = x.dtype;
  y.SetSizes({x.size(0), x.size(1), 1, 1, 1});
  const Windows w = WindowsOf(call, x, y);
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
  if (!PaddedPlane(WindowsOf(call, x, y)).Fits()) return InvalidArgument("x has the impossible shape " + ShapeText(x));
  return {};
}

Status Infer(Call& call) { return OutSizes(call, call.inputs[0], call.outputs[0]); }

Status InferBackward(Call& call) {
  TensorView wanted;
  if (Status status = OutSizes(call, call.inputs[1], wanted); !status.ok()) return status;
  const TensorView& grad = call.inputs[0];
  for (int d = 2; d < 5; ++d) {
    if (grad.size(d) != wanted.size(d)) {
      return InvalidArgument("grad_y has shape " + ShapeText(grad) + ", wanted " + ShapeText(wanted));
    }
  }
  return {};
}

template <void (*kRun)(const OpContext&, const PoolCall&)>
void Run(const OpContext& context, const Call& call) {
  const Windows windows = WindowsOf(call);
  const TensorView &x = call.inputs[0], &y = call.outputs[0];
  kRun(context, {windows, static_cast<Pooling>(call.attrs[kOperation].i), call.attrs[kCountOutside].i != 0,
                 call.attrs[kDivisor].i, x.size(0) * x.size(1), x, y});
}

template <void (*kRun)(const OpContext&, const PoolCall&, const TensorView&)>
void RunBackward(const OpContext& context, const Call& call) {
  const Windows windows = BackwardWindowsOf(call);
  const TensorView &grad = call.inputs[0], &x = call.inputs[1];
  kRun(context,
       {windows, static_cast<Pooling>(call.attrs[kOperation].i), call.attrs[kCountOutside].i != 0,
        call.attrs[kDivisor].i, x.size(0) * x.size(1), x, grad},
       call.outputs[0]);
}

size_t Element(const Call& call) { return call.inputs[0].dtype == DType::kF64 ? sizeof(double) : sizeof(float); }

size_t Bytes(const Call& call, int num_threads) {
  return static_cast<size_t>(num_threads) * PoolThreadBytes(WindowsOf(call), Element(call));
}
size_t BackwardBytes(const Call& call, int num_threads) {
  return static_cast<size_t>(num_threads) * PoolBackwardThreadBytes(BackwardWindowsOf(call), Element(call));
}

constexpr Variant kRows[] = {
    {.name = "simd", .run = Run<PoolCpu>, .accepts = Simd, .workspace_bytes = Bytes},
    {.name = "ref", .run = Run<PoolRef>, .numerics = "reference"},
};
constexpr Variant kBackwardRows[] = {
    {.name = "cpu", .run = RunBackward<PoolBackwardCpu>, .workspace_bytes = BackwardBytes},
    {.name = "ref", .run = RunBackward<PoolBackwardRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::pool {
constinit const std::array<OpDef, 2> kOps = {
    {{.schema = &kPool, .variants = kRows, .infer = Infer},
     {.schema = &kPoolBackward, .variants = kBackwardRows, .infer = InferBackward}}};
}  // namespace ops::pool

}  // namespace strata
