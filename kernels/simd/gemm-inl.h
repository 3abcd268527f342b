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
#include "kernels/simd/pack-inl.h"
#include "kernels/simd/row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The element [i, j] is data[i * row_stride + j * column_stride].
template <class T>
struct Matrix {
  const T* data;
  size_t row_stride, column_stride;
};

// Accumulators of a tile: two vectors a row in 12 rows where there are 32 registers, in 6 where there are 16.
inline constexpr size_t kTileRows = HWY_TARGET == HWY_AVX2 ? 6 : 12;
inline constexpr size_t kTileVectors = 2;

// Memory that is wanted soon: `bytes` more of it are asked for at every step of k.
struct Ahead {
  const std::byte* at = nullptr;
  size_t bytes = 0;
};

// c[r, :] = (start ? 0 : c[r, :]) + sum over k of a[r, k] * b[k, :], kRows rows of two vectors, where a[r, k] is
// a[r * kRowStep + k * kStep], rows of b are kPanel apart and rows of c `stride`. With kBlockSum the chain starts from
// zero and its result is added to c; otherwise the chain goes on from c.
template <size_t kRows, size_t kRowStep, size_t kStep, size_t kPanel, bool kBlockSum, class D, class F>
HWY_INLINE void TilePass(D d, const F* HWY_RESTRICT a, const F* HWY_RESTRICT b, size_t steps, bool start,
                         F* HWY_RESTRICT c, size_t stride, Ahead ahead = {}) {
  constexpr size_t kLanes = hn::MaxLanes(D());
  // A few rows wait for memory, so that they call further ahead, for both lines of a step.
  constexpr size_t kAhead = (kRows <= kFewRows ? 32 : 8) * kPanel;
  hn::Vec<D> acc[kRows][kTileVectors];
  STRATA_UNROLL
  for (size_t r = 0; r < kRows; ++r) {
    STRATA_UNROLL
    for (size_t v = 0; v < kTileVectors; ++v) {
      acc[r][v] = kBlockSum || start ? hn::Zero(d) : hn::LoadU(d, c + r * stride + v * kLanes);
    }
  }
  for (size_t k = 0; k < steps; ++k) {
    hwy::Prefetch(b + kAhead);
    if (kRows <= kFewRows) hwy::Prefetch(b + kAhead + kPanel / 2);
    if (kBlockSum && kRows > 4) hwy::Prefetch(ahead.at + k * ahead.bytes);
    const auto b0 = hn::LoadU(d, b), b1 = hn::LoadU(d, b + kLanes);
    STRATA_UNROLL
    for (size_t r = 0; r < kRows; ++r) {
      const auto value = hn::Set(d, a[r * kRowStep]);
      acc[r][0] = hn::MulAdd(value, b0, acc[r][0]);
      acc[r][1] = hn::MulAdd(value, b1, acc[r][1]);
    }
    a += kStep;
    b += kPanel;
  }
  STRATA_UNROLL
  for (size_t r = 0; r < kRows; ++r) {
    STRATA_UNROLL
    for (size_t v = 0; v < kTileVectors; ++v) {
      F* at = c + r * stride + v * kLanes;
      if (kBlockSum && !start) acc[r][v] = hn::Add(hn::LoadU(d, at), acc[r][v]);
      hn::StoreU(acc[r][v], d, at);
    }
  }
}

// Passes over k that a panel takes.
template <class F>
inline constexpr size_t kPanelPasses = kPanelBytes / sizeof(F) / (kTileVectors * hn::MaxLanes(hn::ScalableTag<F>()));

// A whole panel's width.
template <size_t kRows, size_t kRowStep, size_t kStep, bool kBlockSum, class D, class F>
HWY_INLINE void TilePanel(D d, const F* a, const F* b, size_t steps, bool start, F* c,
                          size_t stride = kPanelBytes / sizeof(F), Ahead ahead = {}) {
  constexpr size_t kPass = kTileVectors * hn::MaxLanes(D()), kPanel = kPanelBytes / sizeof(F);
  for (size_t half = 0; half < kPanel; half += kPass) {
    TilePass<kRows, kRowStep, kStep, kPanel, kBlockSum>(d, a, b + half, steps, start, c + half, stride, ahead);
    ahead.at += steps * ahead.bytes;
  }
}

constexpr size_t TallestTile(size_t tile_rows) { return tile_rows > 8 ? kTileRows : kTileRows > 8 ? 8 : 4; }

