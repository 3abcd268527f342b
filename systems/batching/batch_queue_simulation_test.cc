// Whole days of a queue in a few seconds: random arrivals, costs, deadlines, cancellations, executor speeds and failed
// runs on a virtual clock, from seeds. QueueChecker looks at each step; here each task is followed to its one answer.
#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "systems/batching/queue_checker.h"

namespace strata::batching {
namespace {

enum class State : uint8_t { kWaiting, kRunning, kServed, kFailed, kExpired, kCancelled };

class Simulation {
 public:
  explicit Simulation(uint64_t seed) : random_(seed), options_(RandomOptions()), checker_(options_) {
    free_at_.assign(static_cast<size_t>(options_.num_executors), 0);
    running_.resize(free_at_.size());
    us_per_cost_ = Uniform(1, 40);
    mean_gap_us_ = std::max<int64_t>(1, us_per_cost_ * Uniform(4, 120) / options_.num_executors);
    timeout_us_ = Uniform(50, 40) * mean_gap_us_;
    percent_cancelled_ = Uniform(0, 15);
  }

  // Returns the number of tasks accepted.
  uint64_t Run(int arrivals) {
    for (int i = 0; i < arrivals;) {
      const TimeUs next_arrival = now_ + (Uniform(0, 3) == 0 ? 0 : Uniform(0, 2 * mean_gap_us_));
      RunUntil(next_arrival);
      for (int64_t burst = Uniform(0, 19) == 0 ? Uniform(1, 60) : 1; burst > 0; --burst, ++i) Arrive();
      if (Uniform(0, 99) < percent_cancelled_) CancelOne();
      Pump();
    }
    checker_.Drain();
    Pump();
    RunUntil(kNever);
    for (State s : states_) EXPECT_TRUE(s != State::kWaiting && s != State::kRunning) << "a task was never answered";
    EXPECT_EQ(checker_.queue().num_tasks(), 0u);
    return states_.size();
  }

  uint64_t most_overtaken() const { return checker_.most_overtaken(); }
  uint64_t fifo_lag() const { return checker_.fifo_batches_saved(); }
  uint64_t Count(State s) const { return static_cast<uint64_t>(std::count(states_.begin(), states_.end(), s)); }

 private:
  int64_t Uniform(int64_t a, int64_t b) {
    return std::uniform_int_distribution<int64_t>(std::min(a, b), std::max(a, b))(random_);
  }

  QueueOptions RandomOptions() {
    QueueOptions o;
    o.max_batch_tasks = static_cast<size_t>(Uniform(1, 32));
    o.max_batch_cost = Uniform(20, 400);
    o.max_delay_us = Uniform(0, 2) == 0 ? 0 : Uniform(0, 3000);
    o.max_queue_tasks = static_cast<size_t>(Uniform(1, 80));
    o.max_queue_cost = o.max_batch_cost * Uniform(1, 12);
    o.max_look_ahead = static_cast<size_t>(Uniform(0, 20));
    o.max_overtakes = static_cast<uint32_t>(Uniform(0, 12));
    o.num_executors = static_cast<int>(Uniform(1, 4));
    o.spread = Uniform(0, 1) == 0;
    return o;
  }

  void Arrive() {
    // Skewed as texts are: most short, some as long as a batch, a few too long for any.
    const int64_t most =
        Uniform(0, 9) == 0 ? options_.max_batch_cost + 2 : std::max<int64_t>(2, options_.max_batch_cost / 8);
    const TimeUs deadline = Uniform(0, 1) == 0 ? kNever : now_ + Uniform(-1, timeout_us_);
    const Decision d = checker_.Offer({.cost = Uniform(0, most), .deadline_us = deadline}, now_);
    if (!d.accepted()) return;
    ASSERT_EQ(d.id, states_.size() + 1);
    states_.push_back(State::kWaiting);
  }

