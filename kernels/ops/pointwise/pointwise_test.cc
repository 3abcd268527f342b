// Programs against the scalar reference and, bit for bit, against themselves run one instruction at a time;
// broadcasting. What the validator refuses is in program_test.cc. Special values against PyTorch are in
// pointwise_test.py.
#include "kernels/ops/pointwise/pointwise.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "kernels/ops/pointwise/program.h"
#include "kernels/ops/pointwise/program_writer.h"
#include "kernels/testing/compare.h"
#include "kernels/testing/conformance.h"
#include "kernels/testing/run.h"

namespace strata {
namespace {

using pointwise::Program;
using pointwise::Writer;
using Shape = std::vector<int64_t>;

const OpDef& Op() { return ops::pointwise::kOps[0]; }

// A call with its program's text.
struct Sample {
  std::unique_ptr<std::string> text;
  std::unique_ptr<std::string_view> view;
  OwnedCall call{kPointwise};

  explicit Sample(const std::string& program)
      : text(std::make_unique<std::string>(program)), view(std::make_unique<std::string_view>(*text)) {
    call.call.attrs[0].text = view.get();
  }
};

void Fill(const TensorView& view, std::mt19937_64& random, bool specials) {
  constexpr double kSpecials[] = {NAN, INFINITY, -INFINITY, 1e-40, -1e-44, 0.0, -0.0, 3e38, -3e38, 1e10, -77.5, 200};
  for (int64_t i = 0, n = view.numel(); i < n; ++i) {
    double value = 4 * static_cast<double>(random() >> 11) * 0x1p-53 - 2 + 0.01 * static_cast<double>(i % 13);
    if (specials && random() % 4 == 0) value = kSpecials[random() % std::size(kSpecials)];
    const auto whole = static_cast<int64_t>(random() % 2001) - 1000;
    switch (view.dtype) {
      case DType::kF32:
        view.Out<float>()[i] = static_cast<float>(value);
        break;
      case DType::kBF16:
        view.Out<BF16>()[i] = ToBF16(static_cast<float>(value));
        break;
      case DType::kF16:
        view.Out<F16>()[i] = ToF16(static_cast<float>(value));
        break;
      case DType::kF64:
        view.Out<double>()[i] = value;
        break;
      case DType::kI32:
        view.Out<int32_t>()[i] = static_cast<int32_t>(whole);
        break;
      case DType::kI64:
        view.Out<int64_t>()[i] = whole;
        break;
      case DType::kU8:
        view.Out<uint8_t>()[i] = static_cast<uint8_t>(whole);
        break;
      default:
        view.Out<uint8_t>()[i] = random() % 2;
    }
  }
}

// The program on random inputs of these shapes; the last shape stands for those that are left.
Sample Make(const std::string& text, const std::vector<Shape>& shapes, uint64_t seed, bool specials = false) {
  Sample sample(text);
  Program program;
  std::string error;
  EXPECT_TRUE(pointwise::Parse(text, &program, &error)) << error;
  std::mt19937_64 random(seed);
  for (size_t i = 0; i < static_cast<size_t>(program.num_inputs); ++i) {
    TensorView view;
    view.dtype = program.inputs[i];
    const Shape shape = (program.seeds >> i & 1) != 0 ? Shape{1} : shapes[std::min(i, shapes.size() - 1)];
    view.rank = static_cast<int>(shape.size());
    std::copy(shape.begin(), shape.end(), view.sizes.begin());
    view.MakeContiguous();
    sample.call.Allocate(view, static_cast<int>(random() % 3));
    Fill(view, random, specials);
    sample.call.lists[0].push_back(view);
  }
  return sample;
}

// "T" in the text stands for the dtype.
std::string With(std::string text, std::string_view dtype) {
  for (size_t at = text.find('T'); at != std::string::npos; at = text.find('T', at)) text.replace(at, 1, dtype);
  return text;
}

constexpr const char* kFloatTypes[] = {"float32", "bfloat16", "float16", "float64"};

const std::vector<Shape> kShapes[] = {{{}},   {{0, 5}}, {{1}},   {{3}},   {{63}},     {{64}},
                                      {{65}}, {{511}},  {{512}}, {{513}}, {{5, 700}}, {{2, 3, 300}}};

// Well-conditioned programs: their answers follow the reference's within a dtype's tolerance.
constexpr const char* kPrograms[] = {
    "T x0, T x1; v0 = sigmoid(x0); v1 = mul(x0, v0); v2 = mul(v1, x1); return v2",
    "T x0, T x1; v0 = neg(x0); v1 = exp(v0); v2 = add(v1, 1); v3 = div(x0, v2); v4 = mul(v3, x1); return v4, v3",
    "T x0; v0 = normal_cdf(x0); v1 = mul(x0, v0); return v1",
    "T x0; v0 = erf(x0); v1 = tanh(x0); v2 = add(v0, v1); return v2, v1, v0",
    "T x0; v0 = exp(x0); v1 = log1p(v0); return v1",
    "T x0; v0 = abs(x0); v1 = add(v0, 0.5); v2 = log(v1); v3 = sqrt(v1); v4 = rsqrt(v1); v5 = fma(v2, v3, v4); "
    "v6 = reciprocal(v1); return v5, v6",
    "T x0; v0 = sin(x0); v1 = cos(x0); v2 = expm1(x0); v3 = mul(v0, v1); v4 = sub(v3, v2); return v4",
    "T x0, T x1; v0 = abs(x0); v1 = add(v0, 0.5); v2 = pow(v1, x1); return v2",
    "T x0, T x1; v0 = lt(x0, x1); v1 = select(v0, x0, x1); v2 = min(x0, x1); v3 = max(v2, -0.5); "
    "v4 = gt(v1, 0); v5 = and(v0, v4); v6 = not(v5); return v1, v3, v6, v2",
    "T x0; v0 = floor(x0); v1 = ceil(x0); v2 = round(x0); v3 = trunc(x0); v4 = sign(x0); return v0, v1, v2, v3, v4",
    "T x0, int32 x1; v0 = T(x1); v1 = mul(v0, x0); v2 = int64(x1); v3 = mul(v2, v2); v4 = eq(x1, 3); "
    "v5 = select(v4, v1, 2.5); return v5, v3",
    "T x0, uint8 x1, bool x2; v0 = float32(x0); v1 = float32(x1); v2 = select(x2, v0, v1); v3 = float64(v2); "
    "v4 = mul(v3, 0.1); v5 = T(v4); v6 = bool(x0); v7 = xor(v6, x2); v8 = uint8(x2); return v5, v7, v8",
};

TEST(PointwiseTest, ProgramsAgreeWithTheReferenceInEveryWay) {
  uint64_t seed = 0;
  for (const char* text : kPrograms) {
    for (const char* dtype : kFloatTypes) {
      const std::vector<Shape>& shapes = kShapes[seed % std::size(kShapes)];
      const Sample sample = Make(With(text, dtype), shapes, ++seed);
      EXPECT_EQ(CheckAll(Op(), sample.call), "") << *sample.text;
      const Sample longer = Make(With(text, dtype), {{3, 341}}, ++seed);
      EXPECT_EQ(CheckAll(Op(), longer.call), "") << *sample.text;
    }
  }
}

TEST(PointwiseTest, InputsBroadcastInEveryLayout) {
  const std::vector<Shape> cases[] = {
      {{4, 600}, {600}},        {{4, 600}, {4, 1}},    {{4, 600}, {1, 1}},         {{5, 3}, {3}},
      {{5, 3}, {5, 1}},         {{1, 300}, {7, 1}},    {{2, 1, 5, 1}, {3, 1, 7}},  {{2, 3, 4, 5}, {3, 1, 1}},
      {{700, 1}, {1, 2}},       {{6, 1, 64}, {5, 64}}, {{3, 257}, {2, 1, 257}},    {{}, {2, 260}},
      {{1, 1, 513}, {2, 2, 1}}, {{0, 4}, {4}},         {{2, 5, 320}, {2, 1, 320}},
  };
  uint64_t seed = 100;
  for (const std::vector<Shape>& shapes : cases) {
    for (const char* dtype : kFloatTypes) {
      const Sample sample =
          Make(With("T x0, T x1, int64 x2; v0 = sub(x0, x1); v1 = T(x2); v2 = mul(v0, v1); return v2", dtype),
               {shapes[0], shapes[1], {1}}, ++seed);
      EXPECT_EQ(CheckAll(Op(), sample.call), "") << seed;
      const Sample chain = Make(With("T x0, T x1; v0 = sub(x1, x0); v1 = mul(v0, x1); v2 = lt(x0, x1); "
                                     "v3 = select(v2, v1, x1); return v3, v1",
                                     dtype),
                                {shapes[0], shapes[1]}, ++seed);
      EXPECT_EQ(CheckAll(Op(), chain.call), "") << seed;
    }
  }
}

// The text of instruction `i` alone: its operands are the inputs.
std::string Alone(const Program& program, int i, std::vector<pointwise::Operand>* operands) {
  pointwise::Program one;
  one.num_constants = program.num_constants;
  one.constants = program.constants;
  one.num_instructions = one.num_outputs = 1;
  one.code[0] = program.code[static_cast<size_t>(i)];
  one.outputs[0] = pointwise::ResultOf(0);
  for (size_t a = 0; a < one.code[0].arity; ++a) {
    pointwise::Operand& operand = one.code[0].operands[a];
    if (pointwise::IsConstant(operand)) continue;
    operands->push_back(operand);
    one.inputs[static_cast<size_t>(one.num_inputs)] = program.TypeOf(operand);
    operand = static_cast<pointwise::Operand>(one.num_inputs++);
  }
  return pointwise::ProgramText(one);
}

void CheckOneByOne(const std::string& text, const Sample& whole) {
  Program program;
  std::string error;
  ASSERT_TRUE(pointwise::Parse(text, &program, &error)) << error;
  const Outputs got = RunSample(Op(), whole.call);
  std::vector<TensorView> values(pointwise::kMaxProgramInputs + pointwise::kMaxInstructions);
  std::copy(whole.call.lists[0].begin(), whole.call.lists[0].end(), values.begin());
  std::vector<Outputs> kept;
  for (int i = 0; i < program.num_instructions; ++i) {
    std::vector<pointwise::Operand> operands;
    Sample one(Alone(program, i, &operands));
    for (const pointwise::Operand operand : operands) {
      one.call.lists[0].push_back(values[static_cast<size_t>(operand)]);
    }
    kept.push_back(RunSample(Op(), one.call));
    values[static_cast<size_t>(pointwise::ResultOf(i))] = kept.back().views[0];
  }
  for (size_t o = 0; o < got.views.size(); ++o) {
    ASSERT_EQ(DifferentBits(got.views[o], values[static_cast<size_t>(program.outputs[o])]), "")
        << "output " << o << " of " << text;
  }
  ASSERT_EQ(CheckTargets(Op(), whole.call), "") << text;
  ASSERT_EQ(CheckThreads(Op(), whole.call), "") << text;
}

TEST(PointwiseTest, AProgramGivesWhatItsInstructionsGiveOneByOne) {
  for (uint64_t seed = 0; seed < 150; ++seed) {
    const std::string text = Writer(seed).Text(1 + static_cast<int>(seed % 4), 1 + static_cast<int>(seed % 40));
    CheckOneByOne(text, Make(text, {{seed % 2 ? 70 : 600}}, seed, true));
  }
}

TEST(PointwiseTest, AChainGivesWhatItsInstructionsGiveOneByOne) {
  const Shape shapes[] = {{70}, {3, 300}, {128}, {1023}};
  int fused = 0;
  for (uint64_t seed = 0; seed < 150; ++seed) {
    Writer writer(seed, seed % 5 == 4 ? std::span<const DType>(Writer::kDoubles) : Writer::kFloats);
    const std::string text = writer.Text(1 + static_cast<int>(seed % 4), 1 + static_cast<int>(seed % 30));
    Program program;
    std::string error;
    ASSERT_TRUE(pointwise::Parse(text, &program, &error)) << error;
    fused += program.schedule.fused;
    CheckOneByOne(text, Make(text, {shapes[seed % std::size(shapes)]}, seed, true));
  }
  EXPECT_GT(fused, 30);
}

// Comparisons that selects make themselves, of inputs, constants and values that live on in between; one that others
// read, too.
TEST(PointwiseTest, SelectsAndTheirComparisonsGiveWhatTheyGiveOneByOne) {
  const char* texts[] = {
      "T x0, T x1; v0 = gt(x0, x1); v1 = exp(x0); v2 = select(v0, v1, x1); v3 = select(v0, x1, v2); return v3",
      "T x0, T x1; v0 = mul(x0, x1); v1 = add(v0, 1); v2 = le(v0, v1); v3 = ge(v1, 0.5); v4 = sub(v1, x0); "
      "v5 = select(v2, v4, v0); v6 = select(v3, x0, v5); v7 = mul(v6, v5); return v7, v4",
      "T x0, T x1; v0 = ne(x0, x1); v1 = eq(x0, 0); v2 = select(v0, x0, 2); v3 = select(v1, 3, v2); v4 = not(v1); "
      "return v3, v0, v4",
      "T x0, T x1; v0 = lt(x0, x1); v1 = float64(x0); v2 = float64(x1); v3 = select(v0, v1, v2); return v3"};
  for (const char* text : texts) {
    for (const char* dtype : {"float32", "bfloat16", "float16"}) {
      for (const Shape& other : {Shape{700}, Shape{1}}) {
        const std::string typed = With(text, dtype);
        CheckOneByOne(typed, Make(typed, {{700}, other}, 3, true));
      }
    }
  }
}

// Operands in bfloat16 that are converted where they are read, on either side, once and more often.
TEST(PointwiseTest, NarrowOperandsGiveWhatTheyGiveOneByOne) {
  for (const char* op : {"add", "sub", "mul", "div"}) {
    for (const std::string rest : {"v0 = OP(x0, x1); return v0", "v0 = abs(x0); v1 = OP(v0, x1); return v1",
                                   "v0 = abs(x0); v1 = OP(x1, v0); v2 = OP(v1, v1); return v2",
                                   "v0 = OP(x0, x1); v1 = OP(x1, v0); v2 = OP(x0, v1); v3 = OP(v2, x1); return v3, v0",
                                   "v0 = OP(x0, 3); v1 = OP(0.3, x1); v2 = OP(v0, v1); return v2"}) {
      std::string text = "T x0, T x1; " + rest;
      for (size_t at = 0; (at = text.find("OP")) != std::string::npos;) text.replace(at, 2, op);
      for (const char* dtype : {"bfloat16", "float16"}) {
        for (const Shape& other : {Shape{700}, Shape{1}}) {
          const std::string typed = With(text, dtype);
          CheckOneByOne(typed, Make(typed, {{700}, other}, 3, true));
        }
      }
    }
  }
}

TEST(PointwiseTest, OutputsLargerThanTheCachesHaveTheSameBits) {
  const char* text =
      "float32 x0, bfloat16 x1; v0 = float32(x1); v1 = mul(x0, v0); v2 = bfloat16(v1); v3 = add(v1, 1); v4 = "
      "float16(v3); "
      "return v1, v2, v3, v4";
  constexpr int64_t kElements = 2'300'001, kPart = 250'000;
  const Sample whole = Make(text, {{kElements}}, 1);
  const Outputs got = RunSample(Op(), whole.call);
  for (int64_t begin = 0; begin < kElements; begin += kPart) {
    const auto part = [&](TensorView view) {
      view.data = static_cast<std::byte*>(view.data) + static_cast<size_t>(begin) * SizeOf(view.dtype);
      view.sizes[0] = std::min(kPart, kElements - begin);
      view.MakeContiguous();
      return view;
    };
    Sample sample(text);
    for (const TensorView& input : whole.call.lists[0]) sample.call.lists[0].push_back(part(input));
    const Outputs want = RunSample(Op(), sample.call);
    for (size_t o = 0; o < want.views.size(); ++o) EXPECT_EQ(DifferentBits(part(got.views[o]), want.views[o]), "") << o;
  }
}

TEST(PointwiseTest, RandomNumbersDependOnSeedStreamAndPositionAlone) {
  const char* text =
      "float32 x0, int64 x1; v0 = uniform(x1, 3); v1 = normal(x1, 4); v2 = random_bits(x1, 3); v3 = lt(v0, 0.5); "
      "v4 = select(v3, x0, 0); v5 = mul(v4, 2); return v0, v1, v2, v5";
  for (const Shape& shape : {Shape{3, 700}, Shape{65}, Shape{20000}}) {
    const Sample sample = Make(text, {shape}, 5);
    EXPECT_EQ(CheckAll(Op(), sample.call), "");
  }
  const Outputs got = RunSample(Op(), Make(text, {{20000}}, 5).call);
  double sum = 0, squares = 0, uniform = 0;
  for (int i = 0; i < 20000; ++i) {
    const double v = got.views[1].In<float>()[i];
    sum += v, squares += v * v, uniform += got.views[0].In<float>()[i];
  }
  EXPECT_NEAR(sum / 20000, 0, 0.03);
  EXPECT_NEAR(squares / 20000, 1, 0.05);
  EXPECT_NEAR(uniform / 20000, 0.5, 0.01);
}

// A row's draws come from its own seed: they stay when other rows join the batch, or when it is alone.
TEST(PointwiseTest, RowsWithSeedsOfTheirOwnDrawWhatTheyDrawAlone) {
  const char* text =
      "float32 x0, int64 x1; v0 = normal(x1, 4); v1 = add(v0, x0); v2 = random_bits(x1, 9); return v1, v2";
  for (const int64_t width : {1, 7, 130, 700}) {
    Sample batch = Make(text, {{5, 3, width}}, 5);
    TensorView seeds;
    seeds.dtype = DType::kI64;
    seeds.rank = 3;
    seeds.sizes = {5, 1, 1};
    seeds.MakeContiguous();
    batch.call.Allocate(seeds, 0);
    for (int i = 0; i < 5; ++i) seeds.Out<int64_t>()[i] = 1000 - i % 3;
    batch.call.lists[0][1] = seeds;
    EXPECT_EQ(CheckAll(Op(), batch.call), "") << width;
    const Outputs got = RunSample(Op(), batch.call);
    for (int64_t row = 0; row < 5; ++row) {
      const auto alone = [&](TensorView view) {
        view.data =
            static_cast<std::byte*>(view.data) + static_cast<size_t>(row * (view.numel() / 5)) * SizeOf(view.dtype);
        view.sizes[0] = 1;
        view.MakeContiguous();
        return view;
      };
      Sample one(text);
      for (const TensorView& input : batch.call.lists[0]) one.call.lists[0].push_back(alone(input));
      const Outputs want = RunSample(Op(), one.call);
      for (size_t o = 0; o < 2; ++o) EXPECT_EQ(DifferentBits(alone(got.views[o]), want.views[o]), "") << width;
    }
  }
}

TEST(ProgramTest, TheTextOfAProgramIsItsOwn) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Program program, again;
    std::string error;
    ASSERT_TRUE(pointwise::Parse(Writer(seed).Text(3, 1 + static_cast<int>(seed)), &program, &error)) << error;
    const std::string text = pointwise::ProgramText(program);
    ASSERT_TRUE(pointwise::Parse(text, &again, &error)) << error;
    EXPECT_EQ(pointwise::ProgramText(again), text);
  }
}