// Calls tile(std::integral_constant<size_t, kRows>, row) for tiles that cover [0, rows), the tallest first.
template <class Tile>
HWY_INLINE void ForEachTile(size_t rows, size_t tile_rows, Tile tile) {
  size_t r = 0;
  for (; TallestTile(tile_rows) == kTileRows && r + kTileRows <= rows; r += kTileRows) {
    tile(std::integral_constant<size_t, kTileRows>(), r);
  }
  for (; kTileRows > 8 && r + 8 <= rows; r += 8) tile(std::integral_constant<size_t, 8>(), r);
  for (; r + 4 <= rows; r += 4) tile(std::integral_constant<size_t, 4>(), r);
  if (r + 2 <= rows) tile(std::integral_constant<size_t, 2>(), r), r += 2;
  if (r < rows) tile(std::integral_constant<size_t, 1>(), r);
}

// The sums of one tile over k steps; with `start` from zero, else added to what is there. `a` is a panel of kRows rows,
// `b` one of columns; rows of sums are `stride` apart.
template <size_t kRows, class F>
HWY_NOINLINE void GemmTile(const F* a, const F* b, size_t k, bool start, F* sums,
                           size_t stride = kPanelBytes / sizeof(F), Ahead ahead = {}) {
  const hn::ScalableTag<F> d;
  constexpr size_t kPanel = kPanelBytes / sizeof(F);
  if (ahead.at == nullptr) ahead.at = reinterpret_cast<const std::byte*>(b);
  size_t block = 0;
  do {  // once for k == 0, too: an empty sum is zero
    TilePanel<kRows, 1, kRows, true>(d, a + block * kRows, b + block * kPanel, std::min(kSumBlock, k - block),
                                     start && block == 0, sums, stride, ahead);
    ahead.at += std::min(kSumBlock, k - block) * kPanelPasses<F> * ahead.bytes;
    block += kSumBlock;
  } while (block < k);
}

// Not part of GemmTile: an epilogue is long, and there are five heights of tiles.
template <class F, class Epilogue>
HWY_NOINLINE void FinishTile(const F* sums, size_t stride, size_t rows, size_t columns, size_t row, size_t column,
                             const Epilogue& epilogue) {
  const hn::ScalableTag<F> d;
  constexpr size_t kLanes = hn::MaxLanes(hn::ScalableTag<F>());
  for (size_t r = 0; r < rows; ++r) {
    for (size_t i = 0; i < columns; i += kLanes) {
      epilogue(d, row + r, column + i, hn::LoadU(d, sums + r * stride + i), columns - i);
    }
  }
}

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
template <class F, class TA, class TB, class Epilogue>
struct GemmJob {
  static constexpr size_t kPanel = kPanelBytes / sizeof(F);

  GemmPlan plan;
  GemmShape shape;
  Matrix<TA> a;
  Matrix<TB> b;
  const F* packed;  // or nullptr
  Partial<F> partial;
  bool more;  // sums go on from those in `partial`
  const Epilogue& epilogue;

  size_t Columns(size_t panel) const { return std::min(kPanel, shape.n - panel * kPanel); }

  // `steps` steps of k of one panel of B.
  void PackPiece(size_t panel, size_t first, size_t steps, F* out) const {
    PackPanel<kPanel>(b.data + panel * kPanel * b.column_stride + first * b.row_stride, b.column_stride, b.row_stride,
                      Columns(panel), steps, out);
  }

  // Rows [group, group + rows) by one panel over `steps` steps of k from `first`. `next` is the panel that follows: it
  // comes from memory while this one's tiles are computed.
  void Tiles(const F* rows_packed, const F* piece, size_t group, size_t rows, size_t panel, size_t first, size_t steps,
             Partial<F> waiting, const F* next) const {
    const size_t columns = Columns(panel), column = panel * kPanel;
    const bool begin = first == 0 && !more, last = first + steps >= shape.k;
    const size_t tiles = std::max<size_t>(1, rows / TallestTile(plan.tile_rows));
    Ahead ahead{reinterpret_cast<const std::byte*>(next), kPanelBytes / (tiles * kPanelPasses<F>)};
    ForEachTile(rows, plan.tile_rows, [&](auto tile, size_t r) HWY_ATTR {
      HWY_ALIGN F sums[tile() * kPanel];
      if (waiting.data != nullptr) waiting.Call(group + r, column, tile());
      // Sums that wait are added to where they lie, at the end of a block of k: until then they have come.
      const bool direct = columns == kPanel && !(begin && last);
      F* const to = direct ? waiting.At(group + r, column) : sums;
      const size_t stride = direct ? waiting.stride : kPanel;
      if (!begin && !direct) waiting.Load(group + r, column, tile(), columns, sums);
      GemmTile<tile()>(rows_packed + r * steps, piece, steps, begin, to, stride, ahead);
      ahead.at += steps * kPanelPasses<F> * ahead.bytes;
      if (last) return FinishTile(to, stride, tile(), columns, group + r, column, epilogue);
      if (!direct) waiting.Store(group + r, column, tile(), columns, sums);
    });
  }

