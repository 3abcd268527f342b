#include "systems/runtime/strided_copy.h"

#include <array>
#include <cstdint>
#include <cstring>

namespace strata::runtime {

void CopyContiguous(const TensorView& from, void* out) {
  const int64_t elements = from.numel();
  if (elements == 0) return;
  // The dims at the back that lie as a contiguous tensor's do move as one piece.
  int outer = from.rank;
  int64_t piece = 1;
  while (outer > 0 && (from.size(outer - 1) == 1 || from.stride(outer - 1) == piece)) piece *= from.size(--outer);
  const size_t width = SizeOf(from.dtype), piece_bytes = static_cast<size_t>(piece) * width;
  const auto* base = static_cast<const std::byte*>(from.data);
  auto* to = static_cast<std::byte*>(out);
  std::array<int64_t, kMaxRank> at = {};
  for (int64_t done = 0; done < elements; done += piece) {
    int64_t offset = 0;
    for (int d = 0; d < outer; ++d) offset += at[static_cast<size_t>(d)] * from.stride(d);
    std::memcpy(to, base + static_cast<size_t>(offset) * width, piece_bytes);
    to += piece_bytes;
    for (int d = outer - 1; d >= 0 && ++at[static_cast<size_t>(d)] == from.size(d); --d) at[static_cast<size_t>(d)] = 0;
  }
}

}  // namespace strata::runtime