TEST(PointwiseTest, CallsThatTheProgramDoesNotFitAreRefused) {
  const char* text = "float32 x0, int64 x1; v0 = uniform(x1, 0); v1 = add(x0, v0); return v1";
  const auto error = [&](const std::vector<std::pair<DType, Shape>>& inputs) {
    Sample sample(text);
    for (const auto& [dtype, shape] : inputs) {
      TensorView view;
      view.dtype = dtype;
      view.rank = static_cast<int>(shape.size());
      std::copy(shape.begin(), shape.end(), view.sizes.begin());
      view.MakeContiguous();
      sample.call.Allocate(view, 0);
      sample.call.lists[0].push_back(view);
    }
    Outputs outputs;
    return TrySample(Op(), sample.call, {}, &outputs).message();
  };
  EXPECT_EQ(error({{DType::kF32, {3}}}), "strata::pointwise: inputs has 1 tensors, wanted 2 as the program says");
  EXPECT_EQ(error({{DType::kF64, {3}}, {DType::kI64, {}}}),
            "strata::pointwise: inputs[0] has dtype float64, wanted float32 as the program says");
  EXPECT_EQ(error({{DType::kF32, {3, 2}}, {DType::kI64, {2}}}),
            "strata::pointwise: inputs[1] has shape [2], wanted one element, or the leading dims of [3, 2] and ones: "
            "it holds seeds");
}

}  // namespace
}  // namespace strata
