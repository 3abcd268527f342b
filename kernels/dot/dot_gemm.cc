#include "kernels/dot/dot_gemm.h"

#include <algorithm>
#include <span>

#include "kernels/dot/dot_rows.h"
#include "kernels/simd/stream.h"

namespace strata {
namespace {

constexpr size_t kLine = 64;

constexpr size_t CeilDiv(size_t a, size_t b) { return (a + b - 1) / b; }

// One part of C, on one thread.
class DotPart {
 public:
  DotPart(const DotKernel& kernel, DotShape shape, const DotPlan& plan, const DotOperands& operands, size_t part,
          std::byte* workspace)
      : kernel_(kernel), shape_(shape), plan_(plan), operands_(operands) {
    const size_t units = CeilDiv(shape.m, plan.row_unit), panels = CeilDiv(shape.n, kPanelColumns);
    const size_t i = part / plan.column_parts, j = part % plan.column_parts;
    first_row_ = units * i / plan.row_parts * plan.row_unit;
    last_row_ = std::min(shape.m, units * (i + 1) / plan.row_parts * plan.row_unit);
    first_panel_ = panels * j / plan.column_parts, last_panel_ = panels * (j + 1) / plan.column_parts;
    workspace += part * plan.part_bytes();
    a_ = reinterpret_cast<uint32_t*>(workspace);
    b_ = reinterpret_cast<uint32_t*>(workspace + plan.a_bytes);
    sums_ = reinterpret_cast<uint32_t*>(workspace + plan.a_bytes + plan.b_bytes);
    block_ = RoundUp(plan.group_rows, plan.row_unit) * kRowSteps;
    one_group_ = last_row_ - first_row_ <= plan.group_rows;
    upwards_ = i % 2 == 0 && plan.row_parts > 1;
  }

  void Run() {
    Chunks();
    if (operands_.scaled != nullptr && operands_.scaled->stream) StreamFence();
  }

 private:
  void Chunks() {
    for (size_t panel = first_panel_; panel < last_panel_; panel += plan_.chunk_panels) {
      const size_t last = std::min(last_panel_, panel + plan_.chunk_panels);
      if (operands_.packed_b == nullptr && !one_group_) {
        for (size_t p = panel; p < last; ++p) {
          operands_.pack_b(p * kPanelColumns, 0, shape_.steps, b_ + (p - panel) * kPanelColumns * shape_.steps);
        }
      }
      for (size_t row = first_row_; row < last_row_; row += plan_.group_rows) {
        const size_t rows = std::min(plan_.group_rows, last_row_ - row);
        const bool pack = operands_.plain_a.data == nullptr && (!one_group_ || panel == first_panel_);
        if (pack) operands_.pack_a(row, rows, a_, block_);
        CallRowsAfter(row, rows, (last - panel) * CeilDiv(rows, kernel_.tile_rows));
        Group(row, rows, panel, last);
      }
    }
  }

  void Group(size_t row, size_t rows, size_t first_panel, size_t last_panel) {
    size_t pass = 0;
    do {  // once for no steps, too: an empty sum is zero
      const size_t steps = std::min(plan_.pass_steps, shape_.steps - pass);
      for (size_t p = first_panel; p < last_panel;) p += Panels(row, rows, first_panel, p, last_panel, pass, steps);
      pass += steps;
    } while (pass < shape_.steps);
  }

