// The time goes into memory. Dims that lie together become one; runs of neighbours are copied whole; where the input's
// neighbours are another dim's (a transposition), tiles of the two dims are transposed in registers. Large outputs pass
// the caches by.
#include <algorithm>
#include <cstring>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/copy/copy.h"
#include "kernels/simd/stream.h"
#include "kernels/simd/transpose-inl.h"

namespace strata {
namespace {

// The input as the fewest dims that describe it, of sizes above 1, outermost first. The output is row by row.
struct Layout {
  int rank = 0;
  int64_t size[kMaxRank], stride[kMaxRank];
};

Layout Coalesce(const TensorView& x) {
  Layout out;
  for (int dim = 0; dim < x.rank; ++dim) {
    if (x.size(dim) == 1) continue;
    if (out.rank > 0 && out.stride[out.rank - 1] == x.stride(dim) * x.size(dim)) {
      out.size[out.rank - 1] *= x.size(dim);
      out.stride[out.rank - 1] = x.stride(dim);
    } else {
      out.size[out.rank] = x.size(dim);
      out.stride[out.rank++] = x.stride(dim);
    }
  }
  return out;
}

// The place in the input of item `index` of the dims [0, rank), counted row by row.
int64_t Place(const Layout& layout, int rank, int64_t index) {
  int64_t place = 0;
  for (int dim = rank - 1; dim >= 0; --dim) {
    place += index % layout.size[dim] * layout.stride[dim];
    index /= layout.size[dim];
  }
  return place;
}

// Rows of neighbouring elements.
template <class U>
void CopyRuns(const OpContext& context, const Layout& layout, const U* x, int64_t total, U* y) {
  const int64_t run = layout.rank == 0 ? 1 : layout.size[layout.rank - 1];
  const bool stream = WorthStreaming(total * static_cast<int64_t>(sizeof(U)));
  const auto copy = [stream](U* to, const U* from, int64_t count) {
    const size_t bytes = static_cast<size_t>(count) * sizeof(U);
    if (stream) return StreamBytes(to, from, bytes);
    if (bytes <= 256) return CopyShort(to, from, bytes);
    std::memcpy(to, from, bytes);
  };
  if (run == total) {
    return ParallelChunks(*context.parallel, total, 65536, [&](int, int64_t begin, int64_t end) {
      copy(y + begin, x + begin, end - begin);
      if (stream) StreamFence();
    });
  }
  const int outer = layout.rank - 1;
  // Runs of one `group` lie a fixed distance apart, so their places take no division.
  const int64_t group = layout.size[outer - 1], step = layout.stride[outer - 1];
  constexpr int64_t kAhead = 8;
  const int64_t run_bytes = run * static_cast<int64_t>(sizeof(U)), prefetched = run_bytes <= 1024 ? run_bytes : 0;
  ParallelChunks(*context.parallel, total / run, 1 + 16384 / run, [&](int, int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end;) {
      const U* from = x + Place(layout, outer, r);
      for (const int64_t stop = std::min(end, (r / group + 1) * group); r < stop; ++r, from += step) {
        // The processor's own prefetching stops at the end of each short run.
        const auto* ahead = reinterpret_cast<const std::byte*>(from + kAhead * step);
        for (int64_t line = 0; line < prefetched && r + kAhead < stop; line += 64)
          __builtin_prefetch(ahead + line, 0, 2);
        copy(y + r * run, from, run);
      }
    }
    if (stream) StreamFence();
  });
}

// How the output falls into rectangles of two dims: `across`, whose elements lie closest in the input, and the last
// one, which is innermost in the output; both in tiles, all other dims outside.
struct Tiling {
  Layout outer;  // every dim but the last
  int64_t tile, rows, columns, row_stride, column_stride, y_stride, row_tiles, column_tiles, after;

