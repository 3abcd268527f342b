#include "systems/models/batch_runner.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "systems/models/convert.h"
#include "systems/models/id_table.h"
#include "systems/runtime/bundle.h"
#include "systems/runtime/runtime.h"
#include "systems/runtime/testing.h"

namespace strata::models {
namespace {

using batching::Task;
using runtime::SomeFloats;
using runtime::Tensor;

// A request for RmsNormBundle, and its tensor.
struct NormTask {
  NormTask(int rows, uint32_t seed) : x(Tensor::Of<float>({rows, 8}, SomeFloats(static_cast<size_t>(rows) * 8, seed))) {
    auto work = std::make_unique<InferWork>();
    work->inputs = {x.view()};
    work->size = {.rows = rows, .tokens = rows, .other_dims = {}};
    work->wanted = {0};
    task.work = std::move(work);
  }
  const OutputPart& output() const { return static_cast<const InferWork&>(*task.work).outputs.at(0); }
  Tensor x;
  Task task;
};

std::shared_ptr<const runtime::Bundle> Load(const runtime::TestBundle& bundle) {
  return *runtime::Bundle::Load(bundle.Write(), {});
}

TEST(BatchRunner, GivesEachRequestItsOwnRowsEvenWhereOneRunCannotHoldAll) {
  const auto bundle = Load(runtime::RmsNormBundle());  // B is at most 64
  BatchRunner runner({bundle->program("")}, {.executors = 2, .threads = 2});
  ASSERT_TRUE(runner.Warm().ok());
  std::vector<std::unique_ptr<NormTask>> tasks;
  std::vector<Task*> batch;
  for (const int rows : {30, 0, 30, 1, 64, 3}) {
    tasks.push_back(std::make_unique<NormTask>(rows, static_cast<uint32_t>(rows)));
    batch.push_back(&tasks.back()->task);
  }
  ASSERT_TRUE(runner.Run(1, batch).ok());
  auto alone = runtime::Model::Load(runtime::RmsNormBundle().Write());
  for (const auto& task : tasks) {
    ASSERT_TRUE(task->task.status.ok()) << task->task.status;
    const auto outputs = alone->Run("", {task->x.view()});
    const TensorView y = (*outputs)[0].view();
    EXPECT_EQ(task->output().shape, (std::vector<int64_t>{task->x.view().size(0), 8}));
    EXPECT_EQ(task->output().bytes, std::string(y.In<char>(), static_cast<size_t>(y.numel()) * 4));
  }
}

TEST(BatchRunner, ARequestTooLargeForThePlanFailsAlone) {
  const auto bundle = Load(runtime::RmsNormBundle());
  BatchRunner runner({bundle->program("")}, {});
  NormTask good(2, 1), bad(65, 2);
  const std::vector<Task*> batch = {&bad.task, &good.task};
  ASSERT_TRUE(runner.Run(0, batch).ok());
  EXPECT_EQ(bad.task.status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(good.task.status.ok()) << good.task.status;
  EXPECT_EQ(good.output().bytes.size(), 2u * 8 * 4);
}

TEST(NumIds, IsTheRowsOfTheTableThatTheIdsIndex) {
  const auto ragged = Load(runtime::RaggedBundle());
  const runtime::EntryPlan& plan = ragged->program("")->plan();
  EXPECT_EQ(NumIds(plan, 0), 20);
  EXPECT_EQ(NumIds(plan, 1), std::nullopt) << "offsets index nothing";
}

TEST(Convert, MetadataHasTheProtocolsNamesAndOpenDims) {
  const auto ragged = Load(runtime::RaggedBundle());
  const auto outputs = MetadataOf(ragged->program("")->signature().outputs);
  ASSERT_EQ(outputs.size(), 2u);
  EXPECT_EQ(outputs[0].name, "vectors");
  EXPECT_EQ(outputs[0].datatype, protocol::Datatype::kFp32);
  EXPECT_EQ(outputs[0].shape, (std::vector<int64_t>{-1, 6}));
}

}  // namespace
}  // namespace strata::models
