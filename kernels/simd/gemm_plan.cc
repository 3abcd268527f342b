#include "kernels/simd/gemm_plan.h"

#include <algorithm>

#include "kernels/base/aligned_buffer.h"

namespace strata {
namespace {

constexpr size_t CeilDiv(size_t a, size_t b) { return (a + b - 1) / b; }

// The panels that a group of A's rows meets stay in the third-level cache.
constexpr size_t kPanelsBytes = size_t{4} << 20;
// Steps of k at a time: a multiple of the sum's block, so that sums are cut where they are anyway.
constexpr size_t kSteps = 128;
// Fewer multiply-adds than this are not worth another thread: about 12 us at 40 a nanosecond.
constexpr size_t kPartWork = size_t{1} << 19;
// Packing an element takes as long as this many multiply-adds; so does reading it for a few rows.
constexpr size_t kPackCost = 8;

// The cheapest grid of at most `parts` parts.
void Split(GemmPlan& plan, GemmShape shape, size_t panel, bool packed, size_t parts) {
  const size_t units = CeilDiv(shape.m, kGemmRowUnit), panels = std::max<size_t>(1, CeilDiv(shape.n, panel));
  size_t best = ~size_t{0};
  for (size_t row_parts = 1; row_parts <= std::min(parts, units); ++row_parts) {
    const size_t column_parts = std::min(parts / row_parts, panels);
    const size_t rows = std::min(shape.m, CeilDiv(units, row_parts) * kGemmRowUnit);
    const size_t width = CeilDiv(panels, column_parts) * panel;
    const size_t cost = rows * width + kPackCost * (rows + (packed ? 0 : width));
    if (cost < best) best = cost, plan.row_parts = row_parts, plan.column_parts = column_parts;
  }
}

}  // namespace

size_t PackedBytes(size_t n, size_t k, size_t element) {
  return AlignUp(CeilDiv(n * element, kPanelBytes) * kPanelBytes * k);
}

GemmPlan PlanGemm(GemmShape shape, size_t element, GemmOptions options, int num_threads) {
  const size_t panel = kPanelBytes / element, panels = std::max<size_t>(1, CeilDiv(shape.n, panel));
  const size_t k = std::max<size_t>(1, shape.k);
  const size_t work = std::max(shape.m, kPackCost) * shape.n * k;
  const size_t parts = std::clamp<size_t>(work / kPartWork, 1, static_cast<size_t>(num_threads));
  GemmPlan plan;
  plan.tile_rows = options.blocks.tile_rows;
  if (shape.m <= kFewRows) {
    plan.column_parts = std::clamp<size_t>(panels, 1, parts);
    plan.a_bytes = AlignUp(kFewRows * k * element);
    plan.b_bytes = kPanelBytes * k;
    plan.part_bytes = plan.a_bytes + plan.b_bytes;
    return plan;
  }
  Split(plan, shape, panel, options.packed, parts);
  // Where sums have to wait anyway, shorter blocks: larger groups of rows read B's panels fewer times.
  const size_t most_steps = k > options.blocks.most_steps ? options.blocks.most_steps / 2 : options.blocks.most_steps;
  plan.block_steps = CeilDiv(CeilDiv(k, CeilDiv(k, most_steps)), kSteps) * kSteps;
  const size_t steps = std::min(k, plan.block_steps);
  const size_t rows = CeilDiv(CeilDiv(shape.m, kGemmRowUnit), plan.row_parts) * kGemmRowUnit;
  const size_t part_panels = CeilDiv(panels, plan.column_parts);
  plan.group_rows =
      std::clamp(options.blocks.group_bytes / (steps * element) / kGemmRowUnit * kGemmRowUnit, kGemmRowUnit, rows);
  // One group uses each panel once, as soon as it is packed.
  const bool once = plan.group_rows >= rows;
  plan.group_panels = once ? part_panels : std::clamp<size_t>(kPanelsBytes / (steps * kPanelBytes), 1, part_panels);
  plan.a_bytes = AlignUp(plan.group_rows * steps * element);
  plan.b_bytes = options.packed ? 0 : (once ? 1 : plan.group_panels) * kPanelBytes * steps;
  const bool waits = !options.in_place && steps < k;
  plan.part_bytes = plan.a_bytes + plan.b_bytes + (waits ? rows * plan.group_panels * kPanelBytes : 0);
  if (!options.packed && ReadsPlain(shape, element)) {
    plan.part_bytes = std::max(plan.part_bytes, AlignUp(CeilDiv(rows, panel) * kPanelBytes * k));
  }
  return plan;
}

}  // namespace strata
