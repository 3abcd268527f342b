// What math_test.cc asks for, outside the part that is compiled once per target.
#pragma once

#include <cstdint>

namespace strata {

enum class Function : uint8_t { kExp, kLog, kErf, kTanh, kExpm1, kLog1p, kSin, kCos, kPow };
inline constexpr Function kFunctions[] = {Function::kExp,  Function::kLog,   Function::kErf,
                                          Function::kTanh, Function::kExpm1, Function::kLog1p,
                                          Function::kSin,  Function::kCos,   Function::kPow};
inline constexpr double kExponent = -2.7;  // of kPow

constexpr const char* NameOf(Function function) {
  constexpr const char* kNames[] = {"exp", "log", "erf", "tanh", "expm1", "log1p", "sin", "cos", "pow"};
  return kNames[static_cast<int>(function)];
}

}  // namespace strata
