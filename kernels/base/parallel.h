// Parallel: how a kernel spreads work over threads without knowing whose threads they are. In research they are
// torch's, in the service a ThreadPool's, in a test whatever the test wants.
//
// A kernel splits its *outputs*; it never splits a sum, so that a result cannot depend on the number of threads.
//
//   ParallelChunks(parallel, rows, /*grain=*/16, [&](int chunk, int64_t begin, int64_t end) { ... });
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/base/function_ref.h"

namespace strata {

class Parallel {
 public:
  virtual ~Parallel() = default;
  // The most chunks that may run at the same time; at least 1.
  virtual int num_threads() const = 0;
  // Runs body(i) once for every i in [0, count), in any order, on any thread; returns when all have ended.
  // The body must not throw. Calls from within a body run on the calling thread.
  virtual void Run(int count, FunctionRef<void(int)> body) = 0;
};

// Runs everything on the calling thread.
Parallel& Serial();

// The number of chunks that ParallelChunks makes: at most one a thread, each of `grain` items or more where it can be.
inline int NumChunks(const Parallel& parallel, int64_t items, int64_t grain) {
  const int64_t most = std::max<int64_t>(1, items / std::max<int64_t>(1, grain));
  return static_cast<int>(std::min<int64_t>(parallel.num_threads(), most));
}

// Splits [0, items) into NumChunks() even runs and calls body(chunk, begin, end) for each. `chunk` indexes per-chunk
// workspace. No call is made for an empty range.
template <class Body>
void ParallelChunks(Parallel& parallel, int64_t items, int64_t grain, Body&& body) {
  if (items <= 0) return;
  const int chunks = NumChunks(parallel, items, grain);
  if (chunks == 1) return body(0, int64_t{0}, items);
  parallel.Run(chunks, [&](int chunk) {
    const int64_t begin = items * chunk / chunks, end = items * (chunk + 1) / chunks;
    if (begin < end) body(chunk, begin, end);
  });
}

}  // namespace strata
