// MemoryPlanner: where in one arena the values of a run lie. Two values share bytes only if no step needs both.
// Pure: ranges of steps and sizes in, offsets out. Who lives when is known once; sizes change with the dims, so Plan is
// called for every new batch shape and takes microseconds.
//
//   MemoryPlanner planner({{0, 2}, {1, 3}, {3, 4}});
//   if (planner.Plan(sizes)) arena.Reserve(planner.peak_bytes()); ... planner.offsets()[i] ...
//
// Greedy best fit: the largest value first, each into the tightest gap between those that live at the same time. Where
// that ends above what is alive at one step, the value on top goes first and all are placed again, a few times: on the
// models of research/zoo this comes from as much as 1.2 of that bound down to it.
#pragma once

#include <cstddef>
#include <vector>

#include "absl/types/span.h"

namespace strata::runtime {

// The steps, both included, during which a value must keep its bytes.
struct LiveRange {
  int first = 0;
  int last = 0;
};

class MemoryPlanner {
 public:
  explicit MemoryPlanner(std::vector<LiveRange> ranges);

  // False where the sum of sizes does not fit in 63 bits. No allocation. REQUIRES: one size for each range.
  bool Plan(absl::Span<const size_t> sizes);

  // By range; multiples of 64.
  absl::Span<const size_t> offsets() const { return offsets_; }
  size_t peak_bytes() const { return peak_bytes_; }
  // No plan can have a lower peak: the most bytes that are alive at one step.
  size_t lower_bound_bytes() const { return lower_bound_bytes_; }

 private:
  void FindLowerBound();
  void PlaceAll();
  void Place(size_t value);
  void TopFirst();

  std::vector<LiveRange> ranges_;
  std::vector<size_t> sizes_;   // rounded up to the alignment
  std::vector<size_t> order_;   // largest first
  std::vector<size_t> placed_;  // by offset
  std::vector<size_t> offsets_, best_offsets_;
  std::vector<size_t> changes_;  // by step: how many bytes begin to live less those that end, modulo 2^64
  size_t peak_bytes_ = 0;
  size_t lower_bound_bytes_ = 0;
};

}  // namespace strata::runtime
