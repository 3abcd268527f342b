// What is special to top_k; agreement with the reference, bits and batches are kernels/testing/conformance_test.cc.
#include "kernels/ops/top_k/top_k.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "kernels/testing/run.h"
#include "kernels/testing/slope.h"

namespace strata {
namespace {

struct Found {
  std::vector<float> values;
  std::vector<int64_t> indices;
};

Found TopK(std::vector<float>& row, int64_t k, bool smallest) {
  OwnedCall sample(kTopK);
  sample.call.inputs[0] = MakeView(row.data(), DType::kF32, {static_cast<int64_t>(row.size())});
  sample.call.attrs[0].i = k;
  sample.call.attrs[1].i = smallest;
  const Outputs out = RunSample(ops::top_k::kOps[0], sample);
  const auto* values = out.views[0].In<float>();
  const auto* indices = out.views[1].In<int64_t>();
  return {{values, values + k}, {indices, indices + k}};
}

TEST(TopK, AllOfThemIsAStableSort) {
  std::mt19937 random(1);
  std::vector<float> row(777);
  for (float& v : row) v = static_cast<float>(random() % 100);  // many equal ones
  for (const bool smallest : {false, true}) {
    std::vector<int64_t> want(row.size());
    for (size_t i = 0; i < want.size(); ++i) want[i] = static_cast<int64_t>(i);
    std::stable_sort(want.begin(), want.end(), [&](int64_t a, int64_t b) {
      const float x = row[static_cast<size_t>(a)], y = row[static_cast<size_t>(b)];
      return smallest ? x < y : x > y;
    });
    for (const int64_t k : {int64_t{0}, int64_t{1}, int64_t{10}, int64_t{777}}) {
      const Found found = TopK(row, k, smallest);
      EXPECT_TRUE(std::equal(found.indices.begin(), found.indices.end(), want.begin())) << k << " " << smallest;
      for (size_t j = 0; j < found.values.size(); ++j) {
        EXPECT_EQ(found.values[j], row[static_cast<size_t>(found.indices[j])]);
      }
    }
  }
}

TEST(TopK, ANaNIsTheLargest) {
  std::vector<float> row = {1, std::nanf(""), HUGE_VALF, 2};
  EXPECT_EQ(TopK(row, 2, false).indices, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(TopK(row, 4, true).indices, (std::vector<int64_t>{0, 3, 2, 1}));
}

TEST(TopK, TheGradientIsTheSlope) { EXPECT_EQ(CheckSlopes(ops::top_k::kOps[0], ops::top_k::kOps[1]), ""); }

TEST(TopK, TheLargestAndTheSmallestAreFoundInEveryPlace) {
  for (const size_t width : {1u, 16u, 67u, 300u}) {
    for (size_t at = 0; at < width; ++at) {
      std::vector<float> row(width, 1.0f);
      row[at] = 2;
      EXPECT_EQ(TopK(row, std::min<int64_t>(2, static_cast<int64_t>(width)), false).indices[0],
                static_cast<int64_t>(at));
      row[at] = 0;
      EXPECT_EQ(TopK(row, 1, true).indices[0], static_cast<int64_t>(at));
    }
  }
}

}  // namespace
}  // namespace strata
