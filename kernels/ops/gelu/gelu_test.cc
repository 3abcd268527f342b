// What is special to gelu; agreement with the reference, bits and batches are kernels/testing/conformance_test.cc.
#include "kernels/ops/gelu/gelu.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/testing/run.h"

namespace strata {
namespace {

// The gradient at one point, or with `schema` kGelu the value.
double At(const OpDef& op, double x, GeluApproximation approximate) {
  double one = 1;
  OwnedCall sample(*op.schema);
  const TensorView view = MakeView(&x, DType::kF64, {1});
  sample.call.inputs[0] = op.schema == &kGelu ? view : MakeView(&one, DType::kF64, {1});
  sample.call.inputs[1] = view;
  if (op.schema == &kGelu) sample.call.inputs[1] = {};
  sample.call.attrs[0].i = static_cast<int64_t>(approximate);
  return RunSample(op, sample).views[0].In<double>()[0];
}

class GeluTest : public testing::TestWithParam<GeluApproximation> {};

TEST_P(GeluTest, LargeInputsPassAndLargeNegativeOnesVanish) {
  const OpDef& op = ops::gelu::kOps[0];
  EXPECT_EQ(At(op, 0, GetParam()), 0);
  EXPECT_EQ(At(op, 50, GetParam()), 50);
  EXPECT_EQ(At(op, -50, GetParam()), 0);
  EXPECT_TRUE(std::isnan(At(op, std::nan(""), GetParam())));
}

TEST_P(GeluTest, TheGradientIsTheSlope) {
  constexpr double kStep = 1e-5;
  for (const double x : {-3.0, -0.75, -0.1, 0.0, 0.3, 1.0, 2.5, 6.0}) {
    const double slope =
        (At(ops::gelu::kOps[0], x + kStep, GetParam()) - At(ops::gelu::kOps[0], x - kStep, GetParam()));
    EXPECT_NEAR(At(ops::gelu::kOps[1], x, GetParam()), slope / (2 * kStep), 1e-9) << x;
  }
}

INSTANTIATE_TEST_SUITE_P(Both, GeluTest, testing::Values(GeluApproximation::kNone, GeluApproximation::kTanh));

}  // namespace
}  // namespace strata
