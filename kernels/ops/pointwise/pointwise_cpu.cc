#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/pointwise/pointwise_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include <algorithm>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/pointwise/broadcast.h"
#include "kernels/ops/pointwise/pointwise.h"
#include "kernels/ops/pointwise/program.h"
#include "kernels/ops/pointwise/run-inl.h"
#include "kernels/ops/pointwise/tile.h"
#include "kernels/ops/pointwise/workspace.h"
#include "kernels/simd/stream.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {
void Pointwise(const OpContext& context, std::span<const TensorView> inputs, std::string_view text,
               std::span<const TensorView> outputs) {
  const pointwise::Program& program = *pointwise::Decode(text).program;
  const pointwise::Broadcast broadcast(inputs, outputs[0]);
  if (broadcast.total == 0) return;
  int64_t bytes = 0;
  for (const TensorView& output : outputs) bytes += broadcast.total * static_cast<int64_t>(SizeOf(output.dtype));
  const pointwise::Work work{program, broadcast, inputs, outputs, context.workspace, WorthStreaming(bytes)};
  FillConstants(work);
  // Below a quarter of a million elements of simple instructions a second thread costs more than it takes over.
  const int64_t tile = static_cast<int64_t>(pointwise::kTile) * (program.schedule.weight + 2);
  const int64_t grain = std::max<int64_t>(1, 262144 / tile);
  ParallelChunks(*context.parallel, work.num_tiles(), grain,
                 [&](int chunk, int64_t begin, int64_t end) { Runner(work, chunk).Run(begin, end); });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(Pointwise);

void PointwiseCpu(const OpContext& context, std::span<const TensorView> inputs, std::string_view program,
                  std::span<const TensorView> outputs) {
  HWY_DYNAMIC_DISPATCH(Pointwise)(context, inputs, program, outputs);
}

size_t PointwiseWorkspace(const Call& call, int num_threads) {
  const pointwise::Program& program = *pointwise::Decode(*call.attrs[0].text).program;
  return pointwise::kConstantBytes * static_cast<size_t>(program.num_constants) +
         pointwise::ThreadBytes(program) * static_cast<size_t>(num_threads);
}

}  // namespace strata
#endif  // HWY_ONCE
