// What the generated calls cannot draw: contexts of any length. (That the bits are attention's:
// paged_attention_test.py.)
#include "kernels/ops/paged_attention/paged_attention.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "kernels/testing/conformance.h"

namespace strata {
namespace {

struct Shape {
  std::vector<int64_t> queries, keys;  // of the sequences
  int64_t heads, key_heads, width, block;
  bool causal;
  int64_t left;
};

void PutInts(OwnedCall& sample, int input, std::initializer_list<int64_t> sizes, const std::vector<int64_t>& values) {
  TensorView& view = sample.call.inputs[static_cast<size_t>(input)];
  view.dtype = DType::kI64;
  view.SetSizes(sizes);
  sample.Allocate(view, 0);
  for (size_t i = 0; i < values.size(); ++i) view.Out<int64_t>()[i] = values[i];
}

OwnedCall MakePaged(DType dtype, const Shape& shape) {
  OwnedCall sample(kPagedAttention);
  std::mt19937_64 random(3);
  const auto sequences = static_cast<int64_t>(shape.queries.size());
  int64_t blocks = 1;  // of the longest sequence
  std::vector<int64_t> offsets = {0}, tables;
  for (size_t b = 0; b < shape.queries.size(); ++b) {
    offsets.push_back(offsets.back() + shape.queries[b]);
    blocks = std::max(blocks, (shape.keys[b] + shape.block - 1) / shape.block);
  }
  const int64_t pool = sequences * blocks + 1;
  for (int64_t i = 0; i < sequences * blocks; ++i) tables.push_back((i * 7 + 3) % pool);
  sample.call.inputs[0] = RandomTensor(sample, dtype, {offsets.back(), shape.heads, shape.width}, random, false);
  for (size_t cache = 1; cache <= 2; ++cache) {
    sample.call.inputs[cache] =
        RandomTensor(sample, dtype, {pool, shape.block, shape.key_heads, shape.width}, random, false);
  }
  PutInts(sample, 3, {sequences + 1}, offsets);
  PutInts(sample, 4, {sequences, blocks}, tables);
  PutInts(sample, 5, {sequences}, shape.keys);
  sample.call.attrs[1].i = shape.causal;
  sample.call.attrs[2].i = shape.left;
  return sample;
}

TEST(PagedAttentionTest, DecodesAndChunksAgreeWithTheReferenceAndWithThemselves) {
  const std::vector<Shape> shapes = {
      {{1, 1, 1}, {300, 17, 1}, 8, 2, 32, 16, true, -1},
      {{1}, {700}, 6, 6, 20, 5, true, -1},
      {{40, 1, 0, 7}, {300, 17, 9, 7}, 4, 2, 64, 16, true, -1},
      {{3, 20}, {150, 20}, 2, 1, 33, 7, true, 30},
      {{3, 20}, {150, 0}, 2, 1, 8, 16, false, -1},
      {{9}, {130}, 1, 1, 300, 128, true, -1},
  };
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF64}) {
    for (const Shape& shape : shapes) {
      EXPECT_EQ(CheckAll(ops::paged_attention::kOps[0], MakePaged(dtype, shape)), "") << NameOf(dtype) << shape.width;
    }
  }
}

TEST(PagedAttentionTest, AQuerySeesTheKeysOfItsContextAndWindowAlone) {
  constexpr int64_t kQueries = 4, kKeys = 12, kBlock = 5;
  for (const bool causal : {false, true}) {
    for (const int64_t left : {-1, 0, 3}) {
      const OwnedCall sample = MakePaged(DType::kF32, {{kQueries}, {kKeys}, 1, 1, kKeys, kBlock, causal, left});
      const TensorView &cache = sample.call.inputs[2], &table = sample.call.inputs[4];
      for (int64_t i = 0; i < cache.numel(); ++i) cache.Out<float>()[i] = 1000;  // of nobody's keys
      for (int64_t i = 0; i < kKeys * kKeys; ++i) {
        const int64_t key = i / kKeys, row = table.In<int64_t>()[key / kBlock] * kBlock + key % kBlock;
        cache.Out<float>()[row * kKeys + i % kKeys] = i % (kKeys + 1) == 0;  // y[i, j] is key j's weight
      }
      const Outputs got = RunSample(ops::paged_attention::kOps[0], sample);
      for (int64_t i = 0; i < kQueries * kKeys; ++i) {
        const int64_t place = i / kKeys + kKeys - kQueries, key = i % kKeys;
        const float y = got.views[0].In<float>()[i];
        EXPECT_EQ(y > 0, (!causal || key <= place) && (left < 0 || key >= place - left)) << i << causal << left;
        EXPECT_LE(y, 1) << "a key behind the context";
      }
    }
  }
}

}  // namespace
}  // namespace strata
