#include "kernels/ops/attention/attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "kernels/core/scalar.h"
#include "kernels/testing/compare.h"
#include "kernels/testing/conformance.h"
#include "kernels/testing/run.h"
#include "kernels/testing/slope.h"

namespace strata {
namespace {

const OpDef& Forward() { return ops::attention::kOps[0]; }

void Set(const TensorView& view, int64_t i, double value) {
  if (view.dtype == DType::kF32) view.Out<float>()[i] = static_cast<float>(value);
  if (view.dtype == DType::kF64) view.Out<double>()[i] = value;
  if (view.dtype == DType::kBF16) view.Out<BF16>()[i] = ToBF16(static_cast<float>(value));
}

struct Shape {
  std::vector<int64_t> queries, keys;  // of the runs
  int64_t heads = 2, key_heads = 2, width = 20, bias_heads = 0, bias_width = 0;
  bool causal = false;
  int64_t left = -1, right = -1;
};

int64_t Sum(const std::vector<int64_t>& lengths) { return std::accumulate(lengths.begin(), lengths.end(), int64_t{0}); }

// Queries and keys are slices of wider tensors, as fused projections give them.
OwnedCall MakeAttention(const OpSchema& schema, DType dtype, const Shape& shape) {
  OwnedCall sample(schema);
  std::mt19937_64 random(5);
  const auto fill = [&](std::string_view name, DType type, std::initializer_list<int64_t> sizes, int64_t gap) {
    TensorView whole;
    whole.dtype = type;
    whole.SetSizes(sizes);
    whole.sizes[static_cast<size_t>(whole.rank - 1)] += gap;
    whole.MakeContiguous();
    sample.Allocate(whole, 1);
    for (int64_t i = 0; i < whole.numel(); ++i) {
      Set(whole, i, static_cast<double>(random() >> 11) * 0x1p-52 - 1 + 0.01 * static_cast<double>(i % 13));
    }
    whole.sizes[static_cast<size_t>(whole.rank - 1)] -= gap;
    sample.call.inputs[static_cast<size_t>(schema.FindInput(name))] = whole;
  };
  const auto offsets = [&](std::string_view name, const std::vector<int64_t>& lengths) {
    TensorView& view = sample.call.inputs[static_cast<size_t>(schema.FindInput(name))];
    view.dtype = DType::kI32;
    view.SetSizes({static_cast<int64_t>(lengths.size()) + 1});
    sample.Allocate(view, 0);
    int32_t at = 0;
    for (size_t b = 0; b <= lengths.size(); ++b) {
      view.Out<int32_t>()[b] = at;
      if (b < lengths.size()) at += static_cast<int32_t>(lengths[b]);
    }
  };
  const int64_t n = Sum(shape.queries), m = Sum(shape.keys);
  fill("q", dtype, {n, shape.heads, shape.width}, 7);
  fill("k", dtype, {m, shape.key_heads, shape.width}, 7);
  fill("v", dtype, {m, shape.key_heads, shape.width}, 0);
  if (shape.bias_heads > 0) fill("bias", dtype, {n, shape.bias_heads, shape.bias_width}, 0);
  if (schema.FindInput("grad_y") >= 0) {
    fill("grad_y", dtype, {n, shape.heads, shape.width}, 0);
    fill("grad_lse", WideOf(dtype), {n, shape.heads}, 0);
    fill("lse", WideOf(dtype), {n, shape.heads}, 0);
  }
  offsets("cu_seqlens", shape.queries);
  offsets("cu_seqlens_k", shape.keys);
  sample.call.attrs[1].i = shape.causal;
  sample.call.attrs[2].i = shape.left;
  sample.call.attrs[3].i = shape.right;
  return sample;
}

// Every mode, with runs of more than a block and of none.
std::vector<Shape> Shapes() {
  return {
      {.queries = {300, 0, 1, 17}, .keys = {300, 0, 1, 17}},
      {.queries = {150, 0, 1, 17}, .keys = {150, 0, 1, 17}, .causal = true},
      {.queries = {3, 40, 5}, .keys = {290, 20, 0}, .heads = 6, .key_heads = 2, .width = 33, .causal = true},
      {.queries = {200}, .keys = {200}, .heads = 2, .key_heads = 1, .causal = true, .left = 21},
      {.queries = {70, 9}, .keys = {290, 9}, .left = 140, .right = 3},
      {.queries = {70, 9}, .keys = {200, 9}, .heads = 4, .bias_heads = 1, .bias_width = 190},
      {.queries = {70, 9},
       .keys = {150, 9},
       .heads = 4,
       .bias_heads = 2,
       .bias_width = 150,
       .causal = true,
       .left = 30},
      {.queries = {20}, .keys = {40}, .heads = 1, .key_heads = 1, .width = 300},
  };
}

constexpr DType kDTypes[] = {DType::kF32, DType::kBF16, DType::kF64};

TEST(AttentionTest, EveryModeAgreesWithTheReferenceAndWithItself) {
  for (const OpDef& op : ops::attention::kOps) {
    for (const DType dtype : kDTypes) {
      for (const Shape& shape : Shapes()) {
        const OwnedCall sample = MakeAttention(*op.schema, dtype, shape);
        EXPECT_EQ(CheckAll(op, sample), "") << op.schema->name << " " << NameOf(dtype);
      }
    }
  }
}

// A row's bits depend on the keys that it sees alone: not on where its queries are cut into calls, as a chunked prefill
// does, nor on keys outside its window.
TEST(AttentionTest, AChunkOfAPromptHasTheBitsOfTheWholePrompt) {
  for (const DType dtype : kDTypes) {
    const Shape shape{.queries = {300}, .keys = {300}, .heads = 4, .key_heads = 2, .causal = true};
    const OwnedCall whole = MakeAttention(kAttention, dtype, shape);
    const Outputs want = RunSample(Forward(), whole);
    for (const auto& [first, count] : {std::pair<int64_t, int64_t>{0, 100}, {100, 33}, {299, 1}}) {
      OwnedCall part = MakeAttention(kAttention, dtype, {.queries = {count}, .keys = {first + count}, .heads = 4});
      part.call.attrs = whole.call.attrs;
      for (size_t t = 0; t < 3; ++t) {
        const int64_t rows = part.call.inputs[t].size(0);
        part.call.inputs[t] = whole.call.inputs[t];
        part.call.inputs[t].sizes[0] = rows;
      }
      part.call.inputs[0].data = static_cast<std::byte*>(whole.call.inputs[0].data) +
                                 static_cast<size_t>(first * whole.call.inputs[0].stride(0)) * SizeOf(dtype);
      const Outputs got = RunSample(Forward(), part);
      TensorView rows = want.views[0];
      rows.sizes[0] = count;
      rows.data = static_cast<std::byte*>(rows.data) + static_cast<size_t>(first * rows.stride(0)) * SizeOf(dtype);
      EXPECT_EQ(DifferentBits(got.views[0], rows), "") << first;
    }
  }
}

TEST(AttentionTest, EqualKeysGiveTheMeanOfTheValues) {
  const OwnedCall sample =
      MakeAttention(kAttention, DType::kF64, {.queries = {70}, .keys = {70}, .heads = 1, .key_heads = 1, .width = 8});
  const TensorView &k = sample.call.inputs[1], &v = sample.call.inputs[2];
  for (int64_t i = 0; i < 70 * 8; ++i) Set(k, i / 8 * k.stride(0) + i % 8, 0.5);
  const Outputs got = RunSample(Forward(), sample);
  for (int64_t d = 0; d < 8; ++d) {
    double mean = 0;
    for (int64_t j = 0; j < 70; ++j) mean += v.In<double>()[j * v.stride(0) + d] / 70;
    for (int64_t i = 0; i < 70; ++i) EXPECT_NEAR(got.views[0].In<double>()[i * 8 + d], mean, 1e-14);
  }
}

TEST(AttentionTest, ANanStaysInItsRunAndBehindTheMask) {
  const OwnedCall sample =
      MakeAttention(kAttention, DType::kF32,
                    {.queries = {20, 300}, .keys = {20, 300}, .heads = 1, .key_heads = 1, .width = 8, .causal = true});
  const Outputs clean = RunSample(Forward(), sample);
  const TensorView& v = sample.call.inputs[2];
  Set(v, (20 + 290) * v.stride(0), std::numeric_limits<double>::quiet_NaN());
  const TensorView& k = sample.call.inputs[1];
  Set(k, 7 * k.stride(0), std::numeric_limits<double>::quiet_NaN());
  const Outputs got = RunSample(Forward(), sample);
  for (int64_t i = 0; i < 320 * 8; ++i) {
    const float y = got.views[0].In<float>()[i];
    const bool hit = (i / 8 >= 310 && i % 8 == 0) || (i / 8 >= 7 && i / 8 < 20);
    if (hit) {
      EXPECT_TRUE(std::isnan(y)) << i / 8;
    } else {
      EXPECT_EQ(y, clean.views[0].In<float>()[i]) << i / 8;
    }
  }
}

TEST(AttentionTest, LargeScoresDoNotOverflow) {
  OwnedCall sample = MakeAttention(kAttention, DType::kF32,
                                   {.queries = {600}, .keys = {600}, .heads = 1, .key_heads = 1, .width = 16});
  sample.call.attrs[0].f = 400;
  const Outputs want = RunSample(Forward(), sample, {.row = "ref"}), got = RunSample(Forward(), sample);
  // A score of 2,000 is known to 1e-4, so that a weight is, too.
  for (int64_t i = 0; i < 600 * 16; ++i) {
    EXPECT_NEAR(got.views[0].In<float>()[i], want.views[0].In<float>()[i], 4e-3);
  }
}

TEST(AttentionTest, AQueryThatSeesNoKeyGivesZeros) {
  // Three queries, one key: the first two stand before it.
  const OwnedCall sample =
      MakeAttention(kAttention, DType::kF32, {.queries = {3}, .keys = {1}, .heads = 1, .key_heads = 1, .causal = true});
  const Outputs got = RunSample(Forward(), sample);
  for (int64_t i = 0; i < 3 * 20; ++i) {
    EXPECT_EQ(got.views[0].In<float>()[i], i < 40 ? 0 : sample.call.inputs[2].In<float>()[i - 40]);
  }
  EXPECT_EQ(got.views[1].In<float>()[0], -std::numeric_limits<float>::infinity());
}

TEST(AttentionTest, TheGradientIsTheSlope) {
  EXPECT_EQ(CheckSlopes(ops::attention::kOps[0], ops::attention::kOps[1]), "");
}

TEST(AttentionTest, AQuerySeesTheKeysOfItsWindowAlone) {
  constexpr int64_t kQueries = 7, kKeys = 12;
  for (const bool causal : {false, true}) {
    for (const auto& [left, right] : {std::pair<int64_t, int64_t>{-1, -1}, {0, 0}, {3, -1}, {-1, 2}, {4, 1}}) {
      const OwnedCall sample = MakeAttention(kAttention, DType::kF32,
                                             {.queries = {kQueries},
                                              .keys = {kKeys},
                                              .heads = 1,
                                              .key_heads = 1,
                                              .width = kKeys,
                                              .causal = causal,
                                              .left = left,
                                              .right = right});
      const TensorView& v = sample.call.inputs[2];  // key j's is 1 at j: y[i, j] is its weight
      for (int64_t i = 0; i < kKeys * kKeys; ++i) Set(v, i / kKeys * v.stride(0) + i % kKeys, i % (kKeys + 1) == 0);
      const Outputs got = RunSample(Forward(), sample);
      for (int64_t i = 0; i < kQueries * kKeys; ++i) {
        const int64_t place = i / kKeys + kKeys - kQueries, key = i % kKeys;
        const bool seen =
            (!causal || key <= place) && (left < 0 || key >= place - left) && (right < 0 || key <= place + right);
        EXPECT_EQ(got.views[0].In<float>()[i] > 0, seen) << i << " causal " << causal << left << right;
      }
    }
  }
}

}  // namespace
}  // namespace strata
