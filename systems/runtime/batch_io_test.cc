#include "systems/runtime/batch_io.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "systems/runtime/bundle.h"
#include "systems/runtime/executor.h"
#include "systems/runtime/testing.h"

namespace strata::runtime {
namespace {

using testing::HasSubstr;

std::string BytesOf(const TensorView& view) {
  const size_t bytes = static_cast<size_t>(view.numel()) * SizeOf(view.dtype);
  return bytes == 0 ? "" : std::string(static_cast<const char*>(view.data), bytes);
}

struct Loaded {
  std::shared_ptr<const Bundle> bundle;
  Executor executor;
  BatchIo io;
  explicit Loaded(const TestBundle& test)
      : bundle(*Bundle::Load(test.Write(), {})), executor(bundle->program(""), Serial()), io(executor.signature()) {}

  // Runs the requests together; the bytes of each one's outputs.
  std::vector<std::vector<std::string>> Run(absl::Span<const BatchIo::Request> requests) {
    EXPECT_EQ(io.Combine(requests), absl::OkStatus());
    std::vector<TensorView> outputs(executor.signature().outputs.size()), parts(outputs.size());
    EXPECT_EQ(executor.Run(io.inputs(), absl::MakeSpan(outputs)), absl::OkStatus());
    std::vector<std::vector<std::string>> bytes;
    for (size_t i = 0; i < requests.size(); ++i) {
      io.Split(outputs, i, absl::MakeSpan(parts));
      auto& own = bytes.emplace_back();
      for (const TensorView& part : parts) own.push_back(ShapeText(part) + BytesOf(part));
    }
    return bytes;
  }
};

TEST(BatchIoTest, RaggedRequestsGetTheBitsThatTheyGetAlone) {
  Loaded loaded(RaggedBundle());
  std::mt19937 random(1);
  for (int round = 0; round < 60; ++round) {
    TensorBag bag;
    std::vector<std::vector<TensorView>> requests(1 + random() % 5);
    for (auto& request : requests) {
      const size_t rows = random() % 4;
      std::vector<int64_t> ids, ends = {0};
      for (size_t r = 0; r < rows; ++r) {
        for (size_t n = random() % 6; n > 0; --n) ids.push_back(static_cast<int64_t>(random() % 20));
        ends.push_back(static_cast<int64_t>(ids.size()));
      }
      request.push_back(bag.Ints("ids", {static_cast<int64_t>(ids.size())}, ids));
      // Every third request with one row leaves its offsets out.
      request.push_back(rows == 1 && random() % 3 == 0
                            ? TensorView{}
                            : bag.Ints("cu_seqlens", {static_cast<int64_t>(ends.size())}, ends));
    }
    const std::vector<BatchIo::Request> spans(requests.begin(), requests.end());
    const auto together = loaded.Run(spans);
    for (size_t i = 0; i < spans.size(); ++i) EXPECT_EQ(loaded.Run({spans[i]})[0], together[i]) << round << " " << i;
  }
}

TEST(BatchIoTest, StackedRequestsGetTheBitsThatTheyGetAlone) {
  Loaded loaded(RmsNormBundle());
  std::mt19937 random(2);
  for (int round = 0; round < 30; ++round) {
    TensorBag bag;
    std::vector<std::vector<TensorView>> requests(1 + random() % 6);
    for (auto& request : requests) {
      const size_t rows = random() % 5;
      request = {bag.Floats("x", {static_cast<int64_t>(rows), 8}, SomeFloats(rows * 8, random()))};
    }
    const std::vector<BatchIo::Request> spans(requests.begin(), requests.end());
    const auto together = loaded.Run(spans);
    for (size_t i = 0; i < spans.size(); ++i) EXPECT_EQ(loaded.Run({spans[i]})[0], together[i]);
  }
}

TEST(BatchIoTest, PassesOneRequestThroughWithoutACopy) {
  Loaded loaded(RmsNormBundle());
  TensorBag bag;
  const std::vector<TensorView> request = {bag.Floats("x", {2, 8}, SomeFloats(16, 1))};
  ASSERT_TRUE(loaded.io.Combine({request}).ok());
  EXPECT_EQ(loaded.io.inputs()[0].data, request[0].data);
}

TEST(BatchIoTest, RefusesOffsetsThatReachIntoAnothersRows) {
  const Loaded loaded(RaggedBundle());
  TensorBag bag;
  const TensorView ids = bag.Ints("ids", {3}, {1, 2, 3});
  const auto error = [&](std::initializer_list<int64_t> offsets) {
    const TensorView view = bag.Ints("o", {static_cast<int64_t>(offsets.size())}, offsets);
    return std::string(CheckRequest(loaded.executor.signature(), {ids, view}).status().message());
  };
  EXPECT_EQ(error({0, 1, 3}), "");
  EXPECT_EQ(error({1, 3}), "input \"cu_seqlens\" has 1 at position 0, wanted 0");
  EXPECT_EQ(error({0, 2, 1, 3}), "input \"cu_seqlens\" has 1 at position 2, wanted at least 2");
  EXPECT_EQ(error({0, 4}), "input \"cu_seqlens\" has 4 at position 1, wanted 3, the number of rows laid end to end");
  EXPECT_EQ(error({0}), "input \"cu_seqlens\" has 0 at position 0, wanted 3, the number of rows laid end to end");
  EXPECT_THAT(error({}), HasSubstr("input \"cu_seqlens\" has shape [0], wanted [B+1]"));
}

TEST(BatchIoTest, SaysHowMuchOfABatchARequestTakes) {
  const Loaded loaded(RaggedBundle());
  TensorBag bag;
  const TensorView ids = bag.Ints("ids", {3}, {1, 2, 3});
  const auto size = CheckRequest(loaded.executor.signature(), {ids, bag.Ints("o", {3}, {0, 0, 3})});
  ASSERT_TRUE(size.ok());
  EXPECT_EQ(size->rows, 2);
  EXPECT_EQ(size->tokens, 3);
  const auto one = CheckRequest(loaded.executor.signature(), {ids, TensorView{}});
  ASSERT_TRUE(one.ok());
  EXPECT_EQ(one->rows, 1);
}

TEST(BatchIoTest, RefusesRequestsOfOtherSizesInOneBatch) {
  TestBundle test = RmsNormBundle();
  test.plan = R"({"plan": 1, "entry_points": {"norm": {"dims": {"B": [0, 8], "S": [1, 9]},
    "inputs": [{"name": "x", "dtype": "float32", "shape": ["B", "S", 8]}],
    "steps": [{"op": "rms_norm", "inputs": ["x", "$a"], "attrs": {"eps": 1e-6},
               "outputs": [{"name": "t0", "dtype": "float32", "shape": ["B", "S", 8]}]}],
    "outputs": [{"name": "y", "value": "t0"}]}}})";
  Loaded loaded(test);
  TensorBag bag;
  const std::vector<TensorView> a = {bag.Floats("x", {1, 2, 8}, SomeFloats(16, 1))};
  const std::vector<TensorView> b = {bag.Floats("x", {1, 3, 8}, SomeFloats(24, 2))};
  EXPECT_TRUE(loaded.io.Combine({a, a}).ok());
  EXPECT_THAT(std::string(loaded.io.Combine({a, b}).message()), HasSubstr("request 1 has other sizes than the first"));
  // Eight rows each: the batch is beyond the range of B.
  const std::vector<TensorView> c = {bag.Floats("x", {8, 2, 8}, SomeFloats(128, 1))};
  ASSERT_TRUE(loaded.io.Combine({c, c}).ok());
  std::vector<TensorView> outputs(1);
  EXPECT_THAT(std::string(loaded.executor.Run(loaded.io.inputs(), absl::MakeSpan(outputs)).message()),
              HasSubstr("have B = 16, wanted 0 to 8"));
}

}  // namespace
}  // namespace strata::runtime