  // The tiles of a few panels; returns how many.
  size_t Panels(size_t row, size_t rows, size_t chunk, size_t p, size_t last_panel, size_t pass, size_t steps) {
    const size_t tiles = CeilDiv(rows, kernel_.tile_rows);
    size_t panels = 1, panel_stride = kPanelColumns * shape_.steps;
    const uint32_t* b = operands_.packed_b;
    if (b != nullptr) {
      if (tiles == 1 && kernel_.tile_panels != nullptr) panels = std::min(kernel_.tile_panels(rows), last_panel - p);
      b += p * panel_stride + pass * kPanelColumns;
    } else if (one_group_) {
      operands_.pack_b(p * kPanelColumns, pass, steps, b_);
      b = b_;
    } else {
      b = b_ + (p - chunk) * panel_stride + pass * kPanelColumns;
    }
    const DotPlainA& plain = operands_.plain_a;
    const uint32_t* a = plain.data != nullptr ? plain.data + row * plain.row_steps : a_;
    const size_t a_row = plain.data != nullptr ? plain.row_steps : kRowSteps;
    const size_t block = plain.data != nullptr ? kBlockSteps : block_;
    const bool last = pass + steps == shape_.steps, whole = plan_.pass_steps >= shape_.steps;
    const size_t stride = (whole ? panels : plan_.chunk_panels) * kPanelColumns;
    for (size_t n = 0; n < tiles; ++n) {
      const size_t t = upwards_ ? tiles - 1 - n : n;
      // Even heights: 8 + 8 rows are faster than 12 + 4.
      const size_t first = rows * t / tiles, count = rows * (t + 1) / tiles - first;
      const size_t column = p * kPanelColumns, columns = std::min(shape_.n - column, panels * kPanelColumns);
      const uint32_t* const next = b + panels * panel_stride;
      if (!kernel_.calls) CallMemory(row + first, count, column, columns, next, steps, t, tiles);
      const bool scales = last && operands_.scaled != nullptr && kernel_.scales && columns == panels * kPanelColumns;
      DotScaled scaled;
      if (scales) scaled = ScaledFrom(row + first, column, a + first * a_row);
      uint32_t* sums = whole ? sums_ : sums_ + first * stride + (p - chunk) * kPanelColumns;
      kernel_.tile({.a = a + pass / kBlockSteps * block + first * a_row,
                    .a_row = a_row,
                    .block = block,
                    .b = b,
                    .panel = panel_stride,
                    .steps = steps,
                    .init = operands_.init == nullptr ? nullptr : operands_.init + p * kPanelColumns,
                    .start = pass == 0,
                    .sums = sums,
                    .sums_row = stride,
                    .next_b = NextB(b, next, steps, t, tiles),
                    .next_a = NextA(b, steps),
                    .out = PlaceInOutput(b, row + first, column),
                    .out_bytes = std::max<size_t>(1, columns * operands_.out.element),
                    .scaled = scales ? &scaled : nullptr},
                   count, panels);
      if (last && !scales) {
        operands_.finish({sums, stride, row + first, count, column, columns, a + first * a_row});
      }
    }
    return panels;
  }

  // What operands_.scaled is for the tile at (row, column).
  DotScaled ScaledFrom(size_t row, size_t column, const uint32_t* a) const {
    const DotScaled& all = *operands_.scaled;
    return {reinterpret_cast<const float*>(a + kBlockSteps),
            all.column_scales + column,
            all.bias == nullptr ? nullptr : all.bias + column,
            all.y + row * all.width + column,
            all.width,
            all.stream};
  }

  // What a tile asks for; where there is nothing, what it has.
  DotAhead NextB(const uint32_t* b, const uint32_t* next, size_t steps, size_t t, size_t tiles) const {
    if (operands_.packed_b == nullptr || tiles == 1) return {reinterpret_cast<const std::byte*>(b), 0};
    const size_t step = CeilDiv(kPanelColumns * sizeof(uint32_t), tiles);
    return {reinterpret_cast<const std::byte*>(next) + t * steps * step, step};
  }
  DotAhead NextA(const uint32_t* b, size_t steps) {
    if (!kernel_.calls || ahead_.empty()) return {reinterpret_cast<const std::byte*>(b), 0};
    const DotAhead share{ahead_.data(), CeilDiv(share_, std::max<size_t>(1, steps))};
    ahead_ = ahead_.subspan(std::min(ahead_.size(), share_));
    return share;
  }
  DotAhead PlaceInOutput(const uint32_t* b, size_t row, size_t column) const {
    const DotOutput& out = operands_.out;
    const bool stream = operands_.scaled != nullptr && operands_.scaled->stream;
    if (stream || out.data == nullptr) return {reinterpret_cast<const std::byte*>(b), 0};
    return {static_cast<const std::byte*>(out.data) + row * out.row_bytes + column * out.element, out.row_bytes};
  }

