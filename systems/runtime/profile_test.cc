#include "systems/runtime/profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "systems/formats/json.h"
#include "systems/runtime/bundle.h"
#include "systems/runtime/cost.h"
#include "systems/runtime/testing.h"

namespace strata::runtime {
namespace {

using testing::HasSubstr;

class ProfileTest : public testing::Test {
 protected:
  // Runs two requests of different lengths.
  void SetUp() override {
    auto bundle = Bundle::Load(RaggedBundle().Write(), {});
    ASSERT_TRUE(bundle.ok()) << bundle.status();
    executor_ = std::make_unique<Executor>((*bundle)->program(""), Serial());
    executor_->EnableProfile(/*keep_events=*/true);
    TensorBag bag;
    std::vector<TensorView> outputs(2);
    ASSERT_TRUE(
        executor_->Run({bag.Ints("i", {3}, {1, 2, 3}), bag.Ints("o", {2}, {0, 3})}, absl::MakeSpan(outputs)).ok());
    ASSERT_TRUE(
        executor_->Run({bag.Ints("j", {2}, {1, 2}), bag.Ints("p", {3}, {0, 1, 2})}, absl::MakeSpan(outputs)).ok());
  }
  std::unique_ptr<Executor> executor_;
};

TEST_F(ProfileTest, TheTraceIsJsonWhoseTimesAddUp) {
  const std::string text = TraceJson(*executor_);
  const auto document = JsonDocument::Parse(text, 8);
  ASSERT_TRUE(document.ok()) << document.status() << text;
  std::optional<Json> unit, events;
  ASSERT_TRUE(ReadFields(document->root(), {{"displayTimeUnit", &unit}, {"traceEvents", &events}}).ok());
  double sum = 0, end = 0;
  int count = 0;
  std::vector<std::string> names;
  ASSERT_TRUE(
      events
          ->ForEachElement([&](Json event) -> absl::Status {
            std::optional<Json> name, cat, ph, pid, tid, ts, dur, args, step, makes, shape, run;
            EXPECT_TRUE(ReadFields(event, {{"name", &name},
                                           {"cat", &cat},
                                           {"ph", &ph},
                                           {"pid", &pid},
                                           {"tid", &tid},
                                           {"ts", &ts},
                                           {"dur", &dur},
                                           {"args", &args}})
                            .ok());
            EXPECT_TRUE(ReadFields(*args, {{"step", &step}, {"makes", &makes}, {"shape", &shape}, {"run", &run}}).ok());
            EXPECT_EQ(ph->AsString(), "X");
            EXPECT_GE(*ts->AsNumber(), end - 0.002);  // one thread: a step begins where the one before has ended
            EXPECT_EQ(*run->AsInteger(), count / 4);
            end = *ts->AsNumber() + *dur->AsNumber();
            sum += *dur->AsNumber();
            names.emplace_back(*name->AsString());
            ++count;
            return absl::OkStatus();
          })
          .ok());
  EXPECT_EQ(count, 8);  // four operators in each of two runs; views take no time
  names.resize(4);
  EXPECT_THAT(names, testing::ElementsAre("embedding", "linear", "segment_pool", "l2_normalize"));
  double profile = 0;
  for (const StepProfile& step : executor_->profile()) profile += static_cast<double>(step.nanoseconds) / 1000;
  EXPECT_NEAR(sum, profile, 0.02);  // a thousandth of a microsecond for each event
}

TEST_F(ProfileTest, TheTableHasWhatEachOperatorMoves) {
  const std::string text = ProfileTable(*executor_);
  for (const char* word : {"operator", "GFLOP/s", "linear", "segment_pool", "100.0%"})
    EXPECT_THAT(text, HasSubstr(word));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 6);
  // embedding: the table of 20 x 8, then 3 + 2 ids of 8 bytes, and as many rows of 8 floats.
  EXPECT_EQ(executor_->profile()[0].bytes, 2 * 640 + 5 * 8 + 5 * 32);
  EXPECT_EQ(executor_->profile()[0].flops, 0);
  EXPECT_EQ(executor_->profile()[1].flops, 2 * 5 * 8 * 6);
  EXPECT_EQ(executor_->profile()[1].calls, 2);
}

TEST_F(ProfileTest, TheMemoryTextNamesPeakAndBound) {
  const auto text = MemoryText(executor_->program(), executor_->dims());
  ASSERT_TRUE(text.ok());
  EXPECT_THAT(*text, HasSubstr("memory: embed at B = 2, N = 2: a peak of "));
  EXPECT_THAT(*text, HasSubstr(" of the lower bound "));
}

}  // namespace
}  // namespace strata::runtime
