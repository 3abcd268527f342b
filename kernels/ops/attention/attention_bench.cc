// Attention in float32 with MiniLM's heads (12 of 32), by run length and threads; 4,096 rows in all.
#include <benchmark/benchmark.h>

#include <vector>

#include "kernels/base/thread_pool.h"
#include "kernels/core/invoke.h"
#include "kernels/ops/attention/attention.h"

namespace strata {
namespace {

constexpr int64_t kRows = 4096, kHeads = 12, kWidth = 32;

void Attention(benchmark::State& state) {
  const int64_t length = state.range(0), runs = kRows / length;
  ThreadPool pool(static_cast<int>(state.range(1)));
  std::vector<float> qkv(static_cast<size_t>(kRows * 3 * kHeads * kWidth)), y(qkv.size() / 3),
      lse(static_cast<size_t>(kRows * kHeads));
  for (size_t i = 0; i < qkv.size(); ++i) qkv[i] = static_cast<float>(i * 7919 % 1000) / 500 - 1;
  std::vector<int32_t> offsets;
  for (int64_t i = 0; i <= runs; ++i) offsets.push_back(static_cast<int32_t>(i * length));
  Call call(kAttention);
  for (int64_t t = 0; t < 3; ++t) {
    TensorView& view = call.inputs[static_cast<size_t>(t)];
    view = MakeView(qkv.data() + t * kHeads * kWidth, DType::kF32, {kRows, kHeads, kWidth});
    view.strides[0] = 3 * kHeads * kWidth;
  }
  call.inputs[3] = call.inputs[4] = MakeView(offsets.data(), DType::kI32, {runs + 1});
  AlignedBuffer scratch;
  const OpContext context{.parallel = &pool, .scratch = &scratch};
  for (auto _ : state) {
    const Status status = Invoke(ops::attention::kOps[0], context, call, [&](Call& c) {
      c.outputs[0].data = y.data(), c.outputs[1].data = lse.data();
      return Status();
    });
    if (!status.ok()) state.SkipWithError("attention was refused");
  }
  state.counters["GFLOP/s"] = benchmark::Counter(4e-9 * static_cast<double>(kRows * length * kHeads * kWidth),
                                                 benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(Attention)->ArgNames({"length", "threads"})->ArgsProduct({{16, 64, 128, 256, 1024}, {1, 2}})->UseRealTime();

}  // namespace
}  // namespace strata
