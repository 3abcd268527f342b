#include "systems/runtime/executor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "systems/runtime/allocation_counter.h"
#include "systems/runtime/bundle.h"
#include "systems/runtime/golden.h"
#include "systems/runtime/testing.h"

namespace strata::runtime {
namespace {

using testing::HasSubstr;

std::shared_ptr<const Bundle> Loaded(const TestBundle& test) {
  auto bundle = Bundle::Load(test.Write(), {});
  EXPECT_TRUE(bundle.ok()) << bundle.status();
  return bundle.ok() ? *bundle : nullptr;
}

TEST(ExecutorTest, AllocatesNothingWhenTheDimsRepeatOrShrink) {
  Executor executor(Loaded(RaggedBundle())->program(""), Serial());
  TensorBag bag;
  const std::vector<TensorView> large = {bag.Ints("ids", {6}, {1, 2, 3, 4, 5, 6}), bag.Ints("o", {3}, {0, 2, 6})};
  const std::vector<TensorView> small = {bag.Ints("ids", {3}, {1, 2, 3}), bag.Ints("o", {2}, {0, 3})};
  std::vector<TensorView> outputs(2);
  ASSERT_TRUE(executor.Run(large, absl::MakeSpan(outputs)).ok());
  const int64_t before = NumAllocations();
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(executor.Run(large, absl::MakeSpan(outputs)).ok());
    ASSERT_TRUE(executor.Run(small, absl::MakeSpan(outputs)).ok());
  }
  EXPECT_EQ(NumAllocations() - before, 0);
}

TEST(ExecutorTest, NamesTheInputThatIsWrong) {
  Executor executor(Loaded(RmsNormBundle())->program(""), Serial());
  TensorBag bag;
  std::vector<TensorView> outputs(1);
  const auto error = [&](std::initializer_list<TensorView> inputs) {
    const absl::Status status = executor.Run(inputs, absl::MakeSpan(outputs));
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  const TensorView x = bag.Floats("x", {2, 8}, SomeFloats(16, 1));
  EXPECT_EQ(error({}), "entry point \"norm\" got 0 inputs, wanted 1");
  EXPECT_EQ(error({bag.Ints("x", {2, 8}, std::vector<int64_t>(16))}), "input \"x\" has dtype int64, wanted float32");
  EXPECT_EQ(error({bag.Floats("x", {2, 7}, SomeFloats(14, 1))}),
            "input \"x\" has shape [2, 7], wanted [B, 8] with B = 2");
  EXPECT_EQ(error({bag.Floats("x", {8}, SomeFloats(8, 1))}), "input \"x\" has shape [8], wanted [B, 8]");
  EXPECT_EQ(error({bag.Floats("x", {65, 8}, SomeFloats(520, 1))}),
            "the inputs of entry point \"norm\" have B = 65, wanted 0 to 64");
  EXPECT_EQ(error({TensorView{}}), "input \"x\" is missing");
  TensorView odd = x;
  odd.data = static_cast<std::byte*>(odd.data) + 1;
  odd.sizes[0] = 1;
  EXPECT_EQ(error({odd}), "input \"x\" is not aligned to its elements");
  TensorView strided = x;
  strided.strides = {1, 2};
  EXPECT_EQ(error({strided}), "input \"x\" is not contiguous");
  TensorView nowhere = x;
  nowhere.data = nullptr;
  EXPECT_EQ(error({nowhere}), "input \"x\" has no data");
}

TEST(ExecutorTest, RunsEmptyBatches) {
  Executor norm(Loaded(RmsNormBundle())->program(""), Serial());
  std::vector<TensorView> y(1);
  ASSERT_TRUE(norm.Run({MakeView(nullptr, DType::kF32, {0, 8})}, absl::MakeSpan(y)).ok());
  EXPECT_EQ(ShapeText(y[0]), "[0, 8]");
  Executor ragged(Loaded(RaggedBundle())->program(""), Serial());
  TensorBag bag;
  std::vector<TensorView> outputs(2);
  const TensorView none = MakeView(nullptr, DType::kI64, {0});
  ASSERT_TRUE(ragged.Run({none, bag.Ints("o", {1}, {0})}, absl::MakeSpan(outputs)).ok());
  EXPECT_EQ(ShapeText(outputs[0]) + ShapeText(outputs[1]), "[0, 6][0, 1, 3]");
  ASSERT_TRUE(ragged.Run({none, bag.Ints("o", {3}, {0, 0, 0})}, absl::MakeSpan(outputs)).ok());
  EXPECT_EQ(ShapeText(outputs[0]), "[2, 6]");
}

TEST(ExecutorTest, AnIndexOutOfRangeIsTheClientsErrorAndTheNextRunIsFine) {
  Executor executor(Loaded(RaggedBundle())->program(""), Serial());
  TensorBag bag;
  std::vector<TensorView> outputs(2);
  const TensorView ends = bag.Ints("o", {2}, {0, 1});
  const absl::Status status = executor.Run({bag.Ints("ids", {1}, {20}), ends}, absl::MakeSpan(outputs));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("step 0 (embedding): strata::embedding: ids has 20"));
  EXPECT_TRUE(executor.Run({bag.Ints("ids", {1}, {19}), ends}, absl::MakeSpan(outputs)).ok());
}

// x [B, 4, 2] permuted, sliced, copied and handed out in every way that a plan can.
TestBundle ViewsBundle() {
  TestBundle test = RmsNormBundle();
  test.manifest = R"({"format": "strata-bundle", "version": 1, "name": "views", "model_version": "1",
    "entry_points": {"views": {}}, "numerics": [], "ops": {)" +
                  OpsJson({"copy", "add"}) + "}}";
  test.plan = R"({"plan": 1, "entry_points": {"views": {"dims": {"B": [1, 8]},
    "inputs": [{"name": "x", "dtype": "float32", "shape": ["B", 4, 2]}],
    "steps": [
      {"view": "permute", "inputs": ["x"], "attrs": {"dims": [1, 0, 2]},
       "outputs": [{"name": "p", "dtype": "float32", "shape": [4, "B", 2]}]},
      {"view": "slice", "inputs": ["p"], "attrs": {"dim": 0, "start": "2*B//B"},
       "outputs": [{"name": "s", "dtype": "float32", "shape": [2, "B", 2]}]},
      {"op": "copy", "inputs": ["s"], "attrs": {}, "outputs": [{"name": "c", "dtype": "float32", "shape": [2, "B", 2]}]},
      {"view": "reshape", "inputs": ["c"], "attrs": {}, "outputs": [{"name": "r", "dtype": "float32", "shape": ["4*B"]}]},
      {"op": "add", "inputs": ["r", "r"], "attrs": {}, "outputs": [{"name": "d", "dtype": "float32", "shape": ["4*B"]}]}
    ],
    "outputs": [{"name": "input", "value": "x"}, {"name": "weight", "value": "$a"}, {"name": "sliced", "value": "s"},
                {"name": "copied", "value": "r"}, {"name": "doubled", "value": "d"}, {"name": "again", "value": "d"}]}}})";
  return test;
}

