// One call of a pointwise program, cut into tiles, and the working memory that it takes.
//
// Memory: 64 bytes for each constant; then for each thread the links of its chains and its slots: one for each value
// that lives at the same time, one for each input (converted, or spread out where it broadcasts), one for each output
// (where a tile is cut short).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/ops/pointwise/broadcast.h"
#include "kernels/ops/pointwise/program.h"
#include "kernels/ops/pointwise/tile.h"

namespace strata::pointwise {

inline constexpr size_t kConstantBytes = 64;

// The odd 64 bytes: slots 2 KiB apart would fall on few sets of the cache.
inline size_t SlotBytes(const Program& program) { return kTile * static_cast<size_t>(program.schedule.width) + 64; }
// Per step: up to three inputs to convert, a load, the work, a rounding, two stores, the chain's end.
inline constexpr size_t kLinksPerStep = 9;
inline size_t LinkBytes(const Program& program) {
  const size_t steps = static_cast<size_t>(program.schedule.num_steps);
  return (steps * (kLinksPerStep * sizeof(Link) + sizeof(Part)) + 63) / 64 * 64;
}
inline size_t ThreadBytes(const Program& program) {
  const int slots = program.schedule.num_slots + program.num_inputs + program.num_outputs;
  return LinkBytes(program) + SlotBytes(program) * static_cast<size_t>(slots);
}

struct Work {
  const Program& program;
  const Broadcast& broadcast;
  std::span<const TensorView> inputs, outputs;
  std::byte* memory;
  bool streams;  // outputs are larger than the caches: each tile goes past them

  // Tiles lie within runs of the innermost dim where those are long enough (an input that broadcasts is then read where
  // it is), else they go over all elements in order. One run takes `tiles_per_run`.
  bool by_run() const { return broadcast.inner >= static_cast<int64_t>(kTile / 2) || AllWhole(); }
  int64_t run() const { return by_run() ? broadcast.inner : broadcast.total; }
  int64_t tiles_per_run() const {
    const int64_t n = run(), step = static_cast<int64_t>(kTileStep), tile = static_cast<int64_t>(kTile);
    // The elements past the last whole step of a run are a tile of their own, on copies.
    return n / step * step / tile + (n / step * step % tile != 0) + (n % step != 0);
  }
  int64_t num_tiles() const { return broadcast.total / run() * tiles_per_run(); }

 private:
  bool AllWhole() const { return broadcast.inner == broadcast.total; }
};

}  // namespace strata::pointwise
