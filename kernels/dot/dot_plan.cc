#include "kernels/dot/dot_plan.h"

#include <algorithm>

#include "kernels/base/aligned_buffer.h"

namespace strata {
namespace {

constexpr size_t CeilDiv(size_t a, size_t b) { return (a + b - 1) / b; }

// A group's part of a pass stays in the second-level cache beside a panel of B (1 MiB on the machines measured).
constexpr size_t kPassSteps = 1024;
// Panels packed here, and sums that wait, stay in the third-level cache. Else panels are gone through in one: a group
// of rows gives memory the time.
constexpr size_t kChunkBytes = size_t{4} << 20;
// Fewer steps than this are not worth another thread: about 12 us at 60 a nanosecond.
constexpr size_t kPartWork = size_t{1} << 19;
// Packing a step takes as long as this many multiply-adds: four numbers are turned into bytes.
constexpr size_t kPackCost = 24;
// So does reading one of B.
constexpr size_t kReadCost = 4;

}  // namespace

DotPlan PlanDot(DotShape shape, bool packed, const DotKernel& kernel, int num_threads) {
  const size_t tile_rows = kernel.tile_rows, unit = kernel.row_unit > 0 ? kernel.row_unit : tile_rows;
  const size_t units = std::max<size_t>(1, CeilDiv(shape.m, unit));
  const size_t panels = std::max<size_t>(1, CeilDiv(shape.n, kPanelColumns));
  const size_t steps = std::max<size_t>(kStepUnit, shape.steps);
  // A step counts twice where a row has to wait for its weights.
  const size_t work = std::max<size_t>(shape.m, 4) * shape.n * steps;
  const size_t parts = std::clamp<size_t>(work / kPartWork, 1, static_cast<size_t>(num_threads));
  DotPlan plan{};
  size_t best = ~size_t{0};
  for (size_t row_parts = 1; row_parts <= std::min(parts, units); ++row_parts) {
    const size_t column_parts = std::min(parts / row_parts, panels);
    const size_t rows = std::min(shape.m, CeilDiv(units, row_parts) * unit);
    const size_t width = CeilDiv(panels, column_parts) * kPanelColumns;
    const size_t cost = rows * width + kPackCost * rows + (packed ? kReadCost : kPackCost) * width;
    if (cost < best) best = cost, plan.row_parts = row_parts, plan.column_parts = column_parts;
  }
  plan.row_unit = unit;
  const size_t rows = std::min(std::max<size_t>(1, shape.m), CeilDiv(units, plan.row_parts) * unit);
  const size_t part_panels = CeilDiv(panels, plan.column_parts);
  plan.group_rows = std::min(rows, RoundUp(kernel.group_rows, tile_rows));
  const bool one_group = rows <= plan.group_rows;
  // Few rows: whole panels, one after the other, straight from memory.
  plan.pass_steps = rows <= tile_rows ? (packed ? steps : kBlockSteps) : kPassSteps;
  plan.pass_steps = std::min(plan.pass_steps, steps);
  const size_t panel_bytes = kPanelColumns * steps * sizeof(uint32_t);
  const bool all = packed && plan.pass_steps == steps;
  plan.chunk_panels = all ? part_panels : std::clamp<size_t>(kChunkBytes / panel_bytes, 1, part_panels);
  if (one_group && !packed) plan.chunk_panels = 1;
  plan.a_bytes = CeilDiv(steps, kBlockSteps) * RoundUp(plan.group_rows, tile_rows) * kRowSteps * sizeof(uint32_t);
  if (!packed) {
    plan.b_bytes = one_group ? kPanelColumns * plan.pass_steps * sizeof(uint32_t) : plan.chunk_panels * panel_bytes;
  }
  const size_t row_panels = plan.pass_steps < steps ? plan.chunk_panels : kMostTilePanels;
  plan.sums_bytes = plan.group_rows * row_panels * kPanelColumns * sizeof(uint32_t);
  return plan;
}

}  // namespace strata