std::vector<float> Values(const TensorView& view) { return {view.In<float>(), view.In<float>() + view.numel()}; }

TEST(ExecutorTest, ViewsShowTheElementsThatTheySay) {
  Executor executor(Loaded(ViewsBundle())->program(""), Serial());
  TensorBag bag;
  std::vector<float> x(3 * 8);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  std::vector<TensorView> out(6);
  const TensorView in = bag.Floats("x", {3, 4, 2}, x);
  ASSERT_TRUE(executor.Run({in}, absl::MakeSpan(out)).ok());
  const std::vector<float> sliced = {4, 5, 12, 13, 20, 21, 6, 7, 14, 15, 22, 23};
  std::vector<float> doubled = sliced;
  for (float& v : doubled) v *= 2;
  EXPECT_EQ(Values(out[0]), x);
  EXPECT_NE(out[0].data, in.data);  // a copy: the caller's memory may be gone first
  EXPECT_EQ(Values(out[1]), SomeFloats(8, 1));
  EXPECT_EQ(Values(out[2]), sliced);
  EXPECT_EQ(Values(out[3]), sliced);
  EXPECT_EQ(Values(out[4]), doubled);
  EXPECT_EQ(Values(out[5]), doubled);
}

// Two outputs of one program over a list: x + y and x * y, where y is the weight a [8].
TestBundle ListBundle() {
  TestBundle test = RmsNormBundle();
  test.manifest = R"({"format": "strata-bundle", "version": 1, "name": "lists", "model_version": "1",
    "entry_points": {"lists": {}}, "numerics": [], "ops": {)" +
                  OpsJson({"pointwise"}) + "}}";
  test.plan = R"({"plan": 1, "entry_points": {"lists": {"dims": {"B": [1, 8]},
    "inputs": [{"name": "x", "dtype": "float32", "shape": ["B", 8]}],
    "steps": [
      {"op": "pointwise", "inputs": [["x", "$a"]],
       "attrs": {"program": "float32 x0, float32 x1; v0 = add(x0, x1); v1 = mul(x0, x1); return v0, v1"},
       "outputs": [{"name": "s", "dtype": "float32", "shape": ["B", 8]},
                   {"name": "p", "dtype": "float32", "shape": ["B", 8]}]}
    ],
    "outputs": [{"name": "sum", "value": "s"}, {"name": "product", "value": "p"}]}}})";
  return test;
}

TEST(ExecutorTest, AStepMayTakeAListAndATextAndMakeAsManyOutputsAsItSays) {
  Executor executor(Loaded(ListBundle())->program(""), Serial());
  TensorBag bag;
  const std::vector<float> x = SomeFloats(3 * 8, 5), a = SomeFloats(8, 1);
  std::vector<TensorView> out(2);
  for (int run = 0; run < 2; ++run) {
    ASSERT_TRUE(executor.Run({bag.Floats("x", {3, 8}, x)}, absl::MakeSpan(out)).ok());
    for (size_t i = 0; i < x.size(); ++i) {
      EXPECT_EQ(out[0].In<float>()[i], x[i] + a[i % 8]);
      EXPECT_EQ(out[1].In<float>()[i], x[i] * a[i % 8]);
    }
  }
}

