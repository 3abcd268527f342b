#include "kernels/dot/dot_pack.h"

#include <algorithm>
#include <cstring>

#include "kernels/dot/dot.h"

namespace strata {

void PackPanelPlain(const void* source, size_t stride, size_t columns, size_t bytes, size_t first, size_t steps,
                    uint32_t* out) {
  std::memset(out, 0, steps * kPanelColumns * sizeof(uint32_t));
  const size_t begin = std::min(bytes, first * sizeof(uint32_t));
  const size_t end = std::min(bytes, (first + steps) * sizeof(uint32_t));
  for (size_t j = 0; j < columns; ++j) {
    const std::byte* row = static_cast<const std::byte*>(source) + j * stride;
    size_t at = begin;
    for (uint32_t* to = out + j; at + sizeof(uint32_t) <= end; at += sizeof(uint32_t), to += kPanelColumns) {
      std::memcpy(to, row + at, sizeof(uint32_t));
    }
    if (at < end) std::memcpy(out + (at - begin) / sizeof(uint32_t) * kPanelColumns + j, row + at, end - at);
  }
}

void PackRows(const void* source, size_t stride, size_t rows, size_t bytes, size_t steps, uint32_t* out, size_t block) {
  for (size_t r = 0; r < rows; ++r) {
    const std::byte* row = static_cast<const std::byte*>(source) + r * stride;
    for (size_t first = 0; first < steps; first += kBlockSteps) {
      const size_t space = std::min(kBlockSteps, steps - first) * sizeof(uint32_t), at = first * sizeof(uint32_t);
      const size_t have = std::min(space, bytes - std::min(bytes, at));
      auto* to = reinterpret_cast<std::byte*>(out + first / kBlockSteps * block + r * kRowSteps);
      if (have > 0) std::memcpy(to, row + at, have);
      std::memset(to + have, 0, space - have);
    }
  }
}

}  // namespace strata
