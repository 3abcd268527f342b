#include "systems/batching/batch_scheduler.h"

#include <string>

#include "absl/strings/cord.h"
#include "gtest/gtest.h"
#include "systems/batching/scheduler_test_util.h"

namespace strata::batching {
namespace {

using absl::StatusCode;
using Numbers = std::vector<int>;

bool Has(const absl::Status& status, const char* text) {
  return status.message().find(text) != absl::string_view::npos;
}

void ExpectAccountsBalance(const Stats& s) { EXPECT_EQ(s.accepted, s.answered() + s.queued_tasks + s.running_tasks); }

TEST(BatchScheduler, RefusesOptionsThatCannotWork) {
  boost::asio::io_context io;
  const auto run = [](size_t, std::span<Task* const>) { return absl::OkStatus(); };
  const auto ex = io.get_executor();
  EXPECT_EQ(BatchScheduler::Create({.queue = {.max_batch_tasks = 0}}, ex, ex, run).status().code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(BatchScheduler::Create({}, ex, ex, nullptr).status().code(), StatusCode::kInvalidArgument);
}

TEST(BatchScheduler, GivesEachTaskItsOwnResult) {
  Puppet p;
  const auto a = p.Submit(3), b = p.Submit(5);
  EXPECT_EQ(a->answers, 0) << "never from within Submit";
  p.Settle();
  p.now += 7;
  p.RunOne();
  EXPECT_EQ(SquaredOf(*a->outcome), 9);
  EXPECT_EQ(SquaredOf(*b->outcome), 25);
  EXPECT_TRUE(a->outcome->status.ok());
  EXPECT_EQ(a->outcome->batch_tasks, 2u);
  EXPECT_EQ(a->outcome->batch_cost, 2);
}

TEST(BatchScheduler, LetsRequestsThatCameTogetherLeaveTogetherAndLaterOnesCollect) {
  Puppet p;
  const auto a = p.Submit(1), b = p.Submit(2);
  p.Settle();
  const auto c = p.Submit(3);
  p.Settle();
  const auto d = p.Submit(4);
  p.Settle();
  EXPECT_EQ(p.scheduler->stats().queued_tasks, 2u);
  p.RunOne();
  EXPECT_EQ(c->answers, 0);
  p.RunOne();
  ASSERT_EQ(p.calls.size(), 2u);
  EXPECT_EQ(p.calls[0].numbers, (Numbers{1, 2}));
  EXPECT_EQ(p.calls[1].numbers, (Numbers{3, 4}));
  EXPECT_EQ(d->answers, 1);
}

TEST(BatchScheduler, GivesRunningBatchesSlotsOfTheirOwn) {
  Puppet p({.max_batch_tasks = 1, .num_executors = 2});
  const auto a = p.Submit(1), b = p.Submit(2), c = p.Submit(3);
  p.Settle();
  EXPECT_EQ(p.scheduler->stats().running_batches, 2u);
  p.RunOne();
  p.RunOne();
  p.RunOne();
  ASSERT_EQ(p.calls.size(), 3u);
  EXPECT_EQ(p.calls[0].slot, 0u);
  EXPECT_EQ(p.calls[1].slot, 1u);
  EXPECT_LT(p.calls[2].slot, 2u);
  EXPECT_EQ(c->answers, 1);
}

TEST(BatchScheduler, FailsExactlyTheTasksOfTheBatchThatFailed) {
  Puppet p({.max_batch_tasks = 2});
  p.on_run = [](std::span<Task* const> batch) {
    absl::Status fault = absl::InternalError("the kernel gave NaN");
    fault.SetPayload("op", absl::Cord("softmax"));
    return NumberOf(*batch[0]) == 3 ? fault : absl::OkStatus();
  };
  std::vector<std::unique_ptr<Puppet::Ticket>> tickets;
  for (int i = 1; i <= 6; ++i) tickets.push_back(p.Submit(i));
  p.Settle();
  for (int i = 0; i < 3; ++i) p.RunOne();
  for (int i = 1; i <= 6; ++i) {
    const bool fails = i == 3 || i == 4;
    EXPECT_EQ(tickets[i - 1]->code(), fails ? StatusCode::kInternal : StatusCode::kOk) << i;
    if (fails) {
      EXPECT_EQ(tickets[i - 1]->outcome->status.message(), "the kernel gave NaN");
      EXPECT_EQ(tickets[i - 1]->outcome->status.GetPayload("op"), absl::Cord("softmax"));
    }
  }
  EXPECT_EQ(p.scheduler->stats().failed, 2u);
  EXPECT_EQ(p.scheduler->stats().succeeded, 4u);
}

TEST(BatchScheduler, LetsOneTaskFailAlone) {
  Puppet p;
  p.on_run = [](std::span<Task* const> batch) {
    batch[0]->status = absl::InvalidArgumentError("token 99 is not in the vocabulary");
    return absl::OkStatus();
  };
  const auto a = p.Submit(1), b = p.Submit(2);
  p.Settle();
  p.RunOne();
  EXPECT_EQ(a->code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(b->code(), StatusCode::kOk);
}

TEST(BatchScheduler, RefusesWhenFullAndSaysWhenToComeBack) {
  Puppet p({.max_batch_cost = 10, .max_queue_tasks = 2, .max_queue_cost = 10});
  const auto running = p.Submit(0);
  p.Settle();
  const auto a = p.Submit(1, 5), b = p.Submit(2, 6);
  p.Settle();
  EXPECT_EQ(b->code(), StatusCode::kResourceExhausted);
  EXPECT_TRUE(Has(b->outcome->status, "square: 5 rows or tokens wait, this request has 6, and at most 10 may wait"));
  EXPECT_EQ(RetryAfterUs(b->outcome->status), 1'000'000);
  EXPECT_NE(b->outcome->work, nullptr) << "the payload comes back";
  const auto c = p.Submit(3), d = p.Submit(4);
  p.Settle();
  EXPECT_TRUE(Has(d->outcome->status, "2 requests wait, and at most 2 may"));
  EXPECT_EQ(RetryAfterUs(absl::OkStatus()), std::nullopt);
  EXPECT_EQ(p.scheduler->stats().refused_full, 2u);
  p.RunOne();
  p.RunOne();
  EXPECT_EQ(a->code(), StatusCode::kOk);
  EXPECT_EQ(c->code(), StatusCode::kOk);
}

TEST(BatchScheduler, RefusesCostsThatNoBatchCanHold) {
  Puppet p({.max_batch_cost = 10});
  const auto a = p.Submit(1, 11), b = p.Submit(2, 0);
  p.Settle();
  EXPECT_EQ(a->code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(Has(a->outcome->status, "the request has 11 rows or tokens, and one batch holds at most 10"));
  EXPECT_EQ(b->code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(p.scheduler->stats().refused_other, 2u);
}

TEST(BatchScheduler, NeverRunsATaskWhoseDeadlinePassedInTheQueue) {
  Puppet p;
  const auto running = p.Submit(1, 1, 50);
  p.Settle();
  const auto late = p.Submit(2, 1, 50), patient = p.Submit(3, 1, 500), dead = p.Submit(4, 1, 0);
  p.Settle();
  EXPECT_EQ(dead->code(), StatusCode::kDeadlineExceeded);
  p.now += 50;
  p.RunOne();
  EXPECT_EQ(running->code(), StatusCode::kOk) << "it had begun in time";
  EXPECT_EQ(late->code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(late->outcome->queued_us, 50);
  p.RunOne();
  EXPECT_EQ(patient->code(), StatusCode::kOk);
  EXPECT_EQ(p.calls[1].numbers, Numbers{3});
}

TEST(BatchScheduler, AnswersAnExpiredTaskWhileAllExecutorsAreBusy) {
  Puppet p;
  const auto running = p.Submit(1);
  p.Settle();
  const auto late = p.Submit(2, 1, 300);
  p.Settle();
  p.now += 300;  // the timer was set for 300 real microseconds
  while (late->answers == 0) p.io.run_one();
  EXPECT_EQ(late->code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(running->answers, 0);
  p.RunOne();
}

TEST(BatchScheduler, LetsAHeldBatchLeaveWhenItsDelayIsOver) {
  Puppet p({.max_delay_us = 200});
  const auto a = p.Submit(1);
  p.Settle();
  EXPECT_EQ(p.scheduler->stats().running_batches, 0u);
  p.now += 200;
  while (p.scheduler->stats().running_batches == 0) p.io.run_one();
  p.RunOne();
  EXPECT_EQ(a->code(), StatusCode::kOk);
}

TEST(BatchScheduler, NeverRunsATaskWhoseClientLeftTheQueue) {
  Puppet p;
  const auto running = p.Submit(1);
  p.Settle();
  const auto leaves = p.Submit(2), stays = p.Submit(3);
  p.Settle();
  p.Cancel(*leaves);
  p.Settle();
  EXPECT_EQ(leaves->code(), StatusCode::kCancelled) << "answered at once, not when the executor is free";
  ExpectAccountsBalance(p.scheduler->stats());
  p.RunOne();
  p.RunOne();
  EXPECT_EQ(p.calls[1].numbers, Numbers{3});
  EXPECT_EQ(stays->code(), StatusCode::kOk);
}

TEST(BatchScheduler, DropsTheResultOfARunningTaskWhoseClientLeftAndOfNoOther) {
  Puppet p;
  const auto stays = p.Submit(3), leaves = p.Submit(4);
  p.Settle();
  p.Cancel(*leaves);
  p.Settle();
  EXPECT_EQ(leaves->code(), StatusCode::kCancelled);
  EXPECT_EQ(leaves->outcome->work, nullptr) << "the batch still has it";
  EXPECT_EQ(p.scheduler->stats().running_tasks, 1u);
  p.RunOne();
  EXPECT_EQ(leaves->answers, 1);
  EXPECT_EQ(SquaredOf(*stays->outcome), 9);
  EXPECT_EQ(p.scheduler->stats().cancelled, 1u);
  ExpectAccountsBalance(p.scheduler->stats());
}

TEST(BatchScheduler, CancelsATaskBeforeItReachedTheQueue) {
  Puppet p;
  const auto a = p.Submit(1);
  p.Cancel(*a);
  p.Cancel(*a);
  p.Settle();
  p.RunOne();
  EXPECT_EQ(a->code(), StatusCode::kCancelled);
  EXPECT_EQ(a->answers, 1);
}

TEST(BatchScheduler, IgnoresACancellationAfterTheAnswer) {
  Puppet p;
  const auto a = p.Submit(1);
  p.Settle();
  p.RunOne();
  p.Cancel(*a);
  p.Settle();
  EXPECT_EQ(a->code(), StatusCode::kOk);
  EXPECT_EQ(a->answers, 1);
}

TEST(BatchScheduler, DrainsWithNothingDropped) {
  Puppet p;
  std::optional<DrainReport> report;
  const auto running = p.Submit(1);
  p.Settle();
  const auto waiting = p.Submit(2), cancelled = p.Submit(3);
  p.Settle();
  p.scheduler->Drain([&](DrainReport r) { report = r; });
  p.Cancel(*cancelled);
  p.Settle();
  const auto late = p.Submit(4);
  p.Settle();
  EXPECT_EQ(late->code(), StatusCode::kUnavailable);
  EXPECT_EQ(p.scheduler->stats().refused_draining, 1u);
  EXPECT_FALSE(report.has_value());
  p.RunOne();
  EXPECT_FALSE(report.has_value());
  p.RunOne();
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(running->code(), StatusCode::kOk);
  EXPECT_EQ(waiting->code(), StatusCode::kOk);
  EXPECT_EQ(report->accepted, 3u);
  EXPECT_EQ(report->answered, 3u);
  EXPECT_EQ(report->dropped, 0u);
  std::optional<DrainReport> again;
  p.scheduler->Drain([&](DrainReport r) { again = r; });
  p.Settle();
  EXPECT_EQ(again->accepted, 3u);
}

TEST(BatchScheduler, DrainWaitsForABatchThatHasLostAllItsClients) {
  Puppet p;
  std::optional<DrainReport> report;
  const auto a = p.Submit(1);
  p.Settle();
  p.Cancel(*a);
  p.scheduler->Drain([&](DrainReport r) { report = r; });
  p.Settle();
  EXPECT_FALSE(report.has_value()) << "the executor still runs";
  p.RunOne();
  EXPECT_EQ(report->answered, 1u);
}

TEST(BatchScheduler, AnswersWhatWaitsWhenItIsDestroyed) {
  Puppet p;
  const auto running = p.Submit(1);
  p.Settle();
  const auto waiting = p.Submit(2);
  p.Settle();
  p.scheduler.reset();
  p.Settle();
  EXPECT_EQ(waiting->code(), StatusCode::kUnavailable);
  p.RunOne();
  EXPECT_EQ(running->code(), StatusCode::kOk);
}

TEST(BatchScheduler, ReportsEachBatchAndEachAnswer) {
  std::vector<BatchRecord> batches;
  std::vector<TaskRecord> tasks;
  Puppet p({}, {.on_batch = [&](const BatchRecord& r) { batches.push_back(r); },
                .on_task = [&](const TaskRecord& r) { tasks.push_back(r); }});
  p.on_run = [&](std::span<Task* const>) {
    p.now += 500;
    return absl::OkStatus();
  };
  const auto a = p.Submit(1, 10), b = p.Submit(2, 30);
  p.now += 25;
  p.Settle();
  p.RunOne();
  ASSERT_EQ(batches.size(), 1u);
  EXPECT_EQ(batches[0].tasks, 2u);
  EXPECT_EQ(batches[0].cost, 40);
  EXPECT_EQ(batches[0].run_us, 500);
  ASSERT_EQ(tasks.size(), 2u);
  EXPECT_EQ(tasks[1].cost, 30);
  EXPECT_EQ(tasks[1].run_us, 500);
  EXPECT_EQ(tasks[1].code, StatusCode::kOk);
  EXPECT_DOUBLE_EQ(p.scheduler->stats().cost_per_second, 80'000);
  ExpectAccountsBalance(p.scheduler->stats());
}

}  // namespace
}  // namespace strata::batching
