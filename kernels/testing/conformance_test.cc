// What holds for every operator of the table, checked on random calls made from its schema:
// every row agrees with the reference; SIMD targets, thread counts, prepared weights, memory layout and batch
// neighbours never change a bit.
#include <gtest/gtest.h>

#include "kernels/ops/registry.h"
#include "kernels/simd/targets.h"
#include "kernels/testing/compare.h"
#include "kernels/testing/run.h"

namespace strata {
namespace {

constexpr int kSamples = 40;

struct Case {
  const OpDef* op;
  DType dtype;
};

class Conformance : public testing::TestWithParam<Case> {
 protected:
  const OpDef& op() const { return *GetParam().op; }
  const OpSchema& schema() const { return *op().schema; }

  // Calls check(sample) on random calls; a failure names the sample.
  template <class Check>
  void ForSamples(int count, SampleOptions options, Check check) {
    options.dtype = GetParam().dtype;
    for (int seed = 0; seed < count; ++seed) {
      std::mt19937_64 random(static_cast<uint64_t>(seed) + 1);
      options.index_dtype = seed % 2 ? DType::kI32 : DType::kI64;
      const OwnedCall sample = RandomCall(schema(), random, options);
      std::string shapes;
      for (int i = 0; i < schema().num_inputs; ++i) {
        const TensorView& view = sample.call.inputs[static_cast<size_t>(i)];
        shapes +=
            " " + std::string(schema().inputs[static_cast<size_t>(i)].name) + (view.present() ? ShapeText(view) : "-");
      }
      SCOPED_TRACE("sample " + std::to_string(seed) + ":" + shapes);
      check(sample);
      if (HasFailure()) return;
    }
  }
};

TEST_P(Conformance, AgreesWithTheReference) {
  ForSamples(kSamples, {}, [&](const OwnedCall& sample) {
    const Outputs want = RunSample(op(), sample, {.row = "ref"});
    EXPECT_EQ(TooFar(sample, RunSample(op(), sample), want), "");
  });
}

TEST_P(Conformance, SameBitsOnEverySimdTarget) {
  const std::vector<std::string> targets = SimdTargets();
  if (targets.size() < 2) GTEST_SKIP() << "this processor has one usable SIMD target";
  for (const bool specials : {false, true}) {
    ForSamples(kSamples, {.specials = specials}, [&](const OwnedCall& sample) {
      const Outputs want = RunSample(op(), sample, {.target = targets[0]});
      for (size_t t = 1; t < targets.size(); ++t) {
        EXPECT_EQ(DifferentBits(schema(), RunSample(op(), sample, {.target = targets[t]}), want), "") << targets[t];
      }
    });
  }
}

TEST_P(Conformance, SameBitsOnAnyNumberOfThreads) {
  ForSamples(kSamples, {}, [&](const OwnedCall& sample) {
    const Outputs want = RunSample(op(), sample);
    for (int threads : {2, 7}) {
      EXPECT_EQ(DifferentBits(schema(), RunSample(op(), sample, {.threads = threads}), want), "") << threads;
    }
  });
}

TEST_P(Conformance, SameBitsFromAnyMemoryLayout) {
  ForSamples(kSamples, {}, [&](const OwnedCall& sample) {
    EXPECT_EQ(DifferentBits(schema(), RunSample(op(), sample), RunSample(op(), Compact(sample))), "");
  });
}

TEST_P(Conformance, SameBitsFromPreparedArguments) {
  if (op().prepare.input < 0) return;
  ForSamples(kSamples, {}, [&](const OwnedCall& sample) {
    EXPECT_EQ(DifferentBits(schema(), RunSample(op(), sample, {.prepared = true}), RunSample(op(), sample)), "");
  });
}

// Rows of `whole` from `first`, as a view.
TensorView RowsOf(const TensorView& whole, int leading, int64_t first, const TensorView& like) {
  int64_t inner = 1;
  for (int d = leading; d < whole.rank; ++d) inner *= whole.size(d);
  TensorView view = like;
  view.data = static_cast<std::byte*>(whole.data) + static_cast<size_t>(first * inner) * SizeOf(whole.dtype);
  return view;
}

TEST_P(Conformance, SameBitsAloneAndInABatch) {
  ForSamples(kSamples, {}, [&](const OwnedCall& drawn) {
    const OwnedCall sample = Compact(drawn);
    const Outputs whole = RunSample(op(), sample);
    for (const Part& part : SplitBatch(sample, 6)) {
      const Outputs alone = RunSample(op(), part.call);
      for (int i = 0; i < schema().num_outputs; ++i) {
        const ArgSpec& arg = schema().outputs[static_cast<size_t>(i)];
        bool by_segment = false;
        if (!FollowsBatch(schema(), arg, &by_segment)) continue;
        const TensorView &all = whole.views[static_cast<size_t>(i)], &got = alone.views[static_cast<size_t>(i)];
        const TensorView want =
            RowsOf(all, arg.leading ? all.rank - arg.rank : 1, by_segment ? part.first_segment : part.first_row, got);
        EXPECT_EQ(DifferentBits(got, want), "") << arg.name << " rows from " << part.first_row;
      }
    }
  });
}

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const OpDef* op : AllOps()) {
    for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF64}) cases.push_back({op, dtype});
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

}  // namespace
}  // namespace strata
