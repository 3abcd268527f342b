// The matrix product that ops share: C[m, n] = epilogue(sum over k of A[m, k] * B[k, n]). Included once per SIMD
// target.
//
// What is computed (docs/design/numerics.md): for every output one chain of fused multiply-adds along k, in order, from
// zero, within a block of kSumBlock steps; block results are added to the total in order. Vectors run across outputs,
// never along k, so tiles, threads, neighbours, SIMD width and packing change nothing.
//
//   Gemm(context, {m, n, k}, Matrix<T>{x, k, 1}, Matrix<T>{weight, 1, k}, packed_or_nullptr, partial, epilogue);
//
// The epilogue gets (d, row, column, totals, count): the first `count` lanes of `totals` are outputs (all of them where
// count is no less than the vector's length). It is called once for every output, from several threads.
#if defined(STRATA_KERNELS_SIMD_GEMM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_GEMM_INL_H_
#undef STRATA_KERNELS_SIMD_GEMM_INL_H_
#else
#define STRATA_KERNELS_SIMD_GEMM_INL_H_
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <type_traits>

#include "kernels/core/op_context.h"
#include "kernels/simd/gemm_narrow-inl.h"
#include "kernels/simd/gemm_plan.h"
#include "kernels/simd/gemm_rows-inl.h"
#include "kernels/simd/gemm_tile-inl.h"
#include "kernels/simd/pack-inl.h"
#include "kernels/simd/row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The element [i, j] is data[i * row_stride + j * column_stride].
template <class T>
struct Matrix {
  using Element = T;
  const T* data;
  size_t row_stride, column_stride;
};

// Where sums over the first blocks of k wait for the rest: element [first_row, first_column] is at `data`.
template <class F>
struct Partial {
  F* data;
  size_t stride, first_row = 0, first_column = 0;

  HWY_INLINE F* At(size_t row, size_t column) const {
    return data + (row - first_row) * stride + (column - first_column);
  }
  // Asks for the memory of a tile.
  HWY_INLINE void Call(size_t row, size_t column, size_t rows) const {
    for (size_t r = 0; r < rows; ++r) {
      const auto* at = reinterpret_cast<const std::byte*>(At(row + r, column));
      for (size_t line = 0; line < kPanelBytes; line += 64) hwy::Prefetch(at + line);
    }
  }
  HWY_INLINE void Load(size_t row, size_t column, size_t rows, size_t columns, F* sums) const {
    constexpr size_t kPanel = kPanelBytes / sizeof(F);
    for (size_t r = 0; r < rows; ++r) std::memcpy(sums + r * kPanel, At(row + r, column), columns * sizeof(F));
  }
  HWY_INLINE void Store(size_t row, size_t column, size_t rows, size_t columns, const F* sums) const {
    constexpr size_t kPanel = kPanelBytes / sizeof(F);
    for (size_t r = 0; r < rows; ++r) std::memcpy(At(row + r, column), sums + r * kPanel, columns * sizeof(F));
  }
};

// One product: what its parts share.
template <class F, class A, class B, class Epilogue>
struct GemmJob {
  using TA = typename A::Element;
  using TB = typename B::Element;
  static constexpr size_t kPanel = kPanelBytes / sizeof(F), kLine = 64;

  GemmPlan plan;
  GemmShape shape;
  A a;
  B b;
  const F* packed;  // or nullptr
  Partial<F> partial;
  bool more;  // sums go on from those in `partial`
  const Epilogue& epilogue;

  size_t Columns(size_t panel) const { return std::min(kPanel, shape.n - panel * kPanel); }

  // `steps` steps of k of one panel of B.
  void PackPiece(size_t panel, size_t first, size_t steps, F* out) const {
    if constexpr (!std::is_same_v<B, Matrix<TB>>) {
      b.template Pack<kPanel>(panel * kPanel, Columns(panel), first, steps, out);
    } else {
      PackPanel<kPanel>(b.data + panel * kPanel * b.column_stride + first * b.row_stride, b.column_stride, b.row_stride,
                        Columns(panel), steps, out);
    }
  }

  // A group of A's rows by one panel of B over a block of k.
  struct Turn {
    const F *rows_packed, *piece;
    size_t group, rows, panel, first, steps;
    Partial<F> waiting;
    const F* next;           // the panel that follows, or nullptr: it will be packed
    size_t turns, of_turns;  // with these rows: done, and in all
    size_t next_rows;        // that follow
  };

