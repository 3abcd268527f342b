// Bundles that lie: the fuzzer's corpus with many changes to what it says, the same ones every time. Each is refused
// with a sentence or runs; under a sanitizer nothing is read or written out of bounds. The fuzzer itself goes further.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "systems/runtime/bundle_sections.h"
#include "systems/runtime/json_mutator.h"

namespace strata::runtime {
namespace {

TEST(BundleLiesTest, AreRefusedOrRun) {
  constexpr uint32_t kEach = 1500;
  int loaded = 0, refused = 0, files = 0;
  for (const auto& entry : std::filesystem::directory_iterator("systems/runtime/fuzz_corpus/bundle")) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string text(std::istreambuf_iterator<char>(file), {});
    ++files;
    const std::string name = entry.path().filename();
    EXPECT_EQ(LoadAndRunSections(text), name != "cycle" && name != "huge") << name;  // which are lies themselves
    for (uint32_t seed = 0; seed < kEach; ++seed) ++(LoadAndRunSections(MutateSections(text, seed)) ? loaded : refused);
  }
  EXPECT_GE(files, 5);
  // Else the changes would be too small to matter, or so large that nothing gets past the parser.
  EXPECT_GT(loaded, files * static_cast<int>(kEach) / 100);
  EXPECT_GT(refused, files * static_cast<int>(kEach) / 4);
}

TEST(JsonMutatorTest, ChangesValuesAndKeepsMostOfTheText) {
  JsonMutator mutator(1);
  const std::string text = R"({"a": [1, 2, {"b": "B+1"}], "c": "float32"})";
  int changed = 0;
  for (int i = 0; i < 200; ++i) changed += mutator.Mutate(text) != text;
  EXPECT_GT(changed, 180);
  EXPECT_EQ(mutator.Mutate(""), "");
  EXPECT_EQ(mutator.Mutate("  "), "  ");
}

}  // namespace
}  // namespace strata::runtime
