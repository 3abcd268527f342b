// append_kv: everything that conformance_test checks of other operators, and which tables and lengths are refused.
#include "kernels/ops/append_kv/append_kv.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include "kernels/testing/conformance.h"

namespace strata {
namespace {

const OpDef& kOp = ops::append_kv::kOps[0];

struct Shape {
  std::vector<int64_t> rows, keys;  // of the sequences
  int64_t heads, width, block;
};

void PutInts(OwnedCall& sample, size_t input, std::initializer_list<int64_t> sizes,
             const std::vector<int64_t>& values) {
  TensorView& view = sample.call.inputs[input];
  view.dtype = DType::kI64;
  view.SetSizes(sizes);
  sample.Allocate(view, 0);
  for (size_t i = 0; i < values.size(); ++i) view.Out<int64_t>()[i] = values[i];
}

OwnedCall MakeAppend(DType dtype, const Shape& shape) {
  OwnedCall sample(kAppendKv);
  std::mt19937_64 random(5);
  const auto sequences = static_cast<int64_t>(shape.rows.size());
  int64_t blocks = 1;
  std::vector<int64_t> offsets = {0}, tables;
  for (size_t b = 0; b < shape.rows.size(); ++b) {
    offsets.push_back(offsets.back() + shape.rows[b]);
    blocks = std::max(blocks, (shape.keys[b] + shape.block - 1) / shape.block);
  }
  const int64_t pool = sequences * blocks + 1;
  for (int64_t i = 0; i < sequences * blocks; ++i) tables.push_back((i * 7 + 3) % pool);
  for (size_t cache = 0; cache < 2; ++cache) {
    sample.call.inputs[cache] =
        RandomTensor(sample, dtype, {pool, shape.block, shape.heads, shape.width}, random, true);
    sample.call.inputs[2 + cache] =
        RandomTensor(sample, dtype, {offsets.back(), shape.heads, shape.width}, random, true);
  }
  PutInts(sample, 4, {sequences + 1}, offsets);
  PutInts(sample, 5, {sequences, blocks}, tables);
  PutInts(sample, 6, {sequences}, shape.keys);
  return sample;
}

TEST(AppendKv, AgreesWithTheReferenceOnAnyNumberOfThreads) {
  const std::vector<Shape> shapes = {
      {{1, 1, 1}, {300, 17, 1}, 8, 32, 16},
      {{40, 1, 0, 7}, {300, 17, 9, 7}, 2, 65, 16},
      {{700}, {700}, 7, 64, 5},
      {{3, 20}, {150, 20}, 1, 1, 7},
      {{0}, {0}, 2, 4, 16},
  };
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF64}) {
    for (const Shape& shape : shapes) {
      EXPECT_EQ(CheckAll(kOp, MakeAppend(dtype, shape)), "") << NameOf(dtype) << shape.width;
    }
  }
}

TEST(AppendKv, TheLaterOfTwoRowsStaysWhateverTheThreads) {
  OwnedCall sample = MakeAppend(DType::kF32, {{400, 400}, {400, 400}, 8, 64, 16});
  TensorView& tables = sample.call.inputs[5];
  std::memcpy(tables.Out<int64_t>() + 25, tables.In<int64_t>(), 25 * sizeof(int64_t));
  EXPECT_EQ(CheckRows(kOp, sample), "");
  EXPECT_EQ(CheckThreads(kOp, sample), "");
}

// The error's words; nothing may have been written.
std::string Refusal(OwnedCall sample) {
  const TensorView& cache = sample.call.inputs[0];
  const size_t bytes = static_cast<size_t>(cache.numel()) * SizeOf(cache.dtype);
  std::vector<std::byte> before(bytes);
  std::memcpy(before.data(), cache.data, bytes);
  Outputs outputs;
  const Status status = TrySample(kOp, sample, {}, &outputs);
  EXPECT_EQ(std::memcmp(before.data(), cache.data, bytes), 0);
  return std::string(status.message());
}

TEST(AppendKv, TablesAndLengthsThatLeadOutOfTheCacheAreRefused) {
  const Shape shape = {{3, 2}, {20, 5}, 2, 8, 16};
  const auto with = [&](size_t input, int64_t at, int64_t value) {
    OwnedCall sample = MakeAppend(DType::kF32, shape);
    sample.call.inputs[input].Out<int64_t>()[at] = value;
    return Refusal(std::move(sample));
  };
  EXPECT_EQ(with(5, 1, 5),
            "strata::append_kv: block_tables has 5 at position 1, wanted an index from 0 to 4 (the size of P is 5)");
  EXPECT_NE(with(5, 0, -1), "");
  EXPECT_EQ(with(6, 0, 33),
            "strata::append_kv: context_lens has 33 at position 0, wanted 3 (the sequence's new rows) to 32 (what its "
            "blocks hold)");
  EXPECT_NE(with(6, 1, 1), "");  // two new rows in one place
  EXPECT_NE(with(6, 0, -7), "");
  EXPECT_NE(with(6, 0, std::numeric_limits<int64_t>::max()), "");
  EXPECT_NE(with(4, 1, 7), "");
  EXPECT_NE(with(4, 1, std::numeric_limits<int64_t>::min()), "");
  EXPECT_EQ(with(6, 0, 32), "");
}

}  // namespace
}  // namespace strata
