#include "systems/runtime/memory_plan.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>
#include <utility>

#include "kernels/base/aligned_buffer.h"

namespace strata::runtime {
namespace {

// Placing is quadratic: many values are placed again less often.
constexpr size_t kMostTries = 16, kPlacings = size_t{16} << 20;

bool Overlap(const LiveRange& a, const LiveRange& b) { return a.first <= b.last && b.first <= a.last; }

}  // namespace

MemoryPlanner::MemoryPlanner(std::vector<LiveRange> ranges) : ranges_(std::move(ranges)) {
  sizes_.resize(ranges_.size());
  order_.resize(ranges_.size());
  offsets_.resize(ranges_.size());
  best_offsets_.resize(ranges_.size());
  int steps = 0;
  for (const LiveRange& range : ranges_) steps = std::max(steps, range.last + 1);
  changes_.resize(static_cast<size_t>(steps) + 1);
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
  FindLowerBound();
  PlaceAll();
  size_t best = peak_bytes_;
  const size_t tries = std::min(kMostTries, kPlacings / std::max<size_t>(1, order_.size() * order_.size()));
  for (size_t i = 0; i < tries && best > lower_bound_bytes_; ++i) {
    if (peak_bytes_ == best) best_offsets_ = offsets_;
    TopFirst();
    PlaceAll();
    best = std::min(best, peak_bytes_);
  }
  if (peak_bytes_ > best) {
    offsets_.swap(best_offsets_);
    peak_bytes_ = best;
  }
  return true;
}

void MemoryPlanner::FindLowerBound() {
  std::fill(changes_.begin(), changes_.end(), size_t{0});
  for (size_t i = 0; i < ranges_.size(); ++i) {
    changes_[static_cast<size_t>(ranges_[i].first)] += sizes_[i];
    changes_[static_cast<size_t>(ranges_[i].last) + 1] -= sizes_[i];
  }
  size_t live = 0;
  lower_bound_bytes_ = 0;
  for (const size_t change : changes_) lower_bound_bytes_ = std::max(lower_bound_bytes_, live += change);
}

// What reaches the peak moves to the front of the order; the rest stays as it is.
void MemoryPlanner::TopFirst() {
  auto front = order_.begin();
  for (auto at = order_.begin(); at != order_.end(); ++at) {
    if (sizes_[*at] == 0 || offsets_[*at] + sizes_[*at] != peak_bytes_) continue;
    std::rotate(front, at, at + 1);  // in place: std::stable_partition takes memory
    ++front;
  }
}

void MemoryPlanner::PlaceAll() {
  placed_.clear();
  peak_bytes_ = 0;
  for (const size_t value : order_) Place(value);
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

}  // namespace strata::runtime
