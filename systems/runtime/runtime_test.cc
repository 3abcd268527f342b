#include "systems/runtime/runtime.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

TEST(RuntimeTest, TheExampleProgramPrintsWhatTheModelGives) {
  const std::string folder = RmsNormBundle().Write();
  FILE* pipe = popen(("systems/runtime/example " + folder).c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::string text;
  std::array<char, 4096> buffer;
  while (const size_t n = fread(buffer.data(), 1, buffer.size(), pipe)) text.append(buffer.data(), n);
  EXPECT_EQ(pclose(pipe), 0);
  EXPECT_THAT(text, testing::StartsWith("input x: float32 [B, 8]\n"));
  EXPECT_EQ(std::count(text.begin(), text.end(), ' '), 4 + 7);
}

}  // namespace
}  // namespace strata::runtime
