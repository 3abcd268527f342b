#include "systems/runtime/bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <fstream>

#include "kernels/base/thread_pool.h"
#include "systems/formats/text.h"
#include "systems/runtime/executor.h"
#include "systems/runtime/golden.h"
#include "systems/runtime/testing.h"

namespace strata::runtime {
namespace {

using testing::HasSubstr;

std::string LoadError(const TestBundle& bundle, const LoadOptions& options = {}) {
  const auto loaded = Bundle::Load(bundle.Write(), options);
  return loaded.ok() ? "ok" : std::string(loaded.status().message());
}

std::string PlanError(std::string_view from, std::string_view to) {
  TestBundle bundle = RmsNormBundle();
  bundle.plan = Replaced(bundle.plan, from, to);
  return LoadError(bundle);
}

std::string ManifestError(std::string_view from, std::string_view to) {
  TestBundle bundle = RmsNormBundle();
  bundle.manifest = Replaced(bundle.manifest, from, to);
  return LoadError(bundle);
}

TEST(BundleTest, LoadsAndRunsWhatTheFormulaSays) {
  const auto bundle = Bundle::Load(RmsNormBundle().Write(), {});
  ASSERT_TRUE(bundle.ok()) << bundle.status();
  EXPECT_EQ((*bundle)->manifest().name, "norms");
  Executor executor((*bundle)->program(""), Serial());
  TensorBag bag;
  const std::vector<float> x = SomeFloats(16, 7), a = SomeFloats(8, 1), b = SomeFloats(8, 2);
  std::vector<TensorView> outputs(1);
  ASSERT_TRUE(executor.Run({bag.Floats("x", {2, 8}, x)}, absl::MakeSpan(outputs)).ok());
  for (size_t row = 0; row < 2; ++row) {
    std::vector<double> t(x.begin() + static_cast<int>(row) * 8, x.begin() + static_cast<int>(row) * 8 + 8);
    for (const auto& [weight, eps] : {std::pair(a, 1e-6), std::pair(b, 1e-5)}) {
      double sum = 0;
      for (const double v : t) sum += v * v;
      for (size_t i = 0; i < 8; ++i) t[i] = t[i] / std::sqrt(sum / 8 + eps) * weight[i];
    }
    for (size_t i = 0; i < 8; ++i) EXPECT_NEAR(outputs[0].In<float>()[row * 8 + i], t[i], 1e-5);
  }
}

TEST(BundleTest, KeepsTheBundleAliveThroughAProgram) {
  std::shared_ptr<const Program> program;
  {
    const auto bundle = Bundle::Load(RmsNormBundle().Write(), {});
    ASSERT_TRUE(bundle.ok());
    program = (*bundle)->program("norm");
    EXPECT_EQ((*bundle)->program("other"), nullptr);
  }
  Executor executor(program, Serial());
  TensorBag bag;
  std::vector<TensorView> outputs(1);
  EXPECT_TRUE(executor.Run({bag.Floats("x", {1, 8}, SomeFloats(8, 1))}, absl::MakeSpan(outputs)).ok());
}

TEST(BundleTest, RefusesFilesThatAreMissingCutOrTooLarge) {
  const TestBundle good = RmsNormBundle();
  std::string folder = good.Write();
  unlink((folder + "/plan.json").c_str());
  EXPECT_EQ(Bundle::Load(folder, {}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Bundle::Load(folder + "/none", {}).status().code(), absl::StatusCode::kNotFound);

  for (const size_t keep : {size_t{0}, size_t{1}, size_t{7}, size_t{8}, size_t{40}, good.weights.size() - 1}) {
    TestBundle cut = good;
    cut.weights.resize(keep);
    EXPECT_THAT(LoadError(cut), HasSubstr("weights.safetensors: ")) << keep;
  }
  for (const size_t keep : {size_t{0}, size_t{1}, good.plan.size() / 2, good.plan.size() - 1}) {
    TestBundle cut = good;
    cut.plan.resize(keep);
    EXPECT_THAT(LoadError(cut), HasSubstr("plan.json: the JSON is not valid")) << keep;
  }
  TestBundle large = good;
  large.manifest.append((1 << 20) + 1, ' ');
  EXPECT_THAT(LoadError(large), HasSubstr("manifest.json has 1.0 MiB, wanted at most 1.0 MiB"));
  EXPECT_THAT(LoadError(good, {.max_file_bytes = 100}), HasSubstr("weights.safetensors has"));
}

TEST(BundleTest, RefusesLinksPipesAndFolders) {
  const TestBundle good = RmsNormBundle();
  const std::string other = good.Write();
  const auto replaced = [&](auto&& make) {
    const std::string folder = good.Write();
    unlink((folder + "/weights.safetensors").c_str());
    make(folder + "/weights.safetensors");
    return std::string(Bundle::Load(folder, {}).status().message());
  };
  EXPECT_THAT(replaced([&](const std::string& path) {
                ASSERT_EQ(symlink((other + "/weights.safetensors").c_str(), path.c_str()), 0);
              }),
              HasSubstr("is a symbolic link"));
  EXPECT_THAT(replaced([](const std::string& path) { ASSERT_EQ(mkfifo(path.c_str(), 0600), 0); }),
              HasSubstr("is not a regular file"));
  EXPECT_THAT(replaced([](const std::string& path) { ASSERT_EQ(mkdir(path.c_str(), 0700), 0); }),
              HasSubstr("is not a regular file"));
}

TEST(BundleTest, ReadsNoFileOutsideOfItsFolder) {
  const auto bundle = Bundle::Load(RmsNormBundle().Write(), {});
  ASSERT_TRUE(bundle.ok());
  EXPECT_TRUE((*bundle)->ReadFile("plan.json", 1 << 20).ok());
  EXPECT_EQ((*bundle)->ReadFile("tokenizer.json", 1 << 20).status().code(), absl::StatusCode::kNotFound);
  for (const char* name : {"../x", "/etc/passwd", "..", ".", "", "a/b", "a\nb", ".hidden"}) {
    EXPECT_THAT(std::string((*bundle)->ReadFile(name, 1 << 20).status().message()), HasSubstr("is not plain")) << name;
  }
  EXPECT_THAT(std::string((*bundle)->ReadFile(std::string("plan.json\0", 10), 99).status().message()),
              HasSubstr("is not plain"));
}

TEST(BundleTest, RefusesAPlanWithUndefinedTwiceDefinedOrCyclicValues) {
  EXPECT_THAT(PlanError("[\"t0\", \"$b\"]", "[\"t9\", \"$b\"]"), HasSubstr("step 1: the value \"t9\" is not defined"));
  EXPECT_THAT(PlanError("[\"x\", \"$a\"]", "[\"t1\", \"$a\"]"), HasSubstr("step 0: the value \"t1\" is not defined"));
  EXPECT_THAT(PlanError("[\"x\", \"$a\"]", "[\"t0\", \"$a\"]"), HasSubstr("step 0: the value \"t0\" is not defined"));
  EXPECT_THAT(PlanError("\"name\": \"t1\"", "\"name\": \"t0\""), HasSubstr("\"t0\" is defined twice"));
  EXPECT_THAT(PlanError("\"name\": \"t0\"", "\"name\": \"x\""), HasSubstr("\"x\" is defined twice"));
  EXPECT_THAT(PlanError("\"value\": \"t1\"", "\"value\": \"t2\""), HasSubstr("\"t2\" is not defined"));
  EXPECT_THAT(PlanError("\"$a\"", "\"$z\""), HasSubstr("there is no weight \"z\""));
  EXPECT_THAT(PlanError("\"name\": \"t0\"", "\"name\": \"../t\""), HasSubstr("not allowed"));
}

TEST(BundleTest, RefusesOperatorsThatAreUnknownUnlistedOrChanged) {
  EXPECT_THAT(PlanError("\"op\": \"rms_norm\"", "\"op\": \"rms_norn\""),
              HasSubstr("there is no operator \"rms_norn\""));
  EXPECT_THAT(PlanError("\"op\": \"rms_norm\"", "\"op\": \"rms_norm_backward\""), HasSubstr("is not in the manifest"));
  EXPECT_THAT(ManifestError("\"rms_norm\": \"", "\"rms_norm\": \"0"), HasSubstr("17 bytes"));
  TestBundle bundle = RmsNormBundle();
  bundle.manifest = Replaced(bundle.manifest, OpsJson({"rms_norm"}), "\"rms_norm\": \"0123456789abcdef\"");
  EXPECT_THAT(LoadError(bundle), HasSubstr("has changed since the export: its schema hash is "));
}

TEST(BundleTest, RefusesWrongArityAndAttributes) {
  EXPECT_THAT(PlanError("[\"x\", \"$a\"]", "[\"x\"]"), HasSubstr("rms_norm got 1 inputs, wanted 2"));
  EXPECT_THAT(PlanError("[\"x\", \"$a\"]", "[\"x\", null]"), HasSubstr("weight is null, wanted a value"));
  EXPECT_THAT(PlanError("{\"eps\": 1e-6}", "{}"), HasSubstr("rms_norm got 0 attributes, wanted all 1"));
  EXPECT_THAT(PlanError("\"eps\": 1e-6", "\"epsilon\": 1"), HasSubstr("has no attribute \"epsilon\""));
  EXPECT_THAT(PlanError("\"eps\": 1e-6", "\"eps\": \"x\""), HasSubstr("eps is a string, wanted a number"));
  EXPECT_THAT(PlanError("\"eps\": 1e-6", "\"eps\": 1, \"eps\": 2"), HasSubstr("comes twice"));
  EXPECT_THAT(PlanError("\"op\": \"rms_norm\",", "\"op\": \"rms_norm\", \"view\": \"reshape\","),
              HasSubstr("wanted either"));
  EXPECT_THAT(PlanError("\"op\": \"rms_norm\",", "\"op\": \"rms_norm\", \"more\": 1,"),
              HasSubstr("unknown key \"more\""));
}

TEST(BundleTest, RefusesShapesAndDtypesThatTheOperatorsDoNotMake) {
  EXPECT_THAT(
      PlanError("\"t0\", \"dtype\": \"float32\", \"shape\": [\"B\", 8]",
                "\"t0\", \"dtype\": \"float32\", \"shape\": [\"B\", 9]"),
      HasSubstr("step 0 (rms_norm): the plan says that \"t0\" is float32 [0, 9], the operator makes float32 [0, 8]"));
  EXPECT_THAT(PlanError("\"t0\", \"dtype\": \"float32\"", "\"t0\", \"dtype\": \"float64\""),
              HasSubstr("the plan says that \"t0\" is float64"));
  EXPECT_THAT(PlanError("\"x\", \"dtype\": \"float32\"", "\"x\", \"dtype\": \"bfloat16\""),
              HasSubstr("weight has dtype float32, wanted bfloat16"));
  EXPECT_THAT(PlanError("\"x\", \"dtype\": \"float32\"", "\"x\", \"dtype\": \"float8\""), HasSubstr("unknown dtype"));
  EXPECT_THAT(PlanError("\"shape\": [\"B\", 8]", "\"shape\": [\"B\", 7]"), HasSubstr("has shape"));
}

TEST(BundleTest, RefusesDimsThatDoNotBindAndMemoryBeyondTheLimit) {
  EXPECT_THAT(PlanError("\"B\": [0, 64]", "\"B\": [0, 64], \"C\": [1, 2]"), HasSubstr("the dim C cannot be told"));
  EXPECT_THAT(PlanError("\"B\": [0, 64]", "\"B\": [3, 2]"), HasSubstr("range of dim B"));
  EXPECT_THAT(PlanError("\"B\": [0, 64]", "\"b\": [0, 2]"), HasSubstr("not allowed"));
  EXPECT_THAT(PlanError("\"B\": [0, 64]", "\"B\": [0, 1099511627776]"),
              HasSubstr("a run at B = 1099511627776 would take 32.0 TiB, wanted at most 4.0 GiB"));
  EXPECT_THAT(PlanError("\"B\": [0, 64]", "\"B\": [0, 1099511627777]"), HasSubstr("wanted an integer from 0"));
  EXPECT_THAT(PlanError("\"t0\", \"dtype\": \"float32\", \"shape\": [\"B\", 8]",
                        "\"t0\", \"dtype\": \"float32\", \"shape\": [\"B\", \"8+B*1000000000000000000\"]"),
              HasSubstr("impossible shape"));
  EXPECT_THAT(LoadError(RmsNormBundle(), {.max_arena_bytes = 1000}), HasSubstr("would take 2.0 KiB, wanted at most"));
}

TEST(BundleTest, RefusesLayoutsThatWouldMixRequests) {
  EXPECT_THAT(ManifestError("\"batch_dim\": \"B\"", "\"batch_dim\": \"N\""), HasSubstr("which is no dim of the plan"));
  EXPECT_THAT(ManifestError(", \"y\": \"stacked\"", ""), HasSubstr("layouts has none for \"y\""));
  EXPECT_THAT(ManifestError("\"x\": \"stacked\"", "\"x\": \"ragged\""), HasSubstr("wanted the ragged dim"));
  EXPECT_THAT(ManifestError("\"x\": \"stacked\"", "\"x\": \"shared\""), HasSubstr("wanted stacked, ragged or offsets"));
  EXPECT_THAT(ManifestError("\"y\": \"stacked\"", "\"y\": \"stacked\", \"z\": \"stacked\""), HasSubstr("neither"));
  EXPECT_THAT(ManifestError("\"batch_dim\": \"B\", ", ""), HasSubstr("no batch_dim"));
}

TEST(BundleTest, RefusesStateThatNoCallCouldHandOn) {
  const auto error = [](std::string_view state, std::string_view shape = "[\"B\", 8]") {
    TestBundle bundle = RmsNormBundle();
    const std::string entry = "{\"batch_dim\": \"B\", \"layouts\": {\"x\": \"stacked\", \"y\": \"stacked\"}}";
    bundle.manifest = Replaced(bundle.manifest, entry, Cat("{\"state\": ", state, "}"));
    for (int i = 0; i < 3; ++i) bundle.plan = Replaced(bundle.plan, "[\"B\", 8]", Cat(" ", shape));
    if (shape[1] != '"') bundle.plan = Replaced(bundle.plan, "\"B\": [0, 64]", "");
    return LoadError(bundle);
  };
  EXPECT_EQ(error(R"({"x": {"output": "y"}})"), "ok");
  EXPECT_EQ(error(R"({"x": {"output": "y", "initial": 0}})", "[3, 8]"), "ok");
  EXPECT_THAT(error(R"({"x": {"output": "y", "initial": 0}})"), HasSubstr("its shape [B, 8] is not fixed"));
  EXPECT_THAT(error(R"({"z": {"output": "y"}})"), HasSubstr("state \"z\": there is no such input"));
  EXPECT_THAT(error(R"({"x": {"output": "z"}})"), HasSubstr("there is no output \"z\""));
  EXPECT_THAT(error(R"({"x": {}})"), HasSubstr("output"));
  EXPECT_THAT(error(R"({"x": {"output": "y", "more": 1}})"), HasSubstr("unknown key \"more\""));
  EXPECT_THAT(error(R"({"x": {"output": "y", "initial": 1}})", "[3, 8]"), HasSubstr("initial is neither 0 nor"));
  EXPECT_THAT(error(R"({"x": {"output": "y", "initial": "$c"}})", "[3, 8]"), HasSubstr("which is not there"));
  EXPECT_THAT(error(R"({"x": {"output": "y", "initial": "$a"}})", "[3, 8]"),
              HasSubstr("its first value is float32 [8], the input is float32 [3, 8]"));
}

TEST(BundleTest, RefusesManifestsOfAnotherFormat) {
  EXPECT_THAT(ManifestError("strata-bundle", "onnx"), HasSubstr("format is not"));
  EXPECT_THAT(ManifestError("\"version\": 1", "\"version\": 2"), HasSubstr("version 1"));
  EXPECT_THAT(ManifestError("\"norms\"", "\"../norms\""), HasSubstr("name is"));
  EXPECT_THAT(ManifestError("\"default_entry_point\": \"norm\"", "\"default_entry_point\": \"x\""),
              HasSubstr("no entry"));
  EXPECT_THAT(ManifestError("{\"norm\": {", "{\"nor\": {"), HasSubstr("which is no entry point"));
  EXPECT_THAT(ManifestError("[1, 2]", std::string(40, '[') + std::string(40, ']')), HasSubstr("deeper than 32"));
}

TEST(GoldenTest, ReplaysExactlyOnEveryNumberOfThreads) {
  const auto bundle = Bundle::Load(RmsNormBundle().Write(), {});
  ASSERT_TRUE(bundle.ok());
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    const auto report = ReplayGolden(**bundle, pool);
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_EQ(report->cases, 2);
    EXPECT_EQ(report->elements, 64);
    EXPECT_TRUE(report->exact);
  }
}

std::string GoldenError(const TestBundle& test) {
  const auto bundle = Bundle::Load(test.Write(), {});
  if (!bundle.ok()) return std::string(bundle.status().message());
  const auto report = ReplayGolden(**bundle, Serial());
  return report.ok() ? "ok" : std::string(report.status().message());
}

TEST(GoldenTest, RefusesEveryFlippedBitOfAWeightThatMatters) {
  const TestBundle good = RmsNormBundle();
  // The first weight's first element: its lowest and highest bits.
  for (const int bit : {0, 31}) {
    TestBundle bad = good;
    char& byte = bad.weights[bad.weights.size() - 64 + static_cast<size_t>(bit / 8)];
    byte = static_cast<char>(byte ^ (1 << (bit % 8)));
    const std::string error = GoldenError(bad);
    EXPECT_THAT(error, HasSubstr("golden.safetensors: norm, case 0: the output \"y\" is not what the golden has: "));
    EXPECT_THAT(error, HasSubstr(" elements differ, the first at ["));
    EXPECT_THAT(error, HasSubstr(" ulp)"));
  }
}

TEST(GoldenTest, ComparesWithinABoundWhereTheClassesDiffer) {
  TestBundle test = RmsNormBundle();
  test.manifest = Replaced(test.manifest, "[\"ieee\"]", "[\"amx-bf16\"]");
  const auto replay = [](const TestBundle& t) {
    const auto bundle = Bundle::Load(t.Write(), {});
    return ReplayGolden(**bundle, Serial());
  };
  const auto report = replay(test);
  ASSERT_TRUE(report.ok());
  EXPECT_FALSE(report->exact);
  ASSERT_EQ(report->notes.size(), 1u);
  EXPECT_THAT(report->notes[0], HasSubstr("golden was made with amx-bf16"));
  test.weights[test.weights.size() - 64] ^= 1;  // a lowest bit: within the bound
  EXPECT_TRUE(replay(test).ok());
  test.weights[test.weights.size() - 62] ^= 0x40;  // a high bit of the mantissa: beyond it
  EXPECT_THAT(std::string(replay(test).status().message()), HasSubstr("more than the bound"));
}

TEST(GoldenTest, RefusesGoldensThatLackCasesOrTensors) {
  TestBundle test = RmsNormBundle();
  TensorBag one;
  one.Floats("norm/0/in/x", {3, 8}, SomeFloats(24, 3));
  test.MakeGolden(one);
  EXPECT_THAT(GoldenError(test), HasSubstr("cases of 1 different sizes, wanted at least 2"));
  test.golden = one.Bytes();
  EXPECT_THAT(GoldenError(test), HasSubstr("the output \"y\" is missing"));
  TensorBag other;
  other.Floats("norm/x/in/x", {3, 8}, SomeFloats(24, 3));
  test.golden = other.Bytes();
  EXPECT_THAT(GoldenError(test), HasSubstr("the case \"x\" is not a number"));
  test.golden = "";
  EXPECT_THAT(GoldenError(test), HasSubstr("No such file"));
}

}  // namespace
}  // namespace strata::runtime
