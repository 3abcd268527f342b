// The scheduler as the server uses it: coroutines on their own I/O threads, a scheduler thread, a worker pool. Meant
// for the sanitizers; nothing here depends on which thread is faster.
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <future>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "systems/batching/scheduler_test_util.h"

namespace strata::batching {
namespace {

namespace asio = boost::asio;
using absl::StatusCode;

constexpr int kClients = 16;  // per I/O thread
constexpr int kRequests = 150;

struct Tally {
  std::atomic<int> ok{0}, failed{0}, cancelled{0}, full{0}, expired{0}, wrong{0};
};

void Count(const Outcome& outcome, int number, std::thread::id home, Tally& tally) {
  if (std::this_thread::get_id() != home) ++tally.wrong;
  switch (outcome.status.code()) {
    case StatusCode::kOk:
      ++tally.ok;
      if (SquaredOf(outcome) != number * number) ++tally.wrong;
      break;
    case StatusCode::kInternal:
      ++tally.failed;
      if (outcome.status.message() != "planted fault") ++tally.wrong;
      break;
    case StatusCode::kCancelled:
      ++tally.cancelled;
      break;
    case StatusCode::kResourceExhausted:
      ++tally.full;
      break;
    case StatusCode::kDeadlineExceeded:
      ++tally.expired;
      break;
    default:
      ++tally.wrong;
  }
}

asio::awaitable<void> Client(BatchScheduler& scheduler, int seed, Tally& tally) {
  std::mt19937 random(static_cast<unsigned>(seed));
  const auto executor = co_await asio::this_coro::executor;
  for (int i = 0; i < kRequests; ++i) {
    const int number = static_cast<int>(random() % 30'000);
    const int64_t timeout_us = random() % 8 == 0 ? static_cast<int64_t>(random() % 300) : kNever;
    // Leaves after a random number of turns of its own I/O thread: queued, running or answered by then.
    const auto signal = std::make_shared<asio::cancellation_signal>();
    if (random() % 4 == 0) {
      asio::post(executor, [executor, signal, turns = random() % 40]() mutable {
        struct Later {
          static void Go(asio::any_io_executor ex, std::shared_ptr<asio::cancellation_signal> s, unsigned long turns) {
            if (turns == 0) return s->emit(asio::cancellation_type::terminal);
            asio::post(ex, [ex, s, turns] { Go(ex, s, turns - 1); });
          }
        };
        Later::Go(executor, signal, turns);
      });
    }
    const std::thread::id home = std::this_thread::get_id();
    const Outcome outcome = co_await scheduler.Submit(
        Submission(std::make_unique<NumberWork>(number), static_cast<int64_t>(1 + random() % 20), timeout_us),
        asio::bind_cancellation_slot(signal->slot(), asio::use_awaitable));
    Count(outcome, number, home, tally);
  }
}

absl::Status RunOrFail(size_t slot, std::span<Task* const> batch, std::vector<std::atomic<int>>& in_slot) {
  if (in_slot[slot].fetch_add(1) != 0) return absl::DataLossError("two batches in one slot");
  Square(batch);
  in_slot[slot].fetch_sub(1);
  return NumberOf(*batch[0]) % 10 == 0 ? absl::InternalError("planted fault") : absl::OkStatus();
}

// asio::use_future would do, but g++ 12 warns inside it under AddressSanitizer.
DrainReport DrainAndWait(BatchScheduler& scheduler) {
  std::promise<DrainReport> report;
  scheduler.Drain([&report](DrainReport r) { report.set_value(r); });
  return report.get_future().get();
}

TEST(BatchSchedulerThreads, AnswersEveryCoroutineOnceOnItsOwnThreadAndDrainsWithNothingDropped) {
  Tally tally;
  std::vector<std::atomic<int>> in_slot(3);
  asio::io_context home, io[2];
  asio::thread_pool workers(3);
  auto scheduler =
      BatchScheduler::Create(
          {.queue = {.max_batch_tasks = 8, .max_batch_cost = 64, .max_queue_tasks = 24, .num_executors = 3}},
          home.get_executor(), workers.get_executor(),
          [&](size_t slot, auto batch) { return RunOrFail(slot, batch, in_slot); })
          .value();
  for (int i = 0; i < 2 * kClients; ++i) {
    asio::co_spawn(io[i % 2], Client(*scheduler, i, tally), asio::detached);
  }
  auto keep = asio::make_work_guard(home);
  std::thread home_thread([&] { home.run(); });
  std::thread second([&] { io[1].run(); });
  io[0].run();
  second.join();
  const DrainReport report = DrainAndWait(*scheduler);
  const Stats stats = scheduler->stats();
  scheduler.reset();
  keep.reset();
  home_thread.join();
  workers.join();

  EXPECT_EQ(tally.wrong, 0);
  EXPECT_EQ(tally.ok + tally.failed + tally.cancelled + tally.full + tally.expired, 2 * kClients * kRequests);
  EXPECT_GT(tally.ok, 0);
  EXPECT_GT(tally.failed, 0);
  EXPECT_GT(tally.cancelled, 0);
  EXPECT_EQ(report.dropped, 0u);
  EXPECT_EQ(report.accepted, report.answered);
  EXPECT_EQ(stats.succeeded, static_cast<uint64_t>(tally.ok));
  EXPECT_EQ(stats.queued_tasks + stats.running_tasks + stats.running_batches, 0u);
}

TEST(BatchSchedulerThreads, WorksOnAStrandOfAPool) {
  asio::thread_pool pool(3);
  auto scheduler = BatchScheduler::Create({}, asio::make_strand(pool), pool.get_executor(),
                                          [](size_t, std::span<Task* const> batch) {
                                            Square(batch);
                                            return absl::OkStatus();
                                          })
                       .value();
  std::vector<std::promise<Outcome>> outcomes(200);
  for (int i = 0; i < 200; ++i) {
    auto* const outcome = &outcomes[static_cast<size_t>(i)];
    scheduler->Submit(Submission(std::make_unique<NumberWork>(i)),
                      [outcome](Outcome o) { outcome->set_value(std::move(o)); });
  }
  for (int i = 0; i < 200; ++i) EXPECT_EQ(SquaredOf(outcomes[static_cast<size_t>(i)].get_future().get()), i * i);
  EXPECT_EQ(DrainAndWait(*scheduler).answered, 200u);
  scheduler.reset();
  pool.join();
}

}  // namespace
}  // namespace strata::batching
