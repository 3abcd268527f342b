// What an instruction of a pointwise program is given: a tile of elements, small enough for the first-level cache.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace strata::pointwise {

// Elements computed by one instruction before the next one runs: its results fill 2 KiB of float32.
inline constexpr size_t kTile = 512;
// Tiles end at multiples of this, past the last element if need be: whole vectors of every type.
inline constexpr size_t kTileStep = 64;

struct Tile {
  std::array<const void*, 3> in;
  // An operand is read at element i & mask: all ones, or 0 for one that is the same everywhere (64 bytes of it).
  std::array<size_t, 3> mask;
  void* out;
  size_t count;       // a multiple of kTileStep
  uint64_t position;  // of the tile's first element in the output
};
using StepFn = void (*)(const Tile&);

}  // namespace strata::pointwise
