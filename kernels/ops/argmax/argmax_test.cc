// What is special to argmax; agreement with the reference, bits and batches are kernels/testing/conformance_test.cc.
#include "kernels/ops/argmax/argmax.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "kernels/testing/run.h"

namespace strata {
namespace {

const float kNaN = std::nanf("");
constexpr float kInf = std::numeric_limits<float>::infinity();

class ArgmaxTest : public testing::TestWithParam<std::string> {
 protected:
  int64_t Index(std::vector<float> row, bool smallest) const {
    OwnedCall sample(kArgmax);
    sample.call.inputs[0] = MakeView(row.data(), DType::kF32, {static_cast<int64_t>(row.size())});
    sample.call.attrs[0].i = smallest;
    return *RunSample(ops::argmax::kOps[0], sample, {.row = GetParam()}).views[0].In<int64_t>();
  }
};

TEST_P(ArgmaxTest, FindsTheExtremeInEveryPlace) {
  for (const size_t width : {1u, 16u, 67u, 130u}) {
    for (size_t at = 0; at < width; ++at) {
      std::vector<float> row(width, 1.0f);
      row[at] = 2;
      EXPECT_EQ(Index(row, false), static_cast<int64_t>(at)) << width;
      row[at] = -kInf;
      EXPECT_EQ(Index(row, true), static_cast<int64_t>(at)) << width;
    }
  }
}

TEST_P(ArgmaxTest, TheFirstOfEqualOnes) {
  std::vector<float> row(100, 3.0f);
  EXPECT_EQ(Index(row, false), 0);
  EXPECT_EQ(Index(row, true), 0);
  row[17] = row[18] = row[81] = 4;
  EXPECT_EQ(Index(row, false), 17);
  row[0] = -0.0f;  // equal to the zero behind it
  row[1] = 0.0f;
  EXPECT_EQ(Index(row, true), 0);
}

TEST_P(ArgmaxTest, TheFirstNaNBeforeAllElse) {
  for (const bool smallest : {false, true}) {
    std::vector<float> row(90, kInf);
    row[3] = -kInf;
    row[71] = row[40] = kNaN;
    EXPECT_EQ(Index(row, smallest), 40);
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, ArgmaxTest, testing::Values("simd", "ref"), [](const auto& info) { return info.param; });

}  // namespace
}  // namespace strata
