// OpContext: everything that a kernel takes from its surroundings. A kernel never allocates, locks, logs, throws or
// synchronises: threads, working memory and the stream come from here.
#pragma once

#include <cstddef>
#include <string_view>

#include "kernels/base/aligned_buffer.h"
#include "kernels/base/parallel.h"

namespace strata {

enum class DeviceType : uint8_t { kCpu, kCuda };

struct OpContext {
  DeviceType device = DeviceType::kCpu;
  void* stream = nullptr;          // CUDA: the cudaStream_t to launch on
  Parallel* parallel = &Serial();  // CPU: never nullptr
  // Where Invoke takes a kernel's working memory from; the owner may keep it from call to call. CPU only; a context
  // without one can run only kernels that need none.
  AlignedBuffer* scratch = nullptr;
  // A test may name the variant row to run ("ref"); empty: the first that accepts the call.
  std::string_view row = {};
  // Set by Invoke for the kernel: Variant::workspace_bytes() bytes, 64-byte aligned, contents undefined.
  std::byte* workspace = nullptr;
};

}  // namespace strata
