#include "systems/runtime/memory_plan.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "kernels/base/aligned_buffer.h"

namespace strata::runtime {
namespace {

bool Overlap(const LiveRange& a, const LiveRange& b) { return a.first <= b.last && b.first <= a.last; }

}  // namespace

MemoryPlanner::MemoryPlanner(std::vector<LiveRange> ranges) : ranges_(std::move(ranges)) {
  sizes_.resize(ranges_.size());
  order_.resize(ranges_.size());
  offsets_.resize(ranges_.size());
  placed_.reserve(ranges_.size());
}

bool MemoryPlanner::Plan(absl::Span<const size_t> sizes) {
  size_t sum = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    constexpr size_t kMost = std::numeric_limits<int64_t>::max() - kAlignment;
    if (sizes[i] > kMost || __builtin_add_overflow(sum, AlignUp(sizes[i]), &sum) || sum > kMost) return false;
    sizes_[i] = AlignUp(sizes[i]);
  }
  std::iota(order_.begin(), order_.end(), size_t{0});
  std::sort(order_.begin(), order_.end(), [&](size_t a, size_t b) {
    if (sizes_[a] != sizes_[b]) return sizes_[a] > sizes_[b];
    return ranges_[a].first != ranges_[b].first ? ranges_[a].first < ranges_[b].first : a < b;
  });
  placed_.clear();
  peak_bytes_ = 0;
  for (const size_t value : order_) Place(value);
  return true;
}

void MemoryPlanner::Place(size_t value) {
  const size_t size = sizes_[value];
  offsets_[value] = 0;
  if (size == 0) return;  // no bytes: it lies anywhere
  size_t end = 0;         // of the neighbours in time that were passed
  size_t best = 0, best_gap = std::numeric_limits<size_t>::max();
  for (const size_t other : placed_) {
    if (!Overlap(ranges_[value], ranges_[other])) continue;
    if (offsets_[other] > end) {
      const size_t gap = offsets_[other] - end;
      if (gap >= size && gap < best_gap) {
        best = end;
        best_gap = gap;
        if (gap == size) break;
      }
    }
    end = std::max(end, offsets_[other] + sizes_[other]);
  }
  const size_t offset = best_gap == std::numeric_limits<size_t>::max() ? end : best;
  offsets_[value] = offset;
  peak_bytes_ = std::max(peak_bytes_, offset + size);
  const auto at = std::upper_bound(placed_.begin(), placed_.end(), offset,
                                   [&](size_t o, size_t other) { return o < offsets_[other]; });
  placed_.insert(at, value);
}

size_t MemoryPlanner::LowerBoundBytes() const {
  std::map<int, int64_t> change;
  for (size_t i = 0; i < ranges_.size(); ++i) {
    change[ranges_[i].first] += static_cast<int64_t>(sizes_[i]);
    change[ranges_[i].last + 1] -= static_cast<int64_t>(sizes_[i]);
  }
  int64_t live = 0, most = 0;
  for (const auto& [step, delta] : change) most = std::max(most, live += delta);
  return static_cast<size_t>(most);
}

}  // namespace strata::runtime
