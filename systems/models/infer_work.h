// InferWork: one request's tensors on their way through a batch. It owns or keeps alive all that it points at, since a
// running batch outlives a client that leaves. Not for: checking (convert.h), combining (batch_runner.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/base/aligned_buffer.h"
#include "kernels/core/tensor_view.h"
#include "systems/batching/task.h"
#include "systems/runtime/batch_io.h"

namespace strata::models {

// What a request gets of one output, copied out of the batch's memory.
struct OutputPart {
  std::vector<int64_t> shape;
  std::string bytes;  // row-major, without padding
};

struct InferWork : batching::Work {
  size_t entry = 0;  // of BatchRunner's entry points
  std::vector<TensorView> inputs;
  runtime::RequestSize size;
  std::vector<int> wanted;          // outputs, by index of the signature
  std::vector<OutputPart> outputs;  // as many as `wanted`, after the run

  // What `inputs` may point into.
  std::shared_ptr<const void> keep_alive;
  std::vector<AlignedBuffer> copies;
};

}  // namespace strata::models
