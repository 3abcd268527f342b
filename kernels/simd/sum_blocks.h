// How sums are cut into blocks: part of the answer (docs/design/numerics.md), whatever the threads or the SIMD width.
// Plain C++, for variant tables that size their workspaces by it.
#pragma once

#include <cstddef>

namespace strata {

// A sum along a row goes into so many lanes on every processor, however wide its vectors are.
inline constexpr size_t kVirtualLanes = 64;
// Each lane adds this many / 64 elements in order; blocks are then added in pairs, and pairs of pairs.
inline constexpr size_t kLaneBlock = 1024;
// Dot products add in order, in blocks of this length.
inline constexpr size_t kSumBlock = 128;
// Sums down the rows add this many in order, then this many of those sums, then these: short chains, small errors.
// (reduce_outer has shorter runs of its own.)
inline constexpr size_t kColumnBlock = 16;

}  // namespace strata
