// strata-run as a user sees it: its standard output, its exit code, its sentences.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "systems/formats/file.h"
#include "systems/formats/json.h"
#include "systems/formats/npy.h"
#include "systems/formats/text.h"
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

TEST(StrataRunTest, ReadsAndWritesNpyFilesByName) {
  const std::string folder = RaggedBundle().Write();
  const auto path = [&](const char* name) { return folder + "/" + name; };
  TensorBag bag;
  const auto write = [&](const char* name, const TensorView& view) {
    const auto bytes = WriteNpy(view);
    ASSERT_TRUE(bytes.ok());
    std::ofstream(path(name), std::ios::binary).write(bytes->data(), static_cast<std::streamsize>(bytes->size()));
  };
  write("ids.npy", bag.Ints("ids", {3}, {1, 2, 3}));
  write("ends.npy", bag.Ints("ends", {2}, {0, 3}));
  const Result result = StrataRun(Cat(folder, " --input ids=", path("ids.npy"), ",cu_seqlens=", path("ends.npy"),
                                      " --output vectors=", path("v.npy"), ",tokens=", path("t.npy")));
  EXPECT_EQ(result.code, 0) << result.text;
  EXPECT_EQ(result.text, "");
  const auto file = MapFile(path("t.npy"), 1 << 20);
  ASSERT_TRUE(file.ok());
  const auto tokens = ParseNpy(file->bytes());
  ASSERT_TRUE(tokens.ok()) << tokens.status();
  EXPECT_EQ(ShapeText(*tokens), "[3, 1, 3]");
  EXPECT_THAT(StrataRun(folder + " --input " + path("ids.npy")).text, HasSubstr("is one input, wanted 2"));
  EXPECT_THAT(StrataRun(folder + " --input other=" + path("ids.npy")).text, HasSubstr("has no input \"other\""));
  const std::string both = Cat("ids=", path("ids.npy"), ",ids=", path("ids.npy"));
  EXPECT_THAT(StrataRun(folder + " --input " + both).text, HasSubstr("the input \"ids\" is there twice"));
  EXPECT_THAT(StrataRun(folder + " --input " + path("none.npy")).text, HasSubstr("none.npy"));
  std::ofstream(path("request.json")) << R"({"inputs": {"ids": [1, 2, 3]}})";
  const Result one = StrataRun(folder + " --input " + path("request.json") + " --output " + path("v.npy"));
  EXPECT_THAT(one.text, HasSubstr("a .npy file is one output, there are 2"));
}

TEST(StrataRunTest, PrintsATableOfOperatorsAndWritesATrace) {
  const std::string folder = RaggedBundle().Write();
  const Result result = StrataRun(folder + " --profile --repeat 3 --trace " + folder + "/trace.json",
                                  R"({"inputs": {"ids": [1, 2, 3]}})");
  EXPECT_EQ(result.code, 0);
  for (const char* text :
       {"embedding", "linear", "segment_pool", "l2_normalize", "memory: embed at B = 1, N = 3: a peak"})
    EXPECT_THAT(result.text, HasSubstr(text));
  std::ifstream file(folder + "/trace.json");
  const std::string trace(std::istreambuf_iterator<char>(file), {});
  EXPECT_TRUE(JsonDocument::Parse(trace, 8).ok()) << trace;
  EXPECT_THAT(trace, HasSubstr("\"run\": 2"));
  EXPECT_EQ(StrataRun(folder + " --repeat 0").code, 2);
  EXPECT_THAT(StrataRun(folder + " --trace /none/trace.json", R"({"inputs": {"ids": [1]}})").text,
              HasSubstr("could not write"));
}

TEST(StrataRunTest, SaysWhatMemoryRunsTake) {
  const std::string folder = RaggedBundle().Write();
  const Result result = StrataRun(folder + " --memory");
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.text, HasSubstr("memory: embed at B = 2, N = 5: a peak of "));
  EXPECT_THAT(result.text, HasSubstr("memory: embed at B = 32, N = 256: a peak of "));
  EXPECT_THAT(result.text, HasSubstr("1 of 6 steps in place"));
  EXPECT_THAT(StrataRun(folder + " --memory --noin_place").text, HasSubstr("0 of 6 steps in place"));
}

// readelf says what a program asks the loader for. With a sanitizer it is not static.
TEST(StrataRunTest, IsOneStaticFileBelowTenMegabytes) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers are shared libraries";
#endif
  FILE* pipe = popen("readelf -lW systems/runtime/strata-run; readelf -dW systems/runtime/strata-run", "r");
  std::string text;
  std::array<char, 4096> buffer;
  while (const size_t n = fread(buffer.data(), 1, buffer.size(), pipe)) text.append(buffer.data(), n);
  ASSERT_EQ(pclose(pipe), 0);
  ASSERT_THAT(text, HasSubstr("LOAD"));
  EXPECT_THAT(text, testing::Not(HasSubstr("NEEDED")));
  EXPECT_THAT(text, testing::Not(HasSubstr("INTERP")));
  EXPECT_LT(std::filesystem::file_size("systems/runtime/strata-run"), 10'000'000u);
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
