#include "kernels/simd/gemm_plan.h"

#include <algorithm>

#include "kernels/base/aligned_buffer.h"

namespace strata {
namespace {

constexpr size_t CeilDiv(size_t a, size_t b) { return (a + b - 1) / b; }

// A group of A's rows stays in the second-level cache beside a panel of B (1 MiB on the machines measured).
constexpr size_t kGroupBytes = size_t{384} << 10;
// Fewer multiply-adds than this are not worth another thread: about 12 us at 40 a nanosecond.
constexpr size_t kPartWork = size_t{1} << 19;
// Packing an element takes as long as this many multiply-adds.
constexpr size_t kPackCost = 8;

}  // namespace

size_t PackedBytes(size_t n, size_t k, size_t element) {
  return AlignUp(CeilDiv(n * element, kPanelBytes) * kPanelBytes * k);
}

GemmPlan PlanGemm(GemmShape shape, size_t element, bool packed, int num_threads) {
  const size_t columns = kPanelBytes / element;
  const size_t units = std::max<size_t>(1, CeilDiv(shape.m, kGemmRowUnit));
  const size_t panels = std::max<size_t>(1, CeilDiv(shape.n, columns));
  const size_t work = shape.m * shape.n * std::max<size_t>(1, shape.k);
  const size_t parts = std::clamp<size_t>(work / kPartWork, 1, static_cast<size_t>(num_threads));
  GemmPlan plan{1, 1, 0, 0};
  size_t best = ~size_t{0};
  for (size_t row_parts = 1; row_parts <= std::min(parts, units); ++row_parts) {
    const size_t column_parts = std::min(parts / row_parts, panels);
    const size_t rows = std::min(shape.m, CeilDiv(units, row_parts) * kGemmRowUnit);
    const size_t width = CeilDiv(panels, column_parts) * columns;
    const size_t cost = rows * width + kPackCost * (rows + (packed ? 0 : width));
    if (cost < best) best = cost, plan = {row_parts, column_parts, 0, 0};
  }
  const size_t rows = CeilDiv(units, plan.row_parts) * kGemmRowUnit;
  const size_t fitting = kGroupBytes / (std::max<size_t>(1, shape.k) * element) / kGemmRowUnit * kGemmRowUnit;
  plan.group_rows = std::min(rows, std::max(kGemmRowUnit, fitting));
  const size_t part_panels = plan.group_rows >= rows ? 1 : CeilDiv(panels, plan.column_parts);
  plan.part_bytes = AlignUp(plan.group_rows * shape.k * element) + (packed ? 0 : part_panels * kPanelBytes * shape.k);
  return plan;
}

}  // namespace strata
