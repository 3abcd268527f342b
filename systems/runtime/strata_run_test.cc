// strata-run as a user sees it: its standard output, its exit code, its sentences.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "systems/runtime/json_tensors.h"
#include "systems/runtime/testing.h"

namespace strata::runtime {
namespace {

using testing::HasSubstr;

struct Result {
  int code;
  std::string text;  // standard output and standard error
};

Result StrataRun(const std::string& arguments, const std::string& input = "") {
  const std::string file = std::string(std::getenv("TEST_TMPDIR")) + "/input.jsonl";
  std::ofstream(file) << input;
  FILE* pipe = popen(("systems/runtime/strata-run --threads=1 " + arguments + " < " + file + " 2>&1").c_str(), "r");
  std::string text;
  std::array<char, 4096> buffer;
  while (const size_t n = fread(buffer.data(), 1, buffer.size(), pipe)) text.append(buffer.data(), n);
  return {WEXITSTATUS(pclose(pipe)), text};
}

TEST(StrataRunTest, AnswersEveryLineInItsOrder) {
  const std::string folder = RaggedBundle().Write();
  const std::string one = R"({"inputs": {"ids": [1, 2, 3], "cu_seqlens": [0, 3]}})";
  const std::string same = R"({"inputs": {"ids": [1, 2, 3]}})";
  const Result result = StrataRun(folder, one + "\n\n" + same + "\n");
  EXPECT_EQ(result.code, 0) << result.text;
  const size_t end = result.text.find('\n');
  EXPECT_EQ(result.text.substr(0, end), result.text.substr(end + 1, end));
  EXPECT_THAT(result.text, testing::StartsWith("{\"outputs\":{\"vectors\":[["));
}

TEST(StrataRunTest, ReplaysTheGoldenAndRefusesAFlippedBit) {
  TestBundle test = RaggedBundle();
  EXPECT_EQ(StrataRun(test.Write() + " --golden").text, "golden: 2 cases, 42 elements, bit-identical\n");
  test.weights.back() ^= 0x20;
  const Result bad = StrataRun(test.Write() + " --golden");
  EXPECT_EQ(bad.code, 1);
  EXPECT_THAT(bad.text, HasSubstr("strata-run: golden.safetensors: embed, case 0: the output \"vectors\" is not what"));
}

TEST(StrataRunTest, ReadsAndWritesSafetensorsAndReadsNpy) {
  const std::string folder = RmsNormBundle().Write();
  TensorBag bag;
  const TensorView x = bag.Floats("x", {2, 8}, SomeFloats(16, 9));
  const auto write = [&](const std::string& name, const std::string& bytes) {
    std::ofstream(folder + name, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  };
  write("/x.safetensors", bag.Bytes());
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 8), }";
  header.resize(117, ' ');
  header += '\n';
  write("/x.npy",
        std::string("\x93NUMPY\x01\x00\x76\x00", 10) + header + std::string(static_cast<const char*>(x.data), 64));
  const auto read = [&](const std::string& name) {
    std::ifstream file(folder + name, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  for (const std::string kind : {"safetensors", "npy"}) {
    const Result result =
        StrataRun(folder + " --input " + folder + "/x." + kind + " --output " + folder + "/" + kind + ".out");
    EXPECT_EQ(result.code, 0) << result.text;
  }
  EXPECT_EQ(read("/safetensors.out"), read("/npy.out"));
  const std::string out = read("/npy.out");
  const auto parsed = SafeTensors::Parse(AsBytes(out));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(ShapeText(parsed->Find("y")->view), "[2, 8]");
}

TEST(StrataRunTest, SaysWhatIsWrong) {
  const std::string folder = RmsNormBundle().Write();
  const auto refused = [&](const std::string& line) {
    const Result result = StrataRun(folder, line);
    EXPECT_EQ(result.code, 1);
    return result.text;
  };
  EXPECT_THAT(refused("{"), HasSubstr("strata-run: line 1: the JSON is not valid"));
  EXPECT_THAT(refused(R"({"inputs": {"z": 1}})"), HasSubstr("line 1: entry point \"norm\" has no input \"z\""));
  EXPECT_THAT(refused(R"({"inputs": {}})"), HasSubstr("input \"x\" is missing"));
  EXPECT_THAT(refused(R"({"inputs": {"x": [[1, 2], [3]]}})"),
              HasSubstr("input \"x\" has lists of 2 and of 1 elements"));
  EXPECT_THAT(refused(R"({"inputs": {"x": [[1, [2]]]}})"), HasSubstr("in some places alone"));
  EXPECT_THAT(refused(R"({"inputs": {"x": [[1, true]]}})"), HasSubstr("has an element that is no float32"));
  EXPECT_THAT(refused(R"({"inputs": {"x": [[1, 2]]}})"), HasSubstr("has shape [1, 2], wanted [B, 8]"));
  EXPECT_EQ(StrataRun("").code, 2);
  EXPECT_EQ(StrataRun("/none --golden").code, 1);
  EXPECT_THAT(StrataRun(folder + " --entry other").text, HasSubstr("there is no entry point \"other\""));
  EXPECT_THAT(StrataRun("--help").text, HasSubstr("strata-run BUNDLE < requests.jsonl"));
}

TEST(StrataRunTest, PrintsATableOfOperators) {
  const Result result = StrataRun(RaggedBundle().Write() + " --profile", R"({"inputs": {"ids": [1, 2, 3]}})");
  EXPECT_EQ(result.code, 0);
  for (const char* op : {"embedding", "linear", "segment_pool", "l2_normalize"})
    EXPECT_THAT(result.text, HasSubstr(op));
}

TEST(JsonTensorsTest, KeepsEveryBitBothWays) {
  const auto bundle = Bundle::Load(RmsNormBundle().Write(), {});
  ASSERT_TRUE(bundle.ok());
  Signature signature = (*bundle)->programs()[0].signature();
  const auto parsed = ParseInputs(
      R"({"inputs": {"x": [["NaN", "Infinity", "-Infinity", -0.0, 1e-45, 3.4028235e38, 0.1, 1]]}})", signature);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(OutputsJson(signature, parsed->tensors),
            R"({"outputs":{"y":[["NaN","Infinity","-Infinity",-0,1e-45,3.4028235e+38,0.1,1]]}})");
  const auto empty = ParseInputs(R"({"inputs": {"x": {"shape": [0, 8], "data": []}}})", signature);
  ASSERT_TRUE(empty.ok()) << empty.status();
  EXPECT_EQ(ShapeText(empty->views[0]), "[0, 8]");
  for (const char* bad :
       {R"({"shape": [1, 8], "data": []})", R"({"shape": [-1], "data": []})", R"({"shape": 1, "data": []})",
        R"({"shape": [4611686018427387904, 4], "data": []})", R"([[[[[[[[[1]]]]]]]]])"}) {
    EXPECT_FALSE(ParseInputs(std::string("{\"inputs\": {\"x\": ") + bad + "}}", signature).ok()) << bad;
  }
}

}  // namespace
}  // namespace strata::runtime
