#include <gtest/gtest.h>

#include <vector>

#include "kernels/core/invoke.h"
#include "kernels/core/schema_text.h"
#include "kernels/core/typed_kernel.h"

namespace strata {
namespace {

enum class Mode { kPlain, kTwice };

inline constexpr OpSchema kScale = Op("scale")
                                       .Doc("y = x * factor")
                                       .In("x", "* D")
                                       .Optional("bias", "D")
                                       .Attr("factor", 2.0)
                                       .Choice("mode", "plain|twice")
                                       .Out("y", "* D");
inline constexpr OpSchema kPick = Op("pick").In("table", "V D").Index("ids", "N", "V").Out("y", "N D").Batch("N");
inline constexpr OpSchema kPool =
    Op("pool").In("x", "N D").Offsets("cu_seqlens", "B+1", "N").Attr("k", 3).Out("y", "B k*D").Segments("cu_seqlens");

void Scale(const OpContext&, const TensorView& x, const TensorView* bias, double factor, Mode mode,
           const TensorView& y) {
  for (int64_t i = 0; i < x.numel(); ++i) {
    float v = x.In<float>()[i] * static_cast<float>(factor) * (mode == Mode::kTwice ? 2 : 1);
    if (bias != nullptr) v += bias->In<float>()[i % x.size(-1)];
    y.Out<float>()[i] = v;
  }
}
void Nothing(const OpContext&, const Call&) {}

constexpr Variant kScaleRows[] = {{.name = "ref", .run = Typed<kScale, Scale>, .dtypes = SetOf(DType::kF32)}};
constexpr OpDef kScaleOp = {&kScale, kScaleRows};
constexpr Variant kNoRows[] = {{.name = "ref", .run = Nothing}};
constexpr OpDef kPickOp = {&kPick, kNoRows}, kPoolOp = {&kPool, kNoRows};

constexpr auto kNoBind = [](Call& call) {
  static char memory[4096];
  for (TensorView& out : call.outputs) out.data = memory;
  return Status();
};

TEST(Schema, BindsDimsAndInfersOutputs) {
  std::vector<float> x(24);
  Call call(kScale);
  call.inputs[0] = MakeView(x.data(), DType::kF32, {2, 3, 4});
  ASSERT_TRUE(Infer(kScale, call).ok());
  EXPECT_EQ(ShapeText(call.outputs[0]), "[2, 3, 4]");
  EXPECT_EQ(call.outputs[0].strides[0], 12);
}

TEST(Schema, SolvesADimPlusANumberAndEvaluatesExpressions) {
  Call call(kPool);
  int64_t offsets[] = {0, 2, 5};
  float x[10];
  call.inputs[0] = MakeView(x, DType::kF32, {5, 2});
  call.inputs[1] = MakeView(offsets, DType::kI64, {3});
  ASSERT_TRUE(Infer(kPool, call).ok());
  EXPECT_EQ(ShapeText(call.outputs[0]), "[2, 6]");
}

TEST(Schema, TorchSchemaText) {
  EXPECT_EQ(TorchSchema(kScale), "scale(Tensor x, Tensor? bias=None, float factor=2.0, int mode=0) -> Tensor");
}

TEST(Schema, HashTellsSchemasApart) {
  constexpr OpSchema other = Op("scale").In("x", "* D").Attr("factor", 3.0).Out("y", "* D");
  EXPECT_EQ(SchemaHash(kScale).size(), 16u);
  EXPECT_NE(SchemaHash(kScale), SchemaHash(other));
}

TEST(Invoke, RunsWithAndWithoutTheOptionalArgument) {
  float x[] = {1, 2, 3, 4}, bias[] = {10, 20}, y[4];
  Call call(kScale);
  call.inputs[0] = MakeView(x, DType::kF32, {2, 2});
  const auto bind = [&](Call& c) {
    c.outputs[0].data = y;
    return Status();
  };
  ASSERT_TRUE(Invoke(kScaleOp, {}, call, bind).ok());
  EXPECT_EQ(y[3], 8);
  call.inputs[1] = MakeView(bias, DType::kF32, {2});
  call.attrs[1].i = 1;
  ASSERT_TRUE(Invoke(kScaleOp, {}, call, bind).ok());
  EXPECT_EQ(y[3], 36);
}

TEST(Invoke, NamesWhatIsWrong) {
  float x[6];
  Call call(kScale);
  call.inputs[0] = MakeView(x, DType::kF32, {2, 3});
  call.inputs[1] = MakeView(x, DType::kF32, {4});
  EXPECT_EQ(Invoke(kScaleOp, {}, call, kNoBind).message(), "strata::scale: bias has shape [4], wanted [D] with D=3");
  call.inputs[1] = MakeView(x, DType::kF64, {3});
  EXPECT_EQ(Invoke(kScaleOp, {}, call, kNoBind).message(),
            "strata::scale: bias has dtype float64, wanted float32 as the arguments before it");
  call.inputs[0] = MakeView(x, DType::kI32, {2, 3});
  EXPECT_EQ(Invoke(kScaleOp, {}, call, kNoBind).message(),
            "strata::scale: x has dtype int32, wanted float32, bfloat16 or float64");
  Call none(kScale);
  EXPECT_EQ(Invoke(kScaleOp, {}, none, kNoBind).message(), "strata::scale: x is missing, wanted a tensor [*, D]");
  Call choice(kScale);
  choice.inputs[0] = MakeView(x, DType::kF32, {2, 3});
  choice.attrs[1].i = 2;
  EXPECT_EQ(Invoke(kScaleOp, {}, choice, kNoBind).message(), "strata::scale: mode is 2, wanted 0 to 1 (plain|twice)");
  Call wide(kScale);
  wide.inputs[0] = MakeView(x, DType::kF64, {2, 3});
  EXPECT_EQ(Invoke(kScaleOp, {}, wide, kNoBind).message(), "strata::scale: no kernel for CPU tensors of dtype float64");
}

TEST(Invoke, RefusesStridesThatTheKernelDoesNotTake) {
  float x[6];
  Call call(kScale);
  call.inputs[0] = MakeView(x, DType::kF32, {3, 2});
  call.inputs[0].strides = {1, 3};
  EXPECT_EQ(Invoke(kScaleOp, {}, call, kNoBind).message(),
            "strata::scale: x has strides that the kernel does not take, wanted a contiguous tensor");
}

TEST(Invoke, AnEmptyTensorIsContiguousWhateverItsStrides) {
  Call call(kScale);
  call.inputs[0] = MakeView(nullptr, DType::kF32, {0, 8});
  call.inputs[0].strides = {8, 5};
  EXPECT_TRUE(Invoke(kScaleOp, {}, call, kNoBind).ok());
}

TEST(Invoke, ChecksIndicesAndOffsets) {
  float x[20];
  int64_t ids[] = {0, 5, 1}, offsets[] = {0, 3, 2, 5};
  Call pick(kPick);
  pick.inputs[0] = MakeView(x, DType::kF32, {5, 2});
  pick.inputs[1] = MakeView(ids, DType::kI64, {3});
  EXPECT_EQ(Invoke(kPickOp, {}, pick, kNoBind).message(),
            "strata::pick: ids has 5 at position 1, wanted an index from 0 to 4 (the size of V is 5)");
  Call pool(kPool);
  pool.inputs[0] = MakeView(x, DType::kF32, {5, 2});
  pool.inputs[1] = MakeView(offsets, DType::kI64, {4});
  EXPECT_EQ(Invoke(kPoolOp, {}, pool, kNoBind).message(),
            "strata::pool: cu_seqlens has 2 at position 2, wanted at least 3");
  offsets[2] = 4, offsets[3] = 4;
  EXPECT_EQ(Invoke(kPoolOp, {}, pool, kNoBind).message(),
            "strata::pool: cu_seqlens has 4 at position 3, wanted 5, the end of the last run");
  pool.inputs[1] = MakeView(offsets, DType::kI64, {0});
  EXPECT_EQ(Invoke(kPoolOp, {}, pool, kNoBind).message(), "strata::pool: cu_seqlens has shape [0], wanted [B+1]");
}

TEST(Infer, RefusesImpossibleOutputs) {
  Call call(kPool);
  int64_t offsets[] = {0, 2, 5};
  float x[10];
  call.inputs[0] = MakeView(x, DType::kF32, {5, 2});
  call.inputs[1] = MakeView(offsets, DType::kI64, {3});
  for (int64_t k : {int64_t{-1}, int64_t{1} << 60, int64_t{1} << 62}) {
    call.attrs[0].i = k;
    EXPECT_FALSE(Infer(kPool, call).ok()) << k;
  }
}

}  // namespace
}  // namespace strata
