// What holds for every operator of the table, checked on random calls made from its schema:
// every row agrees with the reference; rows of one numerics class, SIMD targets, thread counts, prepared weights,
// memory layout, running in place and batch neighbours never change a bit.
#include "kernels/testing/conformance.h"

#include <gtest/gtest.h>

#include "kernels/ops/in_place.h"
#include "kernels/ops/registry.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

constexpr int kSamples = 40;

struct Case {
  const OpDef* op;
  DType dtype;
};

class Conformance : public testing::TestWithParam<Case> {
 protected:
  using Check = std::string (*)(const OpDef&, const OwnedCall&);

  // Runs the check on random calls; a failure names the sample.
  void ForSamples(Check check, SampleOptions options = {}) {
    const OpSchema& schema = *GetParam().op->schema;
    options.dtype = GetParam().dtype;
    for (int seed = 0; seed < kSamples; ++seed) {
      std::mt19937_64 random(static_cast<uint64_t>(seed) + 1);
      options.index_dtype = seed % 2 ? DType::kI32 : DType::kI64;
      const OwnedCall sample = RandomCall(schema, random, options);
      std::string shapes;
      for (size_t i = 0; i < static_cast<size_t>(schema.num_inputs); ++i) {
        const TensorView& view = sample.call.inputs[i];
        shapes += " " + std::string(schema.inputs[i].name) + (view.present() ? ShapeText(view) : "-");
        for (const TensorView& element : sample.lists[i]) shapes += ShapeText(element);
      }
      for (size_t i = 0; i < static_cast<size_t>(schema.num_attrs); ++i) {
        const AttrValue value = sample.call.attrs[i];
        shapes += " " + std::string(schema.attrs[i].name) + "=" +
                  (schema.attrs[i].kind == AttrKind::kFloat ? std::to_string(value.f) : std::to_string(value.i));
      }
      ASSERT_EQ(check(*GetParam().op, sample), "") << "sample " << seed << ":" << shapes;
    }
  }
};

TEST_P(Conformance, RowsAgreeWithTheReference) { ForSamples(CheckRows); }

TEST_P(Conformance, SameBitsOnEverySimdTarget) {
  if (SimdTargets().size() < 2) GTEST_SKIP() << "this processor has one usable SIMD target";
  ForSamples(CheckTargets);
  ForSamples(CheckTargets, {.specials = true});
}

TEST_P(Conformance, SameBitsOnAnyNumberOfThreads) { ForSamples(CheckThreads); }

TEST_P(Conformance, SameBitsPastTheCaches) {
  ForSamples(CheckStreaming);
  ForSamples(CheckStreaming, {.whole_lines = true});
}

TEST_P(Conformance, SameBitsFromAnyMemoryLayout) { ForSamples(CheckLayout); }

TEST_P(Conformance, SameBitsFromPreparedArguments) { ForSamples(CheckPrepared); }

TEST_P(Conformance, SameBitsInPlace) {
  ForSamples(CheckInPlace);
  ForSamples(CheckInPlace, {.whole_lines = true});
}

TEST_P(Conformance, WorkingMemoryFollowsFromShapes) { ForSamples(CheckWorkspace); }

TEST_P(Conformance, SameBitsAloneAndInABatch) { ForSamples(CheckBatch); }

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const OpDef* op : AllOps()) {
    for (int i = 0; i < kNumDTypes; ++i) {
      const auto dtype = static_cast<DType>(i);
      if (Drawable(*op) && TakesDType(*op, dtype)) cases.push_back({op, dtype});
    }
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(All, Conformance, testing::ValuesIn(Cases()), [](const auto& info) {
  return std::string(info.param.op->schema->name) + "_" + std::string(NameOf(info.param.dtype));
});

TEST(Table, EveryOperatorHasAReference) {
  EXPECT_FALSE(AllOps().empty());
  for (const OpDef* op : AllOps()) {
    EXPECT_EQ(op->variants.back().name, "ref") << op->schema->name;
    EXPECT_EQ(FindOp(op->schema->name), op) << "two operators are named " << op->schema->name;
  }
}

TEST(Table, EveryPairThatMayRunInPlaceIsOfAnOperator) {
  for (const InPlacePair& pair : InPlacePairs()) {
    const OpDef* op = FindOp(pair.op);
    ASSERT_NE(op, nullptr) << pair.op;
    EXPECT_GE(op->schema->FindInput(pair.input), 0) << pair.op << " " << pair.input;
    bool found = false;
    for (int o = 0; o < op->schema->num_outputs; ++o) {
      found |= op->schema->outputs[static_cast<size_t>(o)].name == pair.output;
    }
    EXPECT_TRUE(found) << pair.op << " " << pair.output;
  }
}

}  // namespace
}  // namespace strata
