// RMSNorm on CUDA, with the CPU's bits: one warp takes a row, and its 32 threads hold the 64 virtual lanes, two each
// (thread t has lanes t and t + 32), so that loads are coalesced and the additions are those of kernels/simd/row-inl.h.
#include <cuda_bf16.h>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/rms_norm/rms_norm.h"

namespace strata {
namespace {

constexpr int kWarp = 32;
constexpr int kRowsPerBlock = 8;

__device__ inline float Widen(float v) { return v; }
__device__ inline double Widen(double v) { return v; }
__device__ inline float Widen(__nv_bfloat16 v) { return __bfloat162float(v); }

template <class T, class F>
__device__ inline T Narrow(F v) {
  return static_cast<T>(v);
}
template <>
__device__ inline __nv_bfloat16 Narrow<__nv_bfloat16, float>(float v) {
  return __float2bfloat16_rn(v);
}

// Division and square root as IEEE 754 has them, and no contraction (the file is compiled with -fmad=false).
__device__ inline float Rsqrt(float v) { return __fdiv_rn(1.0f, __fsqrt_rn(v)); }
__device__ inline double Rsqrt(double v) { return __ddiv_rn(1.0, __dsqrt_rn(v)); }

template <class T, class F>
__global__ void RmsNormKernel(const T* __restrict__ x, const T* __restrict__ weight, T* __restrict__ y, int64_t rows,
                              int64_t width, F eps) {
  const int64_t row = int64_t{blockIdx.x} * kRowsPerBlock + threadIdx.y;
  if (row >= rows) return;
  x += row * width;
  y += row * width;
  F low = 0, high = 0;
  for (int64_t i = threadIdx.x; i < width; i += 2 * kWarp) {
    const F v = Widen(x[i]);
    low = fma(v, v, low);
    if (i + kWarp < width) {
      const F u = Widen(x[i + kWarp]);
      high = fma(u, u, high);
    }
  }
  F sum = low + high;  // the fold by 32; then 16, 8, 4, 2, 1
  for (int half = kWarp / 2; half > 0; half /= 2) sum += __shfl_down_sync(0xffffffffu, sum, half);
  sum = __shfl_sync(0xffffffffu, sum, 0);
  const F scale = Rsqrt(sum / static_cast<F>(width) + eps);
  for (int64_t i = threadIdx.x; i < width; i += kWarp) y[i] = Narrow<T, F>(Widen(x[i]) * scale * Widen(weight[i]));
}

template <class T, class F>
void Launch(const OpContext& context, const TensorView& x, const TensorView& weight, double eps, const TensorView& y) {
  const int64_t rows = x.rows(), width = x.size(-1);
  if (rows == 0 || width == 0) return;
  const dim3 block(kWarp, kRowsPerBlock);
  const auto blocks = static_cast<unsigned>((rows + kRowsPerBlock - 1) / kRowsPerBlock);
  RmsNormKernel<T, F><<<blocks, block, 0, static_cast<cudaStream_t>(context.stream)>>>(
      x.In<T>(), weight.In<T>(), y.Out<T>(), rows, width, static_cast<F>(eps));
}

constexpr Variant kCudaRows[] = {
    {.name = "warp", .run = Typed<kRmsNorm, RmsNormCuda>, .device = DeviceType::kCuda},
};

}  // namespace

void RmsNormCuda(const OpContext& context, const TensorView& x, const TensorView& weight, double eps,
                 const TensorView& y) {
  if (x.dtype == DType::kF32) return Launch<float, float>(context, x, weight, eps, y);
  if (x.dtype == DType::kF64) return Launch<double, double>(context, x, weight, eps, y);
  Launch<__nv_bfloat16, float>(context, x, weight, eps, y);
}

namespace ops::rms_norm {
constinit const std::array<OpDef, 1> kCudaOps = {{{&kRmsNorm, kCudaRows}}};
}  // namespace ops::rms_norm

}  // namespace strata