  Tiling(const Layout& layout, int64_t tile_size) : outer(layout), tile(tile_size) {
    const int last = layout.rank - 1;
    outer.rank = last;
    int across = 0;
    for (int dim = 0; dim < last; ++dim) {
      // A stride of 0 (an expanded dim) brings no new cache line, but no neighbours either.
      if (layout.stride[dim] != 0 && (layout.stride[across] == 0 || layout.stride[dim] <= layout.stride[across])) {
        across = dim;
      }
    }
    rows = last > 0 ? layout.size[across] : 1;
    row_stride = last > 0 ? layout.stride[across] : 0;
    columns = layout.size[last];
    column_stride = layout.stride[last];
    y_stride = columns;  // how far the rows of a tile lie apart in the output
    for (int dim = across + 1; dim < last; ++dim) y_stride *= layout.size[dim];
    row_tiles = (rows + tile - 1) / tile;
    column_tiles = (columns + tile - 1) / tile;
    after = y_stride / columns;  // of the outer dims behind `across`
  }
  struct Place {
    int64_t x, y, rows, columns;
  };
  // Tiles go down in bands of eight, so that the pages of a band's input stay in the processor's page table cache.
  Place At(int64_t number) const {
    constexpr int64_t kBand = 8;
    const int64_t item = number / (column_tiles * row_tiles), rest = number % (column_tiles * row_tiles);
    const int64_t band = rest / (kBand * row_tiles) * kBand, width = std::min(kBand, column_tiles - band);
    const int64_t in_band = rest - band * row_tiles;
    const int64_t column = (band + in_band % width) * tile, row = in_band / width * tile;
    const int64_t first = (item / after * rows + row) * after + item % after;  // of the outer dims, row by row
    return {strata::Place(outer, outer.rank, first) + column * column_stride, first * columns + column,
            std::min(tile, rows - row), std::min(tile, columns - column)};
  }
};

// Bytes (flags, images) are moved one by one: they are few.
template <class U>
constexpr int64_t kTile = sizeof(U) == 1 ? 64 : HWY_NAMESPACE::kTransposeTile<U>;

template <class U>
void CopyTile(const Tiling& tiling, const Tiling::Place& at, const U* x, U* y) {
  for (int64_t r = 0; r < at.rows; ++r) {
    for (int64_t c = 0; c < at.columns; ++c) {
      y[at.y + r * tiling.y_stride + c] = x[at.x + r * tiling.row_stride + c * tiling.column_stride];
    }
  }
}

template <class U>
void CopyTiles(const OpContext& context, const Layout& layout, const U* x, int64_t total, U* y) {
  namespace simd = HWY_NAMESPACE;
  const Tiling tiling(layout, kTile<U>);
  const int64_t step = tiling.column_stride, y_step = tiling.y_stride;
  const bool neighbours = tiling.row_stride == 1;
  const bool stream = WorthStreaming(total * static_cast<int64_t>(sizeof(U))) &&
                      reinterpret_cast<uintptr_t>(y) % 64 == 0 && y_step * static_cast<int64_t>(sizeof(U)) % 64 == 0;
  const int64_t tiles = total / (tiling.rows * tiling.columns) * tiling.row_tiles * tiling.column_tiles;
  ParallelChunks(*context.parallel, tiles, 8, [&](int, int64_t begin, int64_t end) {
    Tiling::Place next = tiling.At(begin);
    for (int64_t tile = begin; tile < end; ++tile) {
      const Tiling::Place at = next;
      if (tile + 1 < end) next = tiling.At(tile + 1);
      if constexpr (sizeof(U) == 1) {
        CopyTile(tiling, at, x, y);
      } else if (!neighbours) {
        CopyTile(tiling, at, x, y);
      } else if (at.rows < kTile<U> || at.columns < kTile<U>) {
        simd::TransposeTile(x + at.x, step, at.rows, at.columns, y + at.y, y_step);
      } else {
        const bool ahead = tile + 1 < end && next.rows == kTile<U> && next.columns == kTile<U>;
        const auto transpose = stream ? simd::TransposeFullTile<U, true> : simd::TransposeFullTile<U, false>;
        transpose(x + at.x, step, y + at.y, y_step, ahead ? x + next.x : nullptr, y + next.y);
      }
    }
    if (stream) StreamFence();
  });
}

template <class U>
void CopyAny(const OpContext& context, const TensorView& x, const TensorView& y) {
  const Layout layout = Coalesce(x);
  const auto* from = static_cast<const U*>(x.data);
  auto* to = static_cast<U*>(y.data);
  if (layout.rank == 0 || layout.stride[layout.rank - 1] == 1) {
    return CopyRuns(context, layout, from, x.numel(), to);
  }
  CopyTiles(context, layout, from, x.numel(), to);
}

}  // namespace

void CopyCpu(const OpContext& context, const TensorView& x, const TensorView& y) {
  if (x.numel() == 0) return;
  // By size alone: bits are copied, not numbers.
  DispatchBits(x.dtype, [&](auto bits) { CopyAny<decltype(bits)>(context, x, y); });
}

}  // namespace strata