  void Tiles(const Turn& turn) const {
    const size_t columns = Columns(turn.panel), column = turn.panel * kPanel;
    const bool begin = turn.first == 0 && !more, last = turn.first + turn.steps >= shape.k;
    const Partial<F>& waiting = turn.waiting;
    size_t number = 0;
    ForEachTile(turn.rows, plan.tile_rows, [&](auto tile, size_t r) HWY_ATTR {
      const size_t row = turn.group + r;
      HWY_ALIGN F sums[tile() * kPanel];
      if (waiting.data != nullptr) waiting.Call(row, column, tile());
      const F* before = begin ? nullptr : sums;
      size_t stride = kPanel;
      if (!begin && columns == kPanel) {
        before = waiting.At(row, column), stride = waiting.stride;
      } else if (!begin) {
        waiting.Load(row, column, tile(), columns, sums);
      }
      GemmTile<tile()>(turn.rows_packed + r * turn.steps, turn.piece, turn.steps, before, stride, sums,
                       {AheadOfB(turn, number), AheadOfA(turn, number)});
      ++number;
      if (last) return FinishTile(sums, kPanel, tile(), columns, row, column, epilogue);
      waiting.Store(row, column, tile(), columns, sums);
    });
  }

  // What is asked for while a turn's tile is computed: packing alone would wait for memory, which rows that are far
  // apart make slow.
  Ahead AheadOfB(const Turn& turn, size_t tile) const {
    constexpr size_t kPasses = kPanelPasses<F>, kLines = kPanel * sizeof(TB) / kLine;
    if (turn.next != nullptr) {
      const size_t tiles = std::max<size_t>(1, turn.rows / TallestTile(plan.tile_rows));
      const size_t step = kPanelBytes / (tiles * kPasses), pass = turn.steps * step;
      return {reinterpret_cast<const std::byte*>(turn.next) + tile * kPasses * pass, step, pass};
    }
    if (b.column_stride != 1 || tile * kPasses >= kLines || (turn.panel + 2) * kPanel > shape.n) return {};
    const TB* const source = b.data + (turn.panel + 1) * kPanel + turn.first * b.row_stride;
    return {reinterpret_cast<const std::byte*>(source) + tile * kPasses * kLine, b.row_stride * sizeof(TB), kLine};
  }
  // The group's last tiles ask for the next group, a row or a line's width of columns each.
  Ahead AheadOfA(const Turn& turn, size_t tile) const {
    if constexpr (!std::is_same_v<A, Matrix<TA>>) return {};
    const size_t group = turn.group + turn.rows, rows = std::min(turn.next_rows, plan.group_rows);
    const size_t tiles = (turn.rows + TallestTile(plan.tile_rows) - 1) / TallestTile(plan.tile_rows);
    const bool turned = a.row_stride == 1;
    const size_t wanted = turned ? 1 + rows * sizeof(TA) / (kLine * kPanelPasses<F>) : rows;
    const size_t all = turn.of_turns * tiles, at = turn.turns * tiles + tile + std::min(wanted, all);
    if (rows == 0 || at < all) return {};
    const auto* const source =
        reinterpret_cast<const std::byte*>(a.data + group * a.row_stride + turn.first * a.column_stride);
    if (turned) return {source + (at - all) * kPanelPasses<F> * kLine, a.column_stride * sizeof(TA), kLine};
    return {source + (at - all) * a.row_stride * sizeof(TA), a.column_stride * sizeof(TA), 0};
  }

  // `rows` rows of A from `row` on, no more than a panel's width.
  template <size_t kWidth>
  HWY_INLINE void PackTile(size_t row, size_t rows, size_t first, size_t steps, F* out) const {
    if constexpr (!std::is_same_v<A, Matrix<TA>>) {
      a.template Pack<kWidth>(row, rows, first, steps, out);
    } else {
      PackPanel<kWidth>(a.data + row * a.row_stride + first * a.column_stride, a.row_stride, a.column_stride, rows,
                        steps, out);
    }
  }

  void PackRows(size_t group, size_t rows, size_t first, size_t steps, F* out) const {
    const TA* const source = a.data + group * a.row_stride + first * a.column_stride;
    size_t done = 0;
    if (a.row_stride == 1 && TallestTile(plan.tile_rows) == kTileRows) {
      done = rows / kTileRows * kTileRows;
      PackStraight<kTileRows>(source, a.column_stride, done / kTileRows, steps, out);
    }
    ForEachTile(rows - done, plan.tile_rows, [&](auto tile, size_t r) HWY_ATTR {
      PackTile<tile()>(group + done + r, tile(), first, steps, out + (done + r) * steps);
    });
  }

