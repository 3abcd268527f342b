// The reductions that the ops `reduce` and `reduce_outer` share, in the order of their schemas' choice.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace strata {

enum class Reduction : uint8_t { kSum, kMean, kMax, kMin, kSumSquares, kVar, kStd };
inline constexpr std::string_view kReductions = "sum|mean|max|min|sum_squares|var|std";

// What a variance's sum of squares is divided by; 0 gives NaN, or infinity.
constexpr double VarianceDivisor(int64_t count, int64_t correction) {
  return static_cast<double>(std::max<int64_t>(0, count - correction));
}

}  // namespace strata
