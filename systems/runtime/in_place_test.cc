// Results written over inputs: where it is done, where it must not be, and that no bit of an answer depends on it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "systems/formats/text.h"
#include "systems/runtime/bundle.h"
#include "systems/runtime/executor.h"
#include "systems/runtime/testing.h"

namespace strata::runtime {
namespace {

constexpr const char* kShape = R"("dtype": "float32", "shape": ["B", 8])";

std::string OpStep(std::string_view op, std::string_view inputs, std::string_view output) {
  const std::string_view attrs = op == "gelu" ? "\"approximate\": \"none\"" : "";
  return Cat("{\"op\": \"", op, "\", \"inputs\": [", inputs, "], \"attrs\": {", attrs, "}, \"outputs\": [{\"name\": \"",
             output, "\", ", kShape, "}]}");
}

std::string Joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

// x [B, 8] -> the steps -> outputs, with the weight "a" [8].
std::shared_ptr<const Bundle> Load(const std::vector<std::string>& steps, const std::vector<std::string>& outputs,
                                   bool in_place = true) {
  std::vector<std::string> made;
  for (const std::string& value : outputs)
    made.push_back(Cat("{\"name\": \"", value, "\", \"value\": \"", value, "\"}"));
  TestBundle test = RmsNormBundle();
  test.manifest =
      R"({"format": "strata-bundle", "version": 1, "name": "n", "model_version": "1", "entry_points": {"e": {}},
    "numerics": [], "ops": {)" +
      OpsJson({"add", "copy", "gelu", "softmax"}) + "}}";
  test.plan = Cat(R"({"plan": 1, "entry_points": {"e": {"dims": {"B": [1, 64]}, "inputs": [{"name": "x", )", kShape,
                  "}], \"steps\": [", Joined(steps), "], \"outputs\": [", Joined(made), "]}}}");
  auto bundle = Bundle::Load(test.Write(), {.in_place = in_place});
  EXPECT_TRUE(bundle.ok()) << bundle.status() << test.plan;
  return bundle.ok() ? *bundle : nullptr;
}

int StepsInPlace(const std::vector<std::string>& steps, const std::vector<std::string>& outputs) {
  return Load(steps, outputs)->programs()[0].steps_in_place();
}

TEST(InPlaceTest, AChainTakesOneBuffer) {
  const std::vector<std::string> steps = {OpStep("gelu", "\"x\"", "a"), OpStep("softmax", "\"a\"", "b"),
                                          OpStep("gelu", "\"b\"", "c")};
  const auto with = Load(steps, {"c"}), without = Load(steps, {"c"}, false);
  EXPECT_EQ(with->programs()[0].steps_in_place(), 2);  // the first one's input is the caller's
  EXPECT_EQ(without->programs()[0].steps_in_place(), 0);
  EXPECT_EQ(with->programs()[0].largest_arena_bytes(), 64u * 8 * 4);
  EXPECT_EQ(without->programs()[0].largest_arena_bytes(), 2u * 64 * 8 * 4);
}

TEST(InPlaceTest, ASecondOperandThatDiesGivesItsPlace) {
  const std::vector<std::string> steps = {OpStep("gelu", "\"x\"", "a"), OpStep("add", "\"x\", \"a\"", "b")};
  EXPECT_EQ(StepsInPlace(steps, {"b"}), 1);
}

// Each looks like a step that may run in place.
TEST(InPlaceTest, LeavesAloneWhatIsStillNeeded) {
  const std::string a = OpStep("gelu", "\"x\"", "a");
  // A later step reads it.
  EXPECT_EQ(StepsInPlace({a, OpStep("gelu", "\"a\"", "b"), OpStep("softmax", "\"a\"", "c")}, {"b", "c"}), 1);
  // It is an output, or the caller's.
  EXPECT_EQ(StepsInPlace({a, OpStep("gelu", "\"a\"", "b")}, {"a", "b"}), 0);
  EXPECT_EQ(StepsInPlace({OpStep("gelu", "\"x\"", "b")}, {"b"}), 0);
  // A view of it is read later, or is an output.
  const std::string view =
      Cat(R"({"view": "reshape", "inputs": ["a"], "attrs": {}, "outputs": [{"name": "v", )", kShape, "}]}");
  EXPECT_EQ(StepsInPlace({a, view, OpStep("gelu", "\"a\"", "b"), OpStep("softmax", "\"v\"", "c")}, {"b", "c"}), 1);
  EXPECT_EQ(StepsInPlace({a, view, OpStep("gelu", "\"a\"", "b")}, {"b", "v"}), 0);
  // The operator does not say that it may.
  EXPECT_EQ(StepsInPlace({a, OpStep("copy", "\"a\"", "b")}, {"b"}), 0);
  // Both operands lie in one memory.
  EXPECT_EQ(StepsInPlace({a, OpStep("add", "\"a\", \"a\"", "b")}, {"b"}), 0);
}

TEST(InPlaceTest, LeavesAloneAnOperandThatRepeatsElements) {
  const std::string repeat =
      Cat(R"({"view": "broadcast", "inputs": ["$a"], "attrs": {}, "outputs": [{"name": "r", )", kShape, "}]}");
  const std::string slice = R"({"view": "slice", "inputs": ["a"], "attrs": {"dim": 1, "start": 0},
    "outputs": [{"name": "s", "dtype": "float32", "shape": ["B", 4]}]})";
  const std::string half = R"({"op": "copy", "inputs": ["s"], "attrs": {},
    "outputs": [{"name": "h", "dtype": "float32", "shape": ["B", 4]}]})";
  EXPECT_EQ(StepsInPlace({repeat, OpStep("copy", "\"r\"", "b")}, {"b"}), 0);
  EXPECT_EQ(StepsInPlace({OpStep("gelu", "\"x\"", "a"), slice, half}, {"h"}), 0);
}