TEST(ExecutorTest, RefusesListsAndTextsThatAreWrong) {
  const auto error = [](std::string_view from, std::string_view to) {
    TestBundle test = ListBundle();
    test.plan = Replaced(test.plan, from, to);
    return std::string(Bundle::Load(test.Write(), {}).status().message());
  };
  EXPECT_THAT(error("[[\"x\", \"$a\"]]", "[\"x\"]"), HasSubstr("inputs is no list of values, wanted a list of values"));
  EXPECT_THAT(error("[[\"x\", \"$a\"]]", "[[]]"), HasSubstr("inputs is no list of values"));
  EXPECT_THAT(error("[[\"x\", \"$a\"]]", "[[\"x\", null]]"), HasSubstr("step 0"));
  EXPECT_THAT(error("[[\"x\", \"$a\"]]", "[[\"x\", \"later\"]]"), HasSubstr("later"));
  EXPECT_THAT(error("mul(x0", "mull(x0"), HasSubstr("step 0 (pointwise): strata::pointwise: "));
  EXPECT_THAT(error("return v0, v1", "return v0"), HasSubstr("the plan names 2 outputs, the operator makes 1"));
  EXPECT_THAT(error("\"program\": \"", "\"program\": 7, \"note\": \""), HasSubstr("program"));
}

TEST(ExecutorTest, RefusesViewsBeyondTheirInput) {
  const auto error = [](std::string_view from, std::string_view to) {
    TestBundle test = ViewsBundle();
    test.plan = Replaced(test.plan, from, to);
    return std::string(Bundle::Load(test.Write(), {}).status().message());
  };
  EXPECT_THAT(error("2*B//B", "3"), HasSubstr("step 1 (slice): the value \"p\" of shape [4, 1, 2]"));
  EXPECT_THAT(error("2*B//B", "B+1"), HasSubstr("at B = 4: step 1 (slice)"));  // fits at B = 1 alone
  EXPECT_THAT(error("2*B//B", "1-B-1"), HasSubstr("step 1 (slice)"));
  EXPECT_THAT(error("\"dim\": 0", "\"dim\": 3"), HasSubstr("step 1 (slice)"));
  EXPECT_THAT(error("[1, 0, 2]", "[1, 0, 0]"), HasSubstr("dims names 0 twice"));
  EXPECT_THAT(error("[1, 0, 2]", "[1, 0]"), HasSubstr("step 0 (permute)"));
  EXPECT_THAT(error("[1, 0, 2]", "[1, 0, 2, 3]"), HasSubstr("step 0 (permute)"));
  EXPECT_THAT(error("\"shape\": [\"4*B\"]", "\"shape\": [\"4*B+1\"]"), HasSubstr("step 3 (reshape)"));
  EXPECT_THAT(error("\"view\": \"reshape\", \"inputs\": [\"c\"]", "\"view\": \"reshape\", \"inputs\": [\"s\"]"),
              HasSubstr("which is not contiguous, cannot be seen as"));
  // At B = 1 the slice is contiguous, so only the larger sizes show it.
  EXPECT_THAT(
      error(
          "\"r\", \"r\"], \"attrs\": {}, \"outputs\": [{\"name\": \"d\", \"dtype\": \"float32\", \"shape\": [\"4*B\"]",
          "\"s\", \"s\"], \"attrs\": {}, \"outputs\": [{\"name\": \"d\", \"dtype\": \"float32\", \"shape\": [2, \"B\", "
          "2]"),
      HasSubstr("at B = 4: step 4 (add): strata::add: x has strides"));
}

TEST(ExecutorTest, CountsEveryStepWhenAsked) {
  Executor executor(Loaded(RaggedBundle())->program(""), Serial());
  EXPECT_TRUE(executor.profile().empty());
  executor.EnableProfile();
  TensorBag bag;
  std::vector<TensorView> outputs(2);
  ASSERT_TRUE(executor.Run({bag.Ints("ids", {1}, {1}), bag.Ints("o", {2}, {0, 1})}, absl::MakeSpan(outputs)).ok());
  ASSERT_EQ(executor.profile().size(), 6u);
  EXPECT_EQ(executor.profile()[1].calls, 1);
  EXPECT_GT(executor.profile()[1].nanoseconds, 0);
}

TEST(ExecutorTest, PreparesAWeightOnceForAllExecutors) {
  const auto bundle = Loaded(RaggedBundle());
  const auto program = bundle->program("");
  const OpDef& linear = *program->plan().steps[1].op;
  ASSERT_TRUE(linear.prepare.bytes != nullptr) << "linear has a prepared form: without it this test shows nothing";
  EXPECT_EQ(bundle->prepared_bytes() > 0, program->prepared()[1] != nullptr);
  const auto report = ReplayGolden(*bundle, Serial());
  EXPECT_TRUE(report.ok()) << report.status();
}

}  // namespace
}  // namespace strata::runtime
