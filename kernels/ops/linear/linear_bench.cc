// GFLOP/s of linear in float32, weights prepared, by shape and threads: rows, in, out.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "kernels/base/thread_pool.h"
#include "kernels/core/invoke.h"
#include "kernels/ops/linear/linear.h"

namespace strata {
namespace {

void Linear(benchmark::State& state) {
  const int64_t m = state.range(0), k = state.range(1), n = state.range(2);
  ThreadPool pool(static_cast<int>(state.range(3)));
  const bool prepared = state.range(4) != 0;
  std::vector<float> x(static_cast<size_t>(m * k), 0.5f), w(static_cast<size_t>(n * k), 0.25f),
      y(static_cast<size_t>(m * n));
  Call call(kLinear);
  call.inputs[0] = MakeView(x.data(), DType::kF32, {m, k});
  call.inputs[1] = MakeView(w.data(), DType::kF32, {n, k});
  const OpDef& op = ops::linear::kOps[0];
  AlignedBuffer packed(op.prepare.bytes(call.inputs[1])), scratch;
  if (prepared) {
    op.prepare.run(call.inputs[1], packed.data());
    call.inputs[1].prepared = packed.data();
  }
  const OpContext context{.parallel = &pool, .scratch = &scratch};
  for (auto _ : state) {
    const Status status = Invoke(op, context, call, [&](Call& c) {
      c.outputs[0].data = y.data();
      return Status();
    });
    if (!status.ok()) state.SkipWithError("linear was refused");
  }
  state.counters["GFLOP/s"] =
      benchmark::Counter(2e-9 * static_cast<double>(m * n * k), benchmark::Counter::kIsIterationInvariantRate);
}

void Shapes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"rows", "in", "out", "threads", "prepared"})->UseRealTime();
  for (int64_t threads : {1, 2}) {
    for (int64_t size : {512, 1024, 2048, 4096}) bench->Args({size, size, size, threads, 1});
    for (int64_t rows : {1, 16, 256, 4096}) {
      bench->Args({rows, 384, 384, threads, 1});
      bench->Args({rows, 384, 1536, threads, 1});
      bench->Args({rows, 1536, 384, threads, 1});
    }
    for (int64_t rows : {1, 8, 256}) bench->Args({rows, 384, 1536, threads, 0});
  }
}
BENCHMARK(Linear)->Apply(Shapes);

}  // namespace
}  // namespace strata
