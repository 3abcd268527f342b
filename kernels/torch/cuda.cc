// libstrata_cuda.so: the CUDA kernels of operators that libstrata_cpu.so has defined. A library of its own, so that a
// machine without CUDA never resolves a CUDA symbol.
#include "kernels/ops/registry_cuda_headers.inc"
#include "kernels/torch/adapter.h"

// Declared by hand: torch's own header of them needs the CUDA toolkit.
struct CUDAGuardOpaque;
extern "C" AOTITorchError aoti_torch_get_current_cuda_stream(int32_t device_index, void** stream);
extern "C" AOTITorchError aoti_torch_create_cuda_guard(int32_t device_index, CUDAGuardOpaque** guard);
extern "C" AOTITorchError aoti_torch_delete_cuda_guard(CUDAGuardOpaque* guard);

namespace strata::torch_adapter {
namespace {

constexpr int32_t kTorchCuda = 1;  // c10::DeviceType::CUDA

struct Guard {
  CUDAGuardOpaque* guard = nullptr;
  explicit Guard(int32_t index) { Check(aoti_torch_create_cuda_guard(index, &guard), "create_cuda_guard"); }
  ~Guard() { aoti_torch_delete_cuda_guard(guard); }
};

void WithDevice(int32_t index, OpContext& context, FunctionRef<void()> body) {
  const Guard guard(index);
  Check(aoti_torch_get_current_cuda_stream(index, &context.stream), "get_current_cuda_stream");
  body();
}

[[maybe_unused]] constexpr DeviceHooks kCuda = {DeviceType::kCuda, kTorchCuda, WithDevice};

const bool registered = [] {
  TorchLibraryHandle kernels = nullptr;
  Check(aoti_torch_library_init_impl("strata", "CUDA", __FILE__, __LINE__, &kernels), "library_init_impl");
#define STRATA_OP(folder) RegisterKernels<ops::folder::kCudaOps, kCuda>(kernels);
#include "kernels/ops/registry_cuda.inc"
#undef STRATA_OP
  return true;
}();

}  // namespace
}  // namespace strata::torch_adapter
