// int8 in plain C++: any processor, the same bits.
#include <algorithm>

#include "kernels/dot/dot_rows.h"

namespace strata {
namespace {

int32_t DotOfBytes(uint32_t a, uint32_t b) {
  int32_t sum = 0;
  for (int shift = 0; shift < 32; shift += 8) {
    sum += static_cast<int8_t>(a >> shift & 0xff) * static_cast<int8_t>(b >> shift & 0xff);
  }
  return sum;
}

void Tile(const DotTile& tile, size_t rows, size_t) {
  for (size_t r = 0; r < rows; ++r) {
    uint32_t* sums = tile.sums + r * tile.sums_row;
    if (tile.start) std::fill(sums, sums + kPanelColumns, 0u);
    for (size_t s = 0; s < tile.steps; ++s) {
      const uint32_t a = tile.a[s / kBlockSteps * tile.block + r * tile.a_row + s % kBlockSteps];
      const uint32_t* b = tile.b + s * kPanelColumns;
      for (size_t c = 0; c < kPanelColumns; ++c) sums[c] += static_cast<uint32_t>(DotOfBytes(a, b[c]));
    }
  }
}

}  // namespace

const DotKernel& Int8PlainKernel() {
  static constexpr DotKernel kKernel = {.tile_rows = 8, .tile = Tile, .rows = Int8PlainRows};
  return kKernel;
}

}  // namespace strata
