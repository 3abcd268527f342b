// Offers and takes per second, of the pure queue and of the whole scheduler. One item is one task, in and out.
#include <benchmark/benchmark.h>

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "systems/batching/batch_scheduler.h"

namespace strata::batching {
namespace {

// A queue that holds `depth` tasks of the lengths of texts (20 to 90 tokens, one in twenty of 512), refilled as batches
// leave it. Args: depth, percent of tasks with a deadline.
void OfferAndTake(benchmark::State& state) {
  const auto depth = static_cast<size_t>(state.range(0));
  BatchQueue queue =
      BatchQueue::Create({.max_batch_tasks = 32, .max_batch_cost = 2048, .max_queue_tasks = 4096}).value();
  std::mt19937 random(1);
  std::vector<QueueTask> tasks(4096);
  for (QueueTask& task : tasks) {
    task.cost = random() % 20 == 0 ? 512 : 20 + static_cast<int64_t>(random() % 70);
    task.deadline_us = static_cast<int64_t>(random() % 100) < state.range(1) ? int64_t{1} << 40 : kNever;
  }
  TimeUs now = 0;
  size_t next = 0, done = 0;
  for (auto _ : state) {
    while (queue.num_tasks() < depth) queue.Offer(tasks[next++ % tasks.size()], ++now);
    done += queue.TakeReady(++now, 1).batch.size();
    benchmark::DoNotOptimize(queue.NextDeadline(0));
  }
  state.SetItemsProcessed(static_cast<int64_t>(done));
}
BENCHMARK(OfferAndTake)
    ->ArgNames({"depth", "deadlines"})
    ->Args({1, 0})
    ->Args({32, 0})
    ->Args({256, 0})
    ->Args({256, 100})
    ->Args({4096, 100});

// Submit to answer on one thread, the batches empty: what the scheduler itself costs a request.
void SubmitToAnswer(benchmark::State& state) {
  boost::asio::io_context io;
  const auto run = [](size_t, std::span<Task* const>) { return absl::OkStatus(); };
  auto scheduler = BatchScheduler::Create({}, io.get_executor(), io.get_executor(), run).value();
  int64_t answered = 0;
  for (auto _ : state) {
    for (int64_t i = 0; i < state.range(0); ++i) {
      scheduler->Submit(Submission(std::make_unique<Work>()), [&answered](const Outcome&) { ++answered; });
    }
    io.restart();
    io.poll();
  }
  state.SetItemsProcessed(answered);
}
BENCHMARK(SubmitToAnswer)->ArgName("together")->Arg(1)->Arg(16)->Arg(64);

}  // namespace
}  // namespace strata::batching