  struct Range {
    size_t first, last;
  };
  Range RowsOf(size_t part) const {
    const size_t units = (shape.m + kGemmRowUnit - 1) / kGemmRowUnit, i = part / plan.column_parts;
    return {units * i / plan.row_parts * kGemmRowUnit,
            std::min(shape.m, units * (i + 1) / plan.row_parts * kGemmRowUnit)};
  }
  Range PanelsOf(size_t part) const {
    const size_t panels = (shape.n + kPanel - 1) / kPanel, j = part % plan.column_parts;
    return {panels * j / plan.column_parts, panels * (j + 1) / plan.column_parts};
  }

  // One part of C, on one thread: panels of B by the group, k by the block, rows of A by the group.
  void Part(size_t part, std::byte* workspace) const {
    const auto [first_row, last_row] = RowsOf(part);
    const auto [first_panel, last_panel] = PanelsOf(part);
    const bool once = last_row - first_row <= plan.group_rows;
    F* const rows_packed = reinterpret_cast<F*>(workspace);
    F* const pieces = reinterpret_cast<F*>(workspace + plan.a_bytes);
    for (size_t p = first_panel, end; p < last_panel; p = end) {
      end = std::min(last_panel, p + plan.group_panels);
      Partial<F> waiting = partial;
      if (waiting.data == nullptr && plan.block_steps < shape.k) {
        waiting = {reinterpret_cast<F*>(workspace + plan.a_bytes + plan.b_bytes), plan.group_panels * kPanel, first_row,
                   p * kPanel};
      }
      for (size_t first = 0; first == 0 || first < shape.k; first += plan.block_steps) {
        const size_t steps = std::min(plan.block_steps, shape.k - first);
        for (size_t group = first_row; group < last_row; group += plan.group_rows) {
          const size_t rows = std::min(plan.group_rows, last_row - group);
          PackRows(group, rows, first, steps, rows_packed);
          // The first group packs the panels, each when its turn comes.
          const bool packs = packed == nullptr && group == first_row;
          for (size_t q = p; q < end; ++q) {
            F* const own = pieces + (once ? 0 : (q - p) * kPanel * steps);
            if (packs) PackPiece(q, first, steps, own);
            const F* const piece = packed != nullptr ? packed + q * kPanel * shape.k + first * kPanel : own;
            const F* const next = piece + kPanel * (packed != nullptr ? shape.k : steps);
            Tiles({rows_packed, piece, group, rows, q, first, steps, waiting, packs ? nullptr : next, q - p, end - p,
                   last_row - group - rows});
          }
        }
      }
    }
  }

  // The same for kFewRows rows or fewer.
  template <size_t kRows>
  void FewRows(size_t part, std::byte* workspace) const {
    const hn::ScalableTag<F> d;
    const size_t panels = (shape.n + kPanel - 1) / kPanel, last_panel = panels * (part + 1) / plan.column_parts;
    F* const row_space = reinterpret_cast<F*>(workspace);
    F* const piece_space = reinterpret_cast<F*>(workspace + plan.a_bytes);
    const F* const zero = nullptr;
    PackTile<kRows>(0, shape.m, 0, shape.k, row_space);
    for (size_t p = panels * part / plan.column_parts; p < last_panel; ++p) {
      const size_t columns = Columns(p);
      HWY_ALIGN F sums[kRows * kPanel];
      if (more) {
        partial.Load(0, p * kPanel, shape.m, columns, sums);
        PackPiece(p, 0, shape.k, piece_space);
        GemmTile<kRows, F>(row_space, piece_space, shape.k, sums, kPanel, sums);
      } else if (b.row_stride == 1) {
        // Rather than panels: those are one stream, which memory delivers slower than several rows side by side.
        for (size_t c = 0; c < columns; c += hn::MaxLanes(d)) {
          DotColumns<kRows>(d, row_space, b.data + (p * kPanel + c) * b.column_stride, b.column_stride,
                            std::min(columns - c, hn::MaxLanes(d)), shape.k, sums + c, kPanel);
        }
      } else if (packed != nullptr) {
        GemmTile<kRows>(row_space, packed + p * kPanel * shape.k, shape.k, zero, kPanel, sums);
      } else if (b.column_stride == 1 && columns == kPanel) {
        DotRows<kRows, kPanel / hn::MaxLanes(d)>(d, row_space, b.data + p * kPanel, b.row_stride, shape.k, sums,
                                                 kPanel);
      } else {
        PackPiece(p, 0, shape.k, piece_space);
        GemmTile<kRows>(row_space, piece_space, shape.k, zero, kPanel, sums);
      }
      FinishTile(sums, kPanel, shape.m, columns, 0, p * kPanel, epilogue);
    }
  }

