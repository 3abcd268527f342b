// What is special to log_softmax; agreement with the reference, bits and batches are
// kernels/testing/conformance_test.cc, masked rows log_softmax_test.py.
#include "kernels/ops/log_softmax/log_softmax.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/testing/float_call.h"
#include "kernels/testing/slope.h"

namespace strata {
namespace {

std::vector<float> LogSoftmax(const std::vector<float>& row) {
  return FloatCall(ops::log_softmax::kOps[0]).Arg({1, static_cast<int64_t>(row.size())}, row).Run()[0];
}

TEST(LogSoftmax, TheExponentialsOfARowSumToOne) {
  for (const int width : {1, 7, 64, 65, 1500}) {
    double sum = 0;
    for (float v : LogSoftmax(Uneven(width, 0.125f))) sum += std::exp(double{v});
    EXPECT_NEAR(sum, 1, 1e-6) << width;
  }
}

TEST(LogSoftmax, ShiftingARowChangesNoBit) {  // of numbers whose differences are exact
  std::vector<float> row = Uneven(97, 0.125f);
  const std::vector<float> want = LogSoftmax(row);
  for (float& v : row) v += 1024;
  EXPECT_EQ(LogSoftmax(row), want);
}

TEST(LogSoftmax, TheGradientsOfARowSumToZero) {
  for (const int width : {1, 7, 64, 65, 1500}) {
    const std::vector<float> y = LogSoftmax(Uneven(width, 0.0625f));
    const auto grads =
        FloatCall(ops::log_softmax::kOps[1]).Arg({1, width}, Uneven(width, 0.5f)).Arg({1, width}, y).Run()[0];
    double sum = 0, terms = 0;
    for (float v : grads) sum += v, terms += std::abs(v);
    EXPECT_NEAR(sum, 0, 2e-6 * terms + 1e-5) << width;
  }
}

TEST(LogSoftmax, TheGradientIsTheSlope) {
  EXPECT_EQ(CheckSlopes(ops::log_softmax::kOps[0], ops::log_softmax::kOps[1]), "");
}

TEST(LogSoftmax, DifferencesInARowStay) {
  const std::vector<float> row = Uneven(97, 0.125f), y = LogSoftmax(row);
  for (size_t i = 1; i < row.size(); ++i) EXPECT_NEAR(y[i] - y[0], row[i] - row[0], 2e-6) << i;
}

}  // namespace
}  // namespace strata
