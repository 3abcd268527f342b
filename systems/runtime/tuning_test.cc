#include "systems/runtime/tuning.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace strata::runtime {
namespace {

using testing::HasSubstr;

class TuningTest : public testing::Test {
 protected:
  TuningTest() {
    std::filesystem::create_directories(folder_ + "/strata");
    setenv("XDG_CACHE_HOME", folder_.c_str(), 1);
    unsetenv("STRATA_TUNING");
  }
  void Write(const std::string& text) const { std::ofstream(folder_ + "/strata/tuning.txt") << text; }

  const std::string folder_ = testing::TempDir() + testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(TuningTest, NoTableIsNoError) { EXPECT_TRUE(LoadTuningTable().ok()); }

TEST_F(TuningTest, ReadsTheUsersTable) {
  Write("# nothing here\nrms_norm float32 *=8 D=64 simd\n");
  EXPECT_TRUE(LoadTuningTable().ok());
  Write("rms_norm float32 D=60 simd\n");
  EXPECT_THAT(std::string(LoadTuningTable().message()), HasSubstr("tuning.txt: tuning table, line 1: wanted a dim"));
}

TEST_F(TuningTest, AFileThatIsNamedMustBeThere) {
  Write("nonsense\n");
  setenv("STRATA_TUNING", "", 1);
  EXPECT_TRUE(LoadTuningTable().ok());
  setenv("STRATA_TUNING", (folder_ + "/none.txt").c_str(), 1);
  EXPECT_THAT(std::string(LoadTuningTable().message()), HasSubstr("none.txt"));
}

}  // namespace
}  // namespace strata::runtime