  void PackRows(size_t group, size_t rows, size_t first, size_t steps, F* out) const {
    ForEachTile(rows, plan.tile_rows, [&](auto tile, size_t r) HWY_ATTR {
      PackPanel<tile()>(a.data + (group + r) * a.row_stride + first * a.column_stride, a.row_stride, a.column_stride,
                        tile(), steps, out + r * steps);
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
        for (size_t q = p; packed == nullptr && !once && q < end; ++q) {
          PackPiece(q, first, steps, pieces + (q - p) * kPanel * steps);
        }
        for (size_t group = first_row; group < last_row; group += plan.group_rows) {
          const size_t rows = std::min(plan.group_rows, last_row - group);
          PackRows(group, rows, first, steps, rows_packed);
          for (size_t q = p; q < end; ++q) {
            const F* piece = pieces + (once ? 0 : (q - p) * kPanel * steps);
            if (packed != nullptr) {
              piece = packed + q * kPanel * shape.k + first * kPanel;
            } else if (once) {
              PackPiece(q, first, steps, pieces);
            }
            const F* next = packed != nullptr ? piece + kPanel * shape.k : once ? piece : piece + kPanel * steps;
            Tiles(rows_packed, piece, group, rows, q, first, steps, waiting, next);
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
    PackPanel<kRows>(a.data, a.row_stride, a.column_stride, shape.m, shape.k, row_space);
    for (size_t p = panels * part / plan.column_parts; p < last_panel; ++p) {
      const size_t columns = Columns(p);
      HWY_ALIGN F sums[kRows * kPanel];
      if (more) {
        partial.Load(0, p * kPanel, shape.m, columns, sums);
        PackPiece(p, 0, shape.k, piece_space);
        GemmTile<kRows>(row_space, piece_space, shape.k, false, sums);
      } else if (b.row_stride == 1) {
        // Rather than panels: those are one stream, which memory delivers slower than several rows side by side.
        for (size_t c = 0; c < columns; c += hn::MaxLanes(d)) {
          DotColumns<kRows>(d, row_space, b.data + (p * kPanel + c) * b.column_stride, b.column_stride,
                            std::min(columns - c, hn::MaxLanes(d)), shape.k, sums + c, kPanel);
        }
      } else if (packed != nullptr) {
        GemmTile<kRows>(row_space, packed + p * kPanel * shape.k, shape.k, true, sums);
      } else if (b.column_stride == 1 && columns == kPanel) {
        DotRows<kRows, kPanel / hn::MaxLanes(d)>(d, row_space, b.data + p * kPanel, b.row_stride, shape.k, sums,
                                                 kPanel);
      } else {
        PackPiece(p, 0, shape.k, piece_space);
        GemmTile<kRows>(row_space, piece_space, shape.k, true, sums);
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
      PackPanel<kPanel>(a.data + r * a.row_stride, a.row_stride, a.column_stride, std::min(kPanel, rows.last - r),
                        shape.k, row_space + (r - rows.first) * shape.k);
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

// A is m x k and B k x n, each with one stride of 1 where it is to be fast. `packed`: B from PackB, or nullptr.
// `partial`: where sums may wait, memory of F in the output's place; or nullptr, for memory from the workspace.
// `more`: B is unpacked, and k goes on from the sums that are in `partial`, as many whole blocks as came before.
// REQUIRES: context.workspace has PlanGemm(shape, sizeof(F), {packed != nullptr, partial != nullptr, blocks},
// threads).bytes() bytes.
template <class F, class TA, class TB, class Epilogue>
void Gemm(const OpContext& context, GemmShape shape, Matrix<TA> a, Matrix<TB> b, const F* packed, F* partial,
          const Epilogue& epilogue, bool more = false, GemmBlocks blocks = {}) {
  if (shape.m == 0 || shape.n == 0) return;
  const GemmOptions options{.packed = packed != nullptr, .in_place = partial != nullptr, .blocks = blocks};
  const GemmJob<F, TA, TB, Epilogue> job{PlanGemm(shape, sizeof(F), options, context.parallel->num_threads()),
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
