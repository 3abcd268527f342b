// What is special to reduce_outer; agreement with the reference, bits and batches are
// kernels/testing/conformance_test.cc.
#include "kernels/ops/reduce_outer/reduce_outer.h"

#include <gtest/gtest.h>

#include <vector>

#include "kernels/ops/reduce/reduce.h"
#include "kernels/testing/run.h"

namespace strata {
namespace {

constexpr int64_t kRows = 600, kColumns = 67;  // more rows than a block of the sum has, a part of a vector

std::vector<float> Reduced(const OpDef& op, std::vector<float>& x, std::initializer_list<int64_t> sizes,
                           Reduction operation) {
  OwnedCall sample(*op.schema);
  sample.call.inputs[0] = MakeView(x.data(), DType::kF32, sizes);
  sample.call.attrs[0].i = static_cast<int64_t>(operation);
  sample.call.attrs[1].i = 1;
  const Outputs out = RunSample(op, sample);
  const auto* y = out.views[0].In<float>();
  return {y, y + kColumns};
}

// Small whole numbers: every order of their sum is exact, so columns agree with rows to the last bit.
TEST(ReduceOuter, ColumnsAreTheRowsOfTheTransposedMatrix) {
  std::vector<float> x(kRows * kColumns), transposed(kRows * kColumns);
  for (int64_t r = 0; r < kRows; ++r) {
    for (int64_t c = 0; c < kColumns; ++c) {
      const float v = static_cast<float>((r * 31 + c * 17) % 23 - 11);
      x[static_cast<size_t>(r * kColumns + c)] = v;
      transposed[static_cast<size_t>(c * kRows + r)] = v;
    }
  }
  for (const Reduction operation :
       {Reduction::kSum, Reduction::kMean, Reduction::kMax, Reduction::kMin, Reduction::kSumSquares}) {
    EXPECT_EQ(Reduced(ops::reduce_outer::kOps[0], x, {1, kRows, kColumns}, operation),
              Reduced(ops::reduce::kOps[0], transposed, {kColumns, kRows}, operation))
        << static_cast<int>(operation);
  }
}

}  // namespace
}  // namespace strata
