#include "systems/batching/batch_queue.h"

#include <vector>

#include "gtest/gtest.h"

namespace strata::batching {
namespace {

BatchQueue Make(const QueueOptions& options) { return BatchQueue::Create(options).value(); }

std::vector<TaskId> Ids(const std::vector<TakenTask>& tasks) {
  std::vector<TaskId> ids;
  for (const TakenTask& t : tasks) ids.push_back(t.id);
  return ids;
}

using Id = std::vector<TaskId>;

TEST(BatchQueue, RefusesOptionsThatCannotWork) {
  const auto fails = [](QueueOptions o, const char* name) {
    const auto queue = BatchQueue::Create(o);
    EXPECT_EQ(queue.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(queue.status().message().find(name), absl::string_view::npos) << queue.status();
  };
  fails({.max_batch_tasks = 0}, "max_batch_tasks is 0");
  fails({.max_batch_cost = 0}, "max_batch_cost is 0");
  fails({.max_delay_us = -1}, "max_delay_us is -1");
  fails({.max_queue_tasks = 0}, "max_queue_tasks is 0");
  fails({.max_batch_cost = 100, .max_queue_cost = 99}, "max_queue_cost is 99, wanted 100");
  fails({.num_executors = 0}, "num_executors is 0");
  fails({.default_retry_after_us = 2, .max_retry_after_us = 1}, "default_retry_after_us is 2");
  EXPECT_TRUE(BatchQueue::Create({}).ok());
}

TEST(BatchQueue, LetsABatchLeaveAtOnceWhileAnExecutorIsIdle) {
  BatchQueue q = Make({});
  const TaskId id = q.Offer({.cost = 3}, 100).id;
  EXPECT_LE(q.NextDeadline(1), 100);
  const Taken taken = q.TakeReady(100, 1);
  EXPECT_EQ(Ids(taken.batch), Id{id});
  EXPECT_EQ(taken.batch_cost, 3);
  EXPECT_EQ(taken.batch[0].waited_us, 0);
  EXPECT_EQ(q.NextDeadline(1), kNever);
}

TEST(BatchQueue, CollectsWhileAllExecutorsAreBusy) {
  BatchQueue q = Make({});
  for (int i = 0; i < 3; ++i) {
    q.Offer({.cost = 1}, i);
    EXPECT_TRUE(q.TakeReady(i, 0).batch.empty());
    EXPECT_EQ(q.NextDeadline(0), kNever);
  }
  EXPECT_EQ(Ids(q.TakeReady(9, 1).batch), (Id{1, 2, 3}));
}

TEST(BatchQueue, HoldsABatchForCompanyNoLongerThanMaxDelay) {
  BatchQueue q = Make({.max_batch_tasks = 3, .max_delay_us = 50});
  q.Offer({}, 100);
  EXPECT_EQ(q.NextDeadline(1), 150);
  EXPECT_TRUE(q.TakeReady(149, 1).batch.empty());
  q.Offer({}, 149);
  EXPECT_EQ(Ids(q.TakeReady(150, 1).batch), (Id{1, 2}));
  for (int i = 0; i < 3; ++i) q.Offer({}, 160);
  EXPECT_EQ(q.TakeReady(160, 1).batch.size(), 3u) << "a full batch does not wait";
  q.Offer({}, 170);
  q.Drain();
  EXPECT_EQ(q.TakeReady(170, 1).batch.size(), 1u) << "a draining queue does not wait";
}

TEST(BatchQueue, DoesNotHoldATaskForCompanyUntilItExpires) {
  BatchQueue q = Make({.max_delay_us = 50});
  q.Offer({.deadline_us = 180}, 100);
  EXPECT_EQ(q.NextDeadline(1), 130);
  EXPECT_EQ(q.TakeReady(130, 1).batch.size(), 1u);
  q.Offer({.deadline_us = 240}, 200);
  EXPECT_EQ(q.TakeReady(200, 1).batch.size(), 1u);
}

TEST(BatchQueue, HandsOutExpiredTasksApartAndWithoutAnExecutor) {
  BatchQueue q = Make({});
  q.Offer({.cost = 2, .deadline_us = 20}, 0);
  q.Offer({.cost = 2}, 0);
  q.Offer({.cost = 2, .deadline_us = 10}, 0);
  EXPECT_EQ(q.NextDeadline(0), 10);
  EXPECT_EQ(Ids(q.TakeReady(10, 0).expired), Id{3});
  const Taken taken = q.TakeReady(20, 1);
  EXPECT_EQ(Ids(taken.expired), Id{1});
  EXPECT_EQ(Ids(taken.batch), Id{2});
  EXPECT_EQ(q.Offer({.deadline_us = 20}, 20).refusal, Refusal::kExpired);
}

TEST(BatchQueue, FillsSpaceThatStrictOrderWouldLeaveEmpty) {
  BatchQueue q = Make({.max_batch_cost = 10});
  for (int cost : {6, 7, 3, 1, 2}) q.Offer({.cost = cost}, 0);
  EXPECT_EQ(Ids(q.TakeReady(0, 1).batch), (Id{1, 3, 4}));
  const Taken second = q.TakeReady(0, 1);
  EXPECT_EQ(Ids(second.batch), (Id{2, 5}));
  EXPECT_EQ(second.batch[0].overtaken, 2u);
}

TEST(BatchQueue, StopsOvertakingAtTheBound) {
  BatchQueue q = Make({.max_batch_cost = 10, .max_overtakes = 2});
  for (int cost : {2, 9, 1, 1, 1, 1}) q.Offer({.cost = cost}, 0);
  EXPECT_EQ(Ids(q.TakeReady(0, 1).batch), (Id{1, 3, 4})) << "5 would be the third to overtake 2";
  EXPECT_EQ(Ids(q.TakeReady(0, 1).batch), (Id{2, 5}));
}

TEST(BatchQueue, OvertakesNobodyWhenTold) {
  BatchQueue q = Make({.max_batch_cost = 10, .max_overtakes = 0});
  for (int cost : {6, 7, 3, 1}) q.Offer({.cost = cost}, 0);
  EXPECT_EQ(Ids(q.TakeReady(0, 1).batch), Id{1});
  EXPECT_EQ(Ids(q.TakeReady(0, 1).batch), (Id{2, 3}));
}

TEST(BatchQueue, LooksNoFurtherAheadThanTold) {
  BatchQueue q = Make({.max_batch_cost = 10, .max_look_ahead = 2});
  for (int cost : {6, 7, 8, 9, 1}) q.Offer({.cost = cost}, 0);
  EXPECT_EQ(Ids(q.TakeReady(0, 1).batch), Id{1});
}

TEST(BatchQueue, AStreamOfSmallTasksCannotStarveALargeOne) {
  BatchQueue q = Make({.max_batch_cost = 10});
  q.Offer({.cost = 1}, 0);
  const TaskId large = q.Offer({.cost = 10}, 0).id;
  int batches = 0;
  for (bool left = false; !left; ++batches) {
    for (int i = 0; i < 20; ++i) q.Offer({.cost = 1}, batches);
    for (const TakenTask& t : q.TakeReady(batches, 1).batch) left |= t.id == large;
  }
  EXPECT_EQ(batches, 2) << "one task was before it, so it is in the second batch at the latest";
}

TEST(BatchQueue, SpreadsWhatWaitsOverIdleExecutors) {
  BatchQueue q = Make({.num_executors = 2});
  for (int i = 0; i < 8; ++i) q.Offer({.cost = 5}, 0);
  EXPECT_EQ(q.TakeReady(0, 2).batch.size(), 4u);
  EXPECT_EQ(q.TakeReady(0, 1).batch.size(), 4u);
  BatchQueue greedy = Make({.num_executors = 2, .spread = false});
  for (int i = 0; i < 8; ++i) greedy.Offer({.cost = 5}, 0);
  EXPECT_EQ(greedy.TakeReady(0, 2).batch.size(), 8u);
}

TEST(BatchQueue, SaysWhichBoundRefusedATask) {
  BatchQueue q = Make({.max_batch_cost = 10, .max_queue_tasks = 3, .max_queue_cost = 20});
  EXPECT_EQ(q.Offer({.cost = 0}, 0).refusal, Refusal::kBadCost);
  EXPECT_EQ(q.Offer({.cost = -5}, 0).refusal, Refusal::kBadCost);
  EXPECT_EQ(q.Offer({.cost = 11}, 0).refusal, Refusal::kTooLargeForBatch);
  EXPECT_TRUE(q.Offer({.cost = 10}, 0).accepted());
  EXPECT_TRUE(q.Offer({.cost = 9}, 0).accepted());
  EXPECT_EQ(q.Offer({.cost = 2}, 0).refusal, Refusal::kQueueCost);
  EXPECT_TRUE(q.Offer({.cost = 1}, 0).accepted());
  EXPECT_EQ(q.Offer({.cost = 1}, 0).refusal, Refusal::kQueueTasks);
  q.Drain();
  EXPECT_EQ(q.Offer({.cost = 1}, 0).refusal, Refusal::kDraining);
  EXPECT_EQ(q.TakeReady(0, 1).batch.size(), 1u) << "what waits is still handed out";
}

TEST(BatchQueue, EstimatesWhenToComeBackFromTheMeasuredRate) {
  BatchQueue q = Make({.max_batch_cost = 100, .max_queue_cost = 100, .num_executors = 2});
  q.Offer({.cost = 100}, 0);
  EXPECT_EQ(q.Offer({.cost = 1}, 0).retry_after_us, 1'000'000) << "nothing measured: the default";
  q.RecordRun(50, 1000);
  EXPECT_DOUBLE_EQ(q.CostPerUs(), 0.05);
  EXPECT_EQ(q.Offer({.cost = 1}, 0).retry_after_us, 1000) << "100 at 0.05 a microsecond on each of two";
  for (int i = 0; i < 200; ++i) q.RecordRun(1, 1'000'000);
  EXPECT_EQ(q.Offer({.cost = 1}, 0).retry_after_us, 30'000'000) << "never more than the limit";
}

TEST(BatchQueue, CancelsOnlyWhatStillWaits) {
  BatchQueue q = Make({});
  for (int i = 0; i < 3; ++i) q.Offer({.cost = 4, .deadline_us = 50}, 0);
  EXPECT_TRUE(q.Cancel(2));
  EXPECT_FALSE(q.Cancel(2));
  EXPECT_FALSE(q.Cancel(99));
  EXPECT_EQ(q.cost(), 8);
  EXPECT_EQ(Ids(q.TakeReady(0, 1).batch), (Id{1, 3}));
  EXPECT_FALSE(q.Cancel(1));
  EXPECT_EQ(q.NextDeadline(1), kNever);
}

TEST(BatchQueue, ReadsAClockThatStepsBackAsStandingStill) {
  BatchQueue q = Make({});
  q.Offer({}, 1000);
  q.Offer({}, 10);
  const Taken taken = q.TakeReady(500, 1);
  EXPECT_EQ(taken.batch[0].waited_us, 0);
  EXPECT_EQ(taken.batch[1].waited_us, 0);
}

}  // namespace
}  // namespace strata::batching