  void CallRowsAfter(size_t row, size_t rows, size_t tiles) {
    const DotSource& source = operands_.source_a;
    const size_t next = std::min(plan_.group_rows, last_row_ - row - rows);
    if (source.data == nullptr || next == 0) return;
    ahead_ = {static_cast<const std::byte*>(source.data) + (row + rows) * source.row_bytes, next * source.row_bytes};
    share_ = RoundUp(CeilDiv(ahead_.size(), tiles), kLine);
  }

  // Before a tile: its place in the output, and shares of the rows and of the panel that come next.
  void CallMemory(size_t row, size_t rows, size_t column, size_t columns, const uint32_t* next, size_t steps, size_t t,
                  size_t tiles) {
    const DotOutput& out = operands_.out;
    for (size_t r = row; r < row + rows; ++r) {
      const auto* at = static_cast<const std::byte*>(out.data) + r * out.row_bytes + column * out.element;
      for (size_t i = 0; i < columns * out.element; i += kLine) __builtin_prefetch(at + i, 1);
    }
    const size_t share = std::min(share_, ahead_.size());
    for (size_t i = 0; i < share; i += kLine) __builtin_prefetch(ahead_.data() + i, 0, 2);
    ahead_ = ahead_.subspan(share);
    if (operands_.packed_b == nullptr || tiles == 1) return;
    const auto* from = reinterpret_cast<const std::byte*>(next);
    const size_t lines = steps * kPanelColumns * sizeof(uint32_t) / kLine;
    for (size_t i = lines * t / tiles; i < lines * (t + 1) / tiles; ++i) __builtin_prefetch(from + i * kLine, 0, 2);
  }

  const DotKernel& kernel_;
  const DotShape shape_;
  const DotPlan& plan_;
  const DotOperands& operands_;
  size_t first_row_, last_row_, first_panel_, last_panel_;
  size_t block_;
  std::span<const std::byte> ahead_;  // of A's source, what is still to be asked for,
  size_t share_ = 0;                  // so much before every tile
  bool one_group_;
  // Every other part takes its tiles from the last row to the first. A processor follows the rows of the output beyond
  // the last one, and would take the next part's first rows away from the thread that writes them.
  bool upwards_;
  uint32_t *a_, *b_, *sums_;
};

}  // namespace

void DotGemm(const OpContext& context, const DotKernel& kernel, DotShape shape, const DotOperands& operands,
             std::byte* workspace) {
  if (shape.m == 0 || shape.n == 0) return;
  if (operands.plain_b.data != nullptr && kernel.rows != nullptr &&
      DotReadsPlain(shape.m, operands.packed_b != nullptr)) {
    return DotFewRows(context, kernel, shape, operands, workspace);
  }
  const DotPlan plan = PlanDot(shape, operands.packed_b != nullptr, kernel, context.parallel->num_threads());
  const auto run = [&](int part) {
    DotPart(kernel, shape, plan, operands, static_cast<size_t>(part), workspace).Run();
  };
  if (plan.parts() == 1) return run(0);
  context.parallel->Run(static_cast<int>(plan.parts()), run);
}

size_t DotGemmBytes(DotShape shape, bool packed, const DotKernel& kernel, int num_threads) {
  const size_t bytes = PlanDot(shape, packed, kernel, num_threads).bytes();
  return DotReadsPlain(shape.m, packed) ? std::max(bytes, DotFewRowsBytes(shape)) : bytes;
}

}  // namespace strata