  void CancelOne() {
    if (states_.empty()) return;
    const auto newest = static_cast<int64_t>(states_.size());
    const TaskId id = static_cast<TaskId>(Uniform(std::max<int64_t>(1, newest - 40), newest));
    if (checker_.Cancel(id)) Move(id, State::kWaiting, State::kCancelled);
  }

  void Move(TaskId id, State from, State to) {
    ASSERT_EQ(states_[id - 1], from) << "task " << id << " was answered twice";
    states_[id - 1] = to;
  }

  int Idle() const { return static_cast<int>(std::count(free_at_.begin(), free_at_.end(), 0)); }

  // Hands batches to idle executors, as the scheduler does after each event.
  void Pump() {
    for (;;) {
      const Taken taken = checker_.TakeReady(now_, Idle());
      for (const TakenTask& t : taken.expired) Move(t.id, State::kWaiting, State::kExpired);
      if (taken.batch.empty()) break;
      const size_t slot = static_cast<size_t>(std::find(free_at_.begin(), free_at_.end(), 0) - free_at_.begin());
      const int64_t run_us = 1 + taken.batch_cost * us_per_cost_ * Uniform(50, 150) / 100;
      free_at_[slot] = now_ + run_us;
      running_[slot].clear();
      for (const TakenTask& t : taken.batch) {
        Move(t.id, State::kWaiting, State::kRunning);
        running_[slot].push_back(t.id);
      }
      checker_.RecordRun(taken.batch_cost, run_us);
    }
    next_us_ = checker_.NextDeadline(Idle());
    EXPECT_GT(next_us_, now_) << "TakeReady left something ready behind";
  }

  void RunUntil(TimeUs until) {
    for (;;) {
      size_t slot = free_at_.size();
      TimeUs at = next_us_;
      for (size_t i = 0; i < free_at_.size(); ++i) {
        if (free_at_[i] != 0 && free_at_[i] <= at) at = free_at_[slot = i];
      }
      if (at == kNever || at > until) break;
      now_ = at;
      if (slot < free_at_.size()) {
        const State end = Uniform(0, 19) == 0 ? State::kFailed : State::kServed;
        for (TaskId id : running_[slot]) Move(id, State::kRunning, end);
        free_at_[slot] = 0;
      }
      Pump();
    }
    if (until != kNever) now_ = until;
  }

  std::mt19937_64 random_;
  QueueOptions options_;
  QueueChecker checker_;
  TimeUs now_ = 1;
  TimeUs next_us_ = kNever;
  int64_t us_per_cost_ = 0, mean_gap_us_ = 0, timeout_us_ = 0, percent_cancelled_ = 0;
  std::vector<TimeUs> free_at_;  // 0: idle
  std::vector<std::vector<TaskId>> running_;
  std::vector<State> states_;  // by id - 1
};

TEST(BatchQueueSimulation, EachTaskIsAnsweredOnceAndEveryPromiseHoldsAtEachStep) {
  uint64_t accepted = 0, most_overtaken = 0, fifo_lag = 0, ends[6] = {};
  for (uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Simulation simulation(seed);
    accepted += simulation.Run(4000);
    if (testing::Test::HasFailure()) return;
    most_overtaken = std::max(most_overtaken, simulation.most_overtaken());
    fifo_lag += simulation.fifo_lag();
    for (int s = 0; s < 6; ++s) ends[s] += simulation.Count(static_cast<State>(s));
  }
  // The simulation went where it was meant to go.
  EXPECT_GT(accepted, 450'000u);
  EXPECT_EQ(most_overtaken, 12u) << "no run reached the bound on overtaking";
  EXPECT_GT(fifo_lag, 10'000u) << "look-ahead never gained on strict FIFO";
  for (State s : {State::kServed, State::kFailed, State::kExpired, State::kCancelled}) {
    EXPECT_GT(ends[static_cast<int>(s)], 1000u) << "too few tasks ended in state " << static_cast<int>(s);
  }
}

}  // namespace
}  // namespace strata::batching
