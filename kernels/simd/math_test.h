// What math_test.cc asks for, outside the part that is compiled once per target.
#pragma once

#include <cstdint>

namespace strata {

enum class Function : uint8_t { kExp, kLog, kErf, kTanh };
inline constexpr Function kFunctions[] = {Function::kExp, Function::kLog, Function::kErf, Function::kTanh};

constexpr const char* NameOf(Function function) {
  constexpr const char* kNames[] = {"exp", "log", "erf", "tanh"};
  return kNames[static_cast<int>(function)];
}

}  // namespace strata