  // The same for tens of rows and a B whose columns are contiguous, which is read as it lies (gemm_narrow-inl.h).
  void Narrow(size_t part, std::byte* workspace) const {
    const Range rows = RowsOf(part), panels = PanelsOf(part);
    const size_t last_column = std::min(shape.n, panels.last * kPanel);
    F* const row_space = reinterpret_cast<F*>(workspace);
    for (size_t r = rows.first; r < rows.last; r += kPanel) {
      PackTile<kPanel>(r, std::min(kPanel, rows.last - r), 0, shape.k, row_space + (r - rows.first) * shape.k);
    }
    for (size_t column = panels.first * kPanel; column < last_column; column += kNarrowOuts) {
      const size_t columns = std::min(kNarrowOuts, last_column - column);
      for (size_t r = rows.first; r < rows.last; r += kPanel) {
        const size_t count = std::min(kPanel, rows.last - r);
        HWY_ALIGN F sums[kPanel * kNarrowOuts];
        NarrowSums<kTileRows, kPanel>(b.data + column * b.column_stride, b.column_stride, columns,
                                      row_space + (r - rows.first) * shape.k, count, shape.k, sums);
        FinishTile(sums, kNarrowOuts, count, columns, r, column, epilogue);
      }
    }
  }

  void Run(size_t part, std::byte* workspace) const {
    if constexpr (std::is_same_v<TB, F>) {
      if (packed == nullptr && !more && b.row_stride == 1 && ReadsPlain(shape, sizeof(F))) {
        return Narrow(part, workspace);
      }
    }
    if (shape.m > kFewRows) return Part(part, workspace);
    if (shape.m > 4) return FewRows<8>(part, workspace);
    if (shape.m > 2) return FewRows<4>(part, workspace);
    shape.m == 2 ? FewRows<2>(part, workspace) : FewRows<1>(part, workspace);
  }
};

// A is m x k and B k x n, each with one stride of 1 where it is to be fast. Either may also be something that packs
// itself (WindowMatrix of windows-inl.h). `packed`: B from PackB, or nullptr.
// `partial`: where sums may wait, memory of F in the output's place; or nullptr, for memory from the workspace.
// `more`: B is unpacked, and k goes on from the sums that are in `partial`, as many whole blocks as came before.
// REQUIRES: context.workspace has PlanGemm(shape, sizeof(F), {packed != nullptr, partial != nullptr, blocks},
// threads).bytes() bytes.
template <class F, class A, class B, class Epilogue>
void Gemm(const OpContext& context, GemmShape shape, A a, B b, const F* packed, F* partial, const Epilogue& epilogue,
          bool more = false, GemmBlocks blocks = {}) {
  if (shape.m == 0 || shape.n == 0) return;
  const GemmOptions options{.packed = packed != nullptr, .in_place = partial != nullptr, .blocks = blocks};
  const GemmJob<F, A, B, Epilogue> job{PlanGemm(shape, sizeof(F), options, context.parallel->num_threads()),
                                       shape,
                                       a,
                                       b,
                                       packed,
                                       {partial, shape.n},
                                       more,
                                       epilogue};
  const auto run = [&](int part) {
    job.Run(static_cast<size_t>(part), context.workspace + static_cast<size_t>(part) * job.plan.part_bytes);
  };
  if (job.plan.parts() == 1) return run(0);
  context.parallel->Run(static_cast<int>(job.plan.parts()), run);
}

// Writes the panels of B, PackedBytes(n, k, sizeof(F)) bytes.
template <class F, class T>
void PackB(GemmShape shape, Matrix<T> b, F* out) {
  constexpr size_t kPanel = kPanelBytes / sizeof(F);
  for (size_t column = 0; column < shape.n; column += kPanel) {
    PackPanel<kPanel>(b.data + column * b.column_stride, b.column_stride, b.row_stride,
                      std::min(kPanel, shape.n - column), shape.k, out + column * shape.k);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // STRATA_KERNELS_SIMD_GEMM_INL_H_