std::vector<std::vector<std::byte>> Answers(const Bundle& bundle, const TensorView& x) {
  Executor executor(bundle.program(""), Serial());
  std::vector<TensorView> outputs(executor.signature().outputs.size());
  const absl::Status status = executor.Run({x}, absl::MakeSpan(outputs));
  EXPECT_TRUE(status.ok()) << status;
  std::vector<std::vector<std::byte>> bytes;
  for (const TensorView& output : outputs) {
    const auto* data = static_cast<const std::byte*>(output.data);
    bytes.emplace_back(data, data + static_cast<size_t>(output.numel()) * SizeOf(output.dtype));
  }
  return bytes;
}

TEST(InPlaceTest, NoBitOfAnAnswerDependsOnIt) {
  std::mt19937 random(5);
  int in_place = 0;
  for (int round = 0; round < 60; ++round) {
    std::vector<std::string> values = {"x"}, steps, outputs;
    const auto any = [&] {
      return Cat("\"", values[random() % 3 == 0 ? random() % values.size() : values.size() - 1], "\"");
    };
    for (int s = 0; s < 12; ++s) {
      const std::string name = Cat("t", s);
      const uint32_t kind = random() % 5;
      if (kind == 4) {
        steps.push_back(Cat("{\"view\": \"reshape\", \"inputs\": [", any(),
                            "], \"attrs\": {}, \"outputs\": [{\"name\": \"", name, "\", ", kShape, "}]}"));
      } else if (kind == 0) {
        const std::string first = any();
        steps.push_back(OpStep("add", first + ", " + any(), name));
      } else {
        steps.push_back(OpStep(kind == 1 ? "gelu" : kind == 2 ? "softmax" : "copy", any(), name));
      }
      values.push_back(name);
    }
    outputs = {values.back(), values[1 + random() % (values.size() - 2)]};
    const auto with = Load(steps, outputs), without = Load(steps, outputs, false);
    TensorBag bag;
    const TensorView x = bag.Floats("x", {5, 8}, SomeFloats(40, static_cast<uint32_t>(round)));
    ASSERT_EQ(Answers(*with, x), Answers(*without, x)) << Joined(steps);
    in_place += with->programs()[0].steps_in_place();
    EXPECT_LE(with->programs()[0].MemoryAt({5})->lower_bound_bytes,
              without->programs()[0].MemoryAt({5})->lower_bound_bytes);
  }
  EXPECT_GT(in_place, 60);  // else the test would test nothing
}

}  // namespace
}  // namespace strata::runtime
