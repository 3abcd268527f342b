#include <gtest/gtest.h>

#include <vector>

#include "kernels/core/explain.h"
#include "kernels/core/invoke.h"
#include "kernels/core/schema_text.h"
#include "kernels/core/tuning.h"
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
  ASSERT_TRUE(Infer(kScaleOp, call).ok());
  EXPECT_EQ(ShapeText(call.outputs[0]), "[2, 3, 4]");
  EXPECT_EQ(call.outputs[0].strides[0], 12);
}

TEST(Schema, SolvesADimPlusANumberAndEvaluatesExpressions) {
  Call call(kPool);
  int64_t offsets[] = {0, 2, 5};
  float x[10];
  call.inputs[0] = MakeView(x, DType::kF32, {5, 2});
  call.inputs[1] = MakeView(offsets, DType::kI64, {3});
  ASSERT_TRUE(Infer(kPoolOp, call).ok());
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

Status OddIds(const Call& call) {
  for (int64_t i = 0; i < call.inputs[1].numel(); ++i) {
    const int64_t id = call.inputs[1].In<int64_t>()[i];
    if (id % 2 == 0) return InvalidArgument("ids has " + std::to_string(id) + ", wanted an odd number");
  }
  return {};
}

TEST(Invoke, AnOperatorsOwnCheckOfValuesComesAfterTheSchemas) {
  constexpr OpDef op = {.schema = &kPick, .variants = kNoRows, .check_values = OddIds};
  float x[20];
  int64_t ids[] = {1, 4, 5};
  Call call(kPick);
  call.inputs[0] = MakeView(x, DType::kF32, {5, 2});
  call.inputs[1] = MakeView(ids, DType::kI64, {3});
  EXPECT_NE(Invoke(op, {}, call, kNoBind).message().find("ids has 5 at position 2"), std::string::npos);
  ids[2] = 3;
  EXPECT_EQ(Invoke(op, {}, call, kNoBind).message(), "strata::pick: ids has 4, wanted an odd number");
  ids[1] = 3;
  EXPECT_TRUE(Invoke(op, {}, call, kNoBind).ok());
  call.inputs[1].data = nullptr;  // of a plan that is being loaded
  EXPECT_TRUE(Infer(op, call).ok());
}

TEST(Infer, RefusesImpossibleOutputs) {
  Call call(kPool);
  int64_t offsets[] = {0, 2, 5};
  float x[10];
  call.inputs[0] = MakeView(x, DType::kF32, {5, 2});
  call.inputs[1] = MakeView(offsets, DType::kI64, {3});
  for (int64_t k : {int64_t{-1}, int64_t{1} << 60, int64_t{1} << 62}) {
    call.attrs[0].i = k;
    EXPECT_FALSE(Infer(kPoolOp, call).ok()) << k;
  }
}

// A list, a mutated list beside it, a text and rules about sizes.
inline constexpr OpSchema kStep = Op("step")
                                      .List("params", "*")
                                      .Mutated()
                                      .List("grads", "*")
                                      .List("moments", "*", Only(DType::kF32))
                                      .MayBeAbsent()
                                      .Attr("rate", 0.5)
                                      .Range(0, 1)
                                      .Text("note");
inline constexpr OpSchema kGroups =
    Op("groups").In("x", "* C").Attr("groups", 2).Range(1, 8).Out("y", "*").Divides("groups", "C").AtLeast("C", "3");

void StepRef(const OpContext&, std::span<const TensorView> params, std::span<const TensorView> grads,
             std::span<const TensorView>, double rate, std::string_view) {
  for (size_t i = 0; i < params.size(); ++i) {
    for (int64_t j = 0; j < params[i].numel(); ++j) {
      params[i].Out<float>()[j] -= static_cast<float>(rate) * grads[i].In<float>()[j];
    }
  }
}
constexpr Variant kStepRows[] = {{.name = "ref", .run = Typed<kStep, StepRef>}};
constexpr OpDef kStepOp = {&kStep, kStepRows}, kGroupsOp = {&kGroups, kNoRows};

TEST(Lists, PairUpAndAreChangedInPlace) {
  float a[] = {1, 2}, b[] = {3}, da[] = {2, 2}, db[] = {4};
  const TensorView params[] = {MakeView(a, DType::kF32, {2}), MakeView(b, DType::kF32, {1})};
  TensorView grads[] = {MakeView(da, DType::kF32, {2}), MakeView(db, DType::kF32, {1})};
  Call call(kStep);
  call.lists[0] = params;
  call.lists[1] = grads;
  ASSERT_TRUE(Invoke(kStepOp, {}, call, kNoBind).ok());
  EXPECT_EQ(call.num_outputs, 0);
  EXPECT_EQ(a[1], 1);
  EXPECT_EQ(b[0], 1);
  grads[1] = MakeView(da, DType::kF32, {2});
  EXPECT_EQ(Invoke(kStepOp, {}, call, kNoBind).message(),
            "strata::step: grads[1] has shape [2], wanted [1] as in the first list");
  call.lists[1] = std::span(grads).first(1);
  EXPECT_EQ(Invoke(kStepOp, {}, call, kNoBind).message(), "strata::step: grads has 1 tensors, wanted 2");
  call.lists[0] = call.lists[1] = {};
  EXPECT_EQ(Invoke(kStepOp, {}, call, kNoBind).message(), "strata::step: params has 0 tensors, wanted at least one");
}

TEST(Rules, AttributesAndSizesOutsideThemAreNamed) {
  float x[8];
  Call call(kGroups);
  call.inputs[0] = MakeView(x, DType::kF32, {4});
  EXPECT_TRUE(Infer(kGroupsOp, call).ok());
  call.attrs[0].i = 3;
  EXPECT_EQ(Infer(kGroupsOp, call).message(), "strata::groups: C is 4, wanted a multiple of groups = 3");
  call.attrs[0].i = 9;
  EXPECT_EQ(Infer(kGroupsOp, call).message(), "strata::groups: groups is 9, wanted 1 to 8");
  call.attrs[0].i = 1;
  call.inputs[0] = MakeView(x, DType::kF32, {2});
  EXPECT_EQ(Infer(kGroupsOp, call).message(), "strata::groups: C is 2, wanted at least 3");
}

TEST(Schema, TorchTextOfListsAndMutatedArguments) {
  EXPECT_EQ(TorchSchema(kStep),
            "step(Tensor(a!)[] params, Tensor[] grads, Tensor[] moments, float rate=0.5, str note=\"\") -> ()");
}

TEST(Half, ConvertsEveryValueThereAndBack) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const F16 half{static_cast<uint16_t>(bits)};
    if ((bits & 0x7fff) > 0x7c00) continue;  // NaN
    EXPECT_EQ(ToF16(ToFloat(half)).bits, bits);
  }
  // Ties go to even, in the normal range, at its edge and below it.
  EXPECT_EQ(ToF16(1.0f + 0x1p-11f).bits, 0x3c00);
  EXPECT_EQ(ToF16(1.0f + 3 * 0x1p-11f).bits, 0x3c02);
  EXPECT_EQ(ToF16(65519.996f).bits, 0x7bff);
  EXPECT_EQ(ToF16(65520.0f).bits, 0x7c00);
  EXPECT_EQ(ToF16(0x1p-25f).bits, 0);
  EXPECT_EQ(ToF16(-3 * 0x1p-25f).bits, 0x8002);
}

