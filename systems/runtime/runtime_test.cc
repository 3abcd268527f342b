#include "systems/runtime/runtime.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "systems/runtime/testing.h"

namespace strata::runtime {
namespace {

TEST(RuntimeTest, LoadsRunsAndClones) {
  auto model = Model::Load(RaggedBundle().Write());
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->golden().cases, 2);
  EXPECT_EQ(model->signature("none"), nullptr);
  ASSERT_NE(model->signature(), nullptr);
  EXPECT_EQ(MetadataShape(model->signature()->outputs[1]), (std::vector<int64_t>{-1, 1, 3}));
  const Tensor ids = Tensor::Of<int64_t>({3}, {4, 5, 6});
  const auto one = model->Run("", {ids.view(), TensorView{}});  // without offsets: one sequence
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_EQ(ShapeText((*one)[0].view()), "[1, 6]");
  Model other = model->Clone();
  const auto same = other.Run("embed", {ids.view(), TensorView{}});
  ASSERT_TRUE(same.ok());
  EXPECT_EQ(std::memcmp((*one)[0].view().data, (*same)[0].view().data, 24), 0);
  EXPECT_EQ(model->Run("none", {}).status().code(), absl::StatusCode::kNotFound);
}

TEST(RuntimeTest, RefusesABundleWithAFlippedBit) {
  TestBundle bad = RaggedBundle();
  bad.weights.back() ^= 0x20;
  EXPECT_EQ(Model::Load(bad.Write()).status().code(), absl::StatusCode::kDataLoss);
}

// What the command prints, and its exit code behind it.
std::string Printed(const std::string& command) {
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  std::string text;
  std::array<char, 4096> buffer;
  while (const size_t n = fread(buffer.data(), 1, buffer.size(), pipe)) text.append(buffer.data(), n);
  return text + "exit " + std::to_string(WEXITSTATUS(pclose(pipe)));
}

TEST(RuntimeTest, TheExampleProgramPrintsWhatTheModelGives) {
  const std::string text = Printed("systems/runtime/example " + RmsNormBundle().Write());
  EXPECT_THAT(text, testing::StartsWith("input x: float32 [B, 8]\n"));
  EXPECT_THAT(text, testing::EndsWith("exit 0"));
  EXPECT_EQ(std::count(text.begin(), text.end(), ' '), 4 + 7 + 1);
}

TEST(RuntimeTest, TheExampleProgramInCPrintsTheSameNumbers) {
  const std::string folder = RmsNormBundle().Write();
  const std::string text = Printed("systems/runtime/example_c " + folder);
  EXPECT_THAT(text, testing::StartsWith("input x: dtype 0, [-1, 8]\n"));
  auto model = Model::Load(folder);
  ASSERT_TRUE(model.ok());
  const auto y = model->Run("", {Tensor::Of<float>({1, 8}, {1, 0, 1, 0, 1, 0, 1, 0}).view()});
  ASSERT_TRUE(y.ok());
  std::string numbers;
  for (int i = 0; i < 8; ++i) {
    char one[32];
    std::snprintf(one, sizeof one, "%s%.9g", i > 0 ? " " : "", static_cast<double>((*y)[0].view().In<float>()[i]));
    numbers += one;
  }
  EXPECT_THAT(text, testing::EndsWith("\n" + numbers + "\nexit 0"));
  EXPECT_THAT(Printed("systems/runtime/example_c /none"), testing::EndsWith("exit 1"));
}

}  // namespace
}  // namespace strata::runtime
