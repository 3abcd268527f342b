// Every operator of the CUDA table gives the CPU's bits. Skipped where there is no GPU.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <memory>

#include "kernels/core/invoke.h"
#include "kernels/ops/registry.h"
#include "kernels/ops/registry_cuda.h"
#include "kernels/testing/compare.h"
#include "kernels/testing/run.h"

namespace strata {
namespace {

struct CudaFree {
  void operator()(void* p) const { cudaFree(p); }
};
using DeviceMemory = std::unique_ptr<void, CudaFree>;

DeviceMemory OnDevice(size_t bytes) {
  void* p = nullptr;
  // One byte at least: an empty tensor still has an address.
  EXPECT_EQ(cudaMalloc(&p, bytes + 1), cudaSuccess);
  return DeviceMemory(p);
}

size_t BytesOf(const TensorView& view) { return static_cast<size_t>(view.numel()) * SizeOf(view.dtype); }

// Runs a sample on the GPU and brings its outputs back.
Outputs RunOnCuda(const OpDef& op, const OwnedCall& sample) {
  std::vector<DeviceMemory> memory;
  Call call = sample.call;
  for (int i = 0; i < op.schema->num_inputs; ++i) {
    TensorView& view = call.inputs[static_cast<size_t>(i)];
    if (!view.present()) continue;
    memory.push_back(OnDevice(BytesOf(view)));
    EXPECT_EQ(cudaMemcpy(memory.back().get(), view.data, BytesOf(view), cudaMemcpyHostToDevice), cudaSuccess);
    view.data = memory.back().get();
  }
  OpContext context;
  context.device = DeviceType::kCuda;
  const Status status = Invoke(op, context, call, [&](Call& c) {
    for (int i = 0; i < op.schema->num_outputs; ++i) {
      memory.push_back(OnDevice(BytesOf(c.outputs[static_cast<size_t>(i)])));
      c.outputs[static_cast<size_t>(i)].data = memory.back().get();
    }
    return Status();
  });
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  Outputs outputs;
  for (int i = 0; i < op.schema->num_outputs; ++i) {
    TensorView view = call.outputs[static_cast<size_t>(i)];
    outputs.memory.emplace_back(BytesOf(view));
    EXPECT_EQ(cudaMemcpy(outputs.memory.back().data(), view.data, BytesOf(view), cudaMemcpyDeviceToHost), cudaSuccess);
    view.data = outputs.memory.back().data();
    outputs.views.push_back(view);
  }
  return outputs;
}

TEST(CudaTable, HasRmsNorm) {
  ASSERT_FALSE(AllCudaOps().empty());
  for (const OpDef* op : AllCudaOps()) EXPECT_NE(FindOp(op->schema->name), nullptr) << "no CPU kernels";
}

TEST(CudaConformance, SameBitsAsTheCpu) {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) GTEST_SKIP() << "this machine has no CUDA device";
  for (const OpDef* op : AllCudaOps()) {
    for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF64}) {
      for (uint64_t seed = 1; seed <= 40; ++seed) {
        std::mt19937_64 random(seed);
        const OwnedCall sample = Compact(RandomCall(*op->schema, random, {.dtype = dtype}));
        const Outputs want = RunSample(*FindOp(op->schema->name), sample);
        EXPECT_EQ(DifferentBits(*op->schema, RunOnCuda(*op, sample), want), "")
            << op->schema->name << " " << NameOf(dtype) << " sample " << seed;
      }
    }
  }
}

}  // namespace
}  // namespace strata