inline constexpr OpSchema kTile = Op("tile").In("x", "* K").Out("y", "* K");
bool TakesEven(const Call& call) { return call.inputs[0].size(-1) % 2 == 0; }
constexpr Variant kTileRows[] = {
    {.name = "narrow", .run = Nothing, .dtypes = SetOf(DType::kF32)},
    {.name = "wide", .run = Nothing, .dtypes = SetOf(DType::kF32), .accepts = TakesEven, .needs = "an even K"},
    {.name = "rough", .run = Nothing, .numerics = "rough"},
    {.name = "ref", .run = Nothing, .numerics = "reference"},
};
constexpr OpDef kTileOp = {&kTile, kTileRows};
const OpDef* FindTile(std::string_view name) { return name == "tile" ? &kTileOp : nullptr; }

std::string RowAt(int64_t rows, int64_t k) {
  static float x[64];
  Call call(kTile);
  call.inputs[0] = MakeView(x, DType::kF32, {rows, k});
  EXPECT_TRUE(Infer(kTileOp, call).ok());
  return std::string(SelectVariant(kTileOp, {}, call)->name);
}

TEST(Tuning, ChoosesAmongRowsOfOneClassBySize) {
  ASSERT_TRUE(LoadTuning("# a comment\n\ntile float32 *=4 K=8 wide\ntile float32 *=4 K=2 rough\n", FindTile).ok());
  EXPECT_EQ(RowAt(3, 6), "wide");
  EXPECT_EQ(RowAt(4, 8), "wide");
  EXPECT_EQ(RowAt(3, 5), "narrow");  // the row does not take it
  EXPECT_EQ(RowAt(5, 6), "narrow");  // another bucket
  EXPECT_EQ(RowAt(4, 2), "narrow");  // another class
  ASSERT_TRUE(LoadTuning("", FindTile).ok());
  EXPECT_EQ(RowAt(3, 6), "narrow");
}

TEST(Tuning, NamesTheLineThatIsWrong) {
  const auto error = [](std::string_view text) { return LoadTuning(text, FindTile).message(); };
  EXPECT_EQ(error("\nnone float32 K=8 wide"), "tuning table, line 2: there is no op \"none\"");
  EXPECT_EQ(error("tile float31 K=8 wide"), "tuning table, line 1: there is no dtype \"float31\"");
  EXPECT_EQ(error("tile float32 K=8 tall"), "tuning table, line 1: tile has no row \"tall\"");
  for (const char* size : {"K=7", "J=8", "K=", "K=8x", "K", "=8", "K=99999999999999999999"}) {
    EXPECT_EQ(error(std::string("tile float32 ") + size + " wide"),
              "tuning table, line 1: wanted a dim of the op and a power of two, like K=512, found \"" +
                  std::string(size) + "\"");
  }
}

TEST(Explain, SaysWhichRowRunsAndWhyTheOthersDoNot) {
  float x[64];
  Call call(kTile);
  call.inputs[0] = MakeView(x, DType::kF32, {4, 7});
  ASSERT_TRUE(Infer(kTileOp, call).ok());
  const std::vector<RowChoice> rows = ExplainRows(kTileOp, {}, call);
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_TRUE(rows[0].runs);
  EXPECT_EQ(rows[0].reason, "the first that takes the call");
  EXPECT_EQ(rows[1].reason, "needs an even K");
  EXPECT_EQ(rows[2].reason, "comes after narrow");
  call.inputs[0] = MakeView(x, DType::kF64, {4, 7});
  ASSERT_TRUE(Infer(kTileOp, call).ok());
  EXPECT_EQ(ExplainRows(kTileOp, {}, call)[0].reason, "takes float32");
}

}  // namespace
}  // namespace strata
