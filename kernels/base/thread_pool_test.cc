#include "kernels/base/thread_pool.h"

#include <gtest/gtest.h>

#include <numeric>

namespace strata {
namespace {

TEST(ThreadPool, RunsEachIndexOnce) {
  for (int threads : {1, 2, 7}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.num_threads(), threads);
    for (int count : {0, 1, 2, 100}) {
      std::vector<std::atomic<int>> hits(static_cast<size_t>(count));
      pool.Run(count, [&](int i) { hits[static_cast<size_t>(i)]++; });
      for (auto& hit : hits) EXPECT_EQ(hit.load(), 1);
    }
  }
}

TEST(ThreadPool, NestedRunsStayOnTheirThread) {
  ThreadPool pool(3);
  std::atomic<int> total{0};
  pool.Run(4, [&](int) { pool.Run(5, [&](int) { ++total; }); });
  EXPECT_EQ(total.load(), 20);
}

TEST(ThreadPool, CallersFromSeveralThreadsTakeTurns) {
  ThreadPool pool(2);
  std::atomic<int> total{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&] {
      for (int round = 0; round < 200; ++round) pool.Run(3, [&](int) { ++total; });
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(total.load(), 4 * 200 * 3);
}

TEST(ParallelChunks, CoversTheRangeWithoutOverlap) {
  ThreadPool pool(7);
  for (int64_t items : {0, 1, 6, 7, 8, 1000}) {
    std::vector<std::atomic<int>> hits(static_cast<size_t>(items));
    ParallelChunks(pool, items, 1, [&](int chunk, int64_t begin, int64_t end) {
      EXPECT_LT(chunk, NumChunks(pool, items, 1));
      for (int64_t i = begin; i < end; ++i) hits[static_cast<size_t>(i)]++;
    });
    for (auto& hit : hits) EXPECT_EQ(hit.load(), 1);
  }
}

}  // namespace
}  // namespace strata
