// What the validator of programs refuses, and how it says so.
#include "kernels/ops/pointwise/program.h"

#include <gtest/gtest.h>

#include <string>

namespace strata::pointwise {
namespace {

std::string ErrorOf(const std::string& text) {
  const Decoded decoded = Decode(text);
  EXPECT_EQ(decoded.program, nullptr) << text;
  return decoded.error;
}

TEST(ProgramTest, ErrorsNameTheInstruction) {
  const std::string in = "float32 x0, bfloat16 x1; ";
  EXPECT_EQ(ErrorOf(in + "v0 = add(x0, x1); return v0"),
            "program: instruction 0, \"v0 = add(x0, x1)\": operands of float32 and bfloat16: a cast is wanted");
  EXPECT_EQ(ErrorOf(in + "v0 = exp(x0); v1 = gulu(v0); return v1"),
            "program: instruction 1, \"v1 = gulu(v0)\": no operation is named \"gulu\"");
  EXPECT_EQ(ErrorOf(in + "v0 = exp(v0); return v0"),
            "program: instruction 0, \"v0 = exp(v0)\": v0 is not defined before it");
  EXPECT_EQ(ErrorOf(in + "v0 = exp(x7); return v0"),
            "program: instruction 0, \"v0 = exp(x7)\": x7 is not defined before it");
  EXPECT_EQ(ErrorOf("int8 x0; v0 = exp(x0); return v0"),
            "program: the inputs, \"int8 x0\": \"int8\" is not a dtype that a program takes");
  EXPECT_EQ(ErrorOf("int32 x0; v0 = exp(x0); return v0"),
            "program: instruction 0, \"v0 = exp(x0)\": exp does not take int32");
}

TEST(ProgramTest, RefusesWhatIsNotTheFormat) {
  const std::string in = "float32 x0, int64 x1; ";
  for (const char* rest : {"",
                           "return x0",
                           "v0 = exp(x0)",
                           "v0 = exp(x0);return v0",
                           "v1 = exp(x0); return v1",
                           "v0 = exp(x0); return v1",
                           "v0 = exp(x0); return v0 ",
                           "v0 = exp(x0); return v0, v0",
                           "v0 = exp( x0); return v0",
                           "v0 = exp(x0, x0); return v0",
                           "v0 = add(x0); return v0",
                           "v0 = add(1, 2); return v0",
                           "v0 = add(x0, 1e999); return v0",
                           "v0 = add(x0, one); return v0",
                           "v0 = add(x0, +1); return v0",
                           "v0 = add(x0, 0x1); return v0",
                           "v0 = add(x0, infinity); return v0",
                           "v0 = add(x1, 1.5); return v0",
                           "v0 = add(x1, 9223372036854775808); return v0",
                           "v0 = select(x0, x0, x0); return v0",
                           "v0 = select(true, x0, x0); return v0",
                           "v0 = uniform(x0, 1); return v0",
                           "v0 = uniform(x1, -1); return v0",
                           "v0 = uniform(x1, x1); return v0",
                           "v00 = exp(x0); return v00",
                           "v0 = exp(x00); return v0",
                           "v0 = cast(x0); return v0",
                           "v0 = and(x0, x0); return v0",
                           "v0 = add(x0, ); return v0"}) {
    ErrorOf(in + rest);
  }
  ErrorOf("float32 x1; v0 = exp(x1); return v0");
  ErrorOf("");
  ErrorOf(std::string(9000, 'x'));
  std::string many = in;
  for (int i = 0; i <= kMaxInstructions; ++i) {
    many += "v" + std::to_string(i) + " = neg(x0); ";
  }
  EXPECT_NE(ErrorOf(many + "return v0").find("more than 256 instructions"), std::string::npos);
}

}  // namespace
}  // namespace strata::pointwise
