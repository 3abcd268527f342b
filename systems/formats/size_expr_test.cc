#include "systems/formats/size_expr.h"

#include <gtest/gtest.h>

#include <climits>

namespace strata::runtime {
namespace {

const std::vector<std::string>& Names() {
  static const auto& names = *new std::vector<std::string>{"B", "N", "Kv_heads"};
  return names;
}

int64_t Eval(std::string_view text, int64_t b, int64_t n) {
  const auto e = SizeExpr::Parse(text, Names());
  EXPECT_TRUE(e.ok()) << e.status();
  return e.ok() ? e->Evaluate({b, n, 3}).value_or(-1) : -2;
}

TEST(SizeExprTest, MeansWhatPythonMeans) {
  EXPECT_EQ(Eval("7", 0, 0), 7);
  EXPECT_EQ(Eval("B+1", 4, 0), 5);
  EXPECT_EQ(Eval("2+3*B", 4, 0), 14);
  EXPECT_EQ(Eval("(2+3)*B", 4, 0), 20);
  EXPECT_EQ(Eval("N-B-1", 4, 10), 5);
  EXPECT_EQ(Eval("N//B*B", 4, 11), 8);
  EXPECT_EQ(Eval("N%B+N//B", 4, 11), 5);
  EXPECT_EQ(Eval("((((B))))", 4, 11), 4);
  EXPECT_EQ(Eval("Kv_heads*2", 0, 0), 6);
  EXPECT_EQ(Eval("2-3+N", 0, 1), 0);
}

TEST(SizeExprTest, GivesNothingForWhatIsNoSize) {
  EXPECT_EQ(Eval("B-N", 1, 2), -1);
  EXPECT_EQ(Eval("N//B", 0, 2), -1);
  EXPECT_EQ(Eval("N%B", 0, 2), -1);
  EXPECT_EQ(Eval("(B-N)//2+5", 1, 2), -1);
  EXPECT_EQ(Eval("N*N", 0, int64_t{1} << 40), -1);
  EXPECT_EQ(Eval("N+9223372036854775807", 0, 1), -1);
  EXPECT_EQ(Eval("1-2", 0, 0), -1);
}

TEST(SizeExprTest, RefusesWhatItDoesNotUnderstand) {
  for (const char* text : {"",
                           " ",
                           "B +1",
                           "B+",
                           "+B",
                           "B//",
                           "B/2",
                           "B**2",
                           "(B",
                           "B)",
                           "()",
                           "C",
                           "b",
                           "-1",
                           "1.5",
                           "007",
                           "9223372036854775808",
                           "B B",
                           "2B",
                           "B;",
                           "B\n"}) {
    EXPECT_FALSE(SizeExpr::Parse(text, Names()).ok()) << text;
  }
  EXPECT_FALSE(SizeExpr::Parse(std::string_view("B\0", 2), Names()).ok());
  EXPECT_TRUE(SizeExpr::Parse(std::string(32, '(') + std::string(32, ')'), Names()).status().message().size() > 0);
  EXPECT_FALSE(SizeExpr::Parse(std::string(65, '1'), Names()).ok());
  const std::string deep = std::string(31, '(') + "B" + std::string(31, ')');
  EXPECT_TRUE(SizeExpr::Parse(deep, Names()).ok());
}

TEST(SizeExprTest, KnowsFromWhichSizesADimCanBeTold) {
  const auto linear = [](std::string_view text) { return SizeExpr::Parse(text, Names())->linear(); };
  ASSERT_TRUE(linear("2*(N+3)-N").has_value());
  EXPECT_EQ(linear("2*(N+3)-N")->dim, 1);
  EXPECT_EQ(linear("2*(N+3)-N")->scale, 1);
  EXPECT_EQ(linear("2*(N+3)-N")->offset, 6);
  EXPECT_EQ(linear("B*4")->scale, 4);
  for (const char* text : {"B*N", "B+N", "N//2", "N%2", "N-N", "5-N", "0*N"}) EXPECT_FALSE(linear(text)) << text;
  EXPECT_EQ(SizeExpr::Parse("6//4+1", Names())->constant(), 2);
  EXPECT_TRUE(SizeExpr::Parse("B+1", Names())->IsDimPlusOne(0));
  EXPECT_TRUE(SizeExpr::Parse("B", Names())->IsDim(0));
  EXPECT_FALSE(SizeExpr::Parse("2*B", Names())->IsDim(0));
}

}  // namespace
}  // namespace strata::runtime
