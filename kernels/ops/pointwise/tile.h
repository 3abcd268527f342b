// What the parts of a pointwise program work on: a tile of elements, small enough for the first-level cache.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace strata::pointwise {

// Elements computed by one step before the next one runs: its results fill 2 KiB of float32.
inline constexpr size_t kTile = 512;
// Tiles end at multiples of this, past the last element if need be: whole strips of a chain (chain-inl.h).
inline constexpr size_t kTileStep = 128;

// Element i of a value lies at data + (i & mask) elements: all ones; 0 for one that is the same everywhere (64 bytes of
// it); kTileStep - 1 for one that lives within a chain.
struct Place {
  std::byte* data;
  size_t mask;
};

// A step that runs over the whole tile by itself.
struct Tile {
  std::array<const void*, 3> in;
  std::array<size_t, 3> mask;
  void* out;
  size_t count;  // a multiple of kTileStep
  // Of random numbers, whose in[0] has all seeds: elements that are no padding, the position of the first one in the
  // output, elements that share a seed.
  size_t drawn;
  uint64_t position, block;
};
using StepFn = void (*)(const Tile&);

// A part of a chain (chain-inl.h), which ends by calling the next one.
struct Link {
  void (*run)();  // a RunFn of the chain's type
  std::array<const Place*, 2> in;
  const Place* out;  // or a third operand
};

// A chain, or one step.
struct Part {
  void (*run_chain)(const Link* first, size_t count);  // nullptr: a step
  const Link* first;
  StepFn run_step;
  size_t step;
};

}  // namespace strata::pointwise
