// No Highway: the time goes into memory. Dims that lie together become one; runs of neighbours are copied by memcpy;
// where the input's neighbours are another dim's (a transposition), tiles of the two dims stay in the L1 cache.
#include <algorithm>
#include <cstring>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/copy/copy.h"

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
template <class T>
void CopyRuns(const OpContext& context, const Layout& layout, const T* x, int64_t total, T* y) {
  const int64_t run = layout.rank == 0 ? 1 : layout.size[layout.rank - 1];
  if (run == total) {
    return ParallelChunks(*context.parallel, total, 65536, [&](int, int64_t begin, int64_t end) {
      std::memcpy(y + begin, x + begin, static_cast<size_t>(end - begin) * sizeof(T));
    });
  }
  const int outer = layout.rank - 1;
  // Runs of one `group` lie a fixed distance apart, so their places take no division.
  const int64_t group = layout.size[outer - 1], step = layout.stride[outer - 1];
  ParallelChunks(*context.parallel, total / run, 1 + 16384 / run, [&](int, int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end;) {
      const T* from = x + Place(layout, outer, r);
      for (const int64_t stop = std::min(end, (r / group + 1) * group); r < stop; ++r, from += step) {
        std::memcpy(y + r * run, from, static_cast<size_t>(run) * sizeof(T));
      }
    }
  });
}

// A rectangle of two dims, the second one innermost in the output.
template <class T>
void CopyTile(const T* x, int64_t rows, int64_t row_stride, int64_t columns, int64_t column_stride, T* y,
              int64_t y_stride) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) y[r * y_stride + c] = x[r * row_stride + c * column_stride];
  }
}

// `across`, the dim whose elements lie closest in the input, and the last dim, in tiles; all other dims outside.
template <class T>
void CopyTiles(const OpContext& context, const Layout& layout, const T* x, int64_t total, T* y) {
  constexpr int64_t kTile = 32;
  const int last = layout.rank - 1;
  Layout outer = layout;
  outer.rank = last;
  int across = 0;
  for (int dim = 0; dim < last; ++dim) {
    // A stride of 0 (an expanded dim) brings no new cache line, but no neighbours either.
    if (layout.stride[dim] != 0 && (layout.stride[across] == 0 || layout.stride[dim] <= layout.stride[across])) {
      across = dim;
    }
  }
  const int64_t rows = last > 0 ? layout.size[across] : 1, columns = layout.size[last];
  // How far the rows of a tile lie apart in the output.
  int64_t y_stride = columns;
  for (int dim = across + 1; dim < last; ++dim) y_stride *= layout.size[dim];
  const int64_t row_stride = last > 0 ? layout.stride[across] : 0;
  const int64_t row_tiles = (rows + kTile - 1) / kTile, column_tiles = (columns + kTile - 1) / kTile;
  // Of the outer dims but `across`: before it and after it.
  const int64_t after = y_stride / columns, tiles = total / (rows * columns) * row_tiles * column_tiles;
  ParallelChunks(*context.parallel, tiles, 16, [&](int, int64_t begin, int64_t end) {
    for (int64_t tile = begin; tile < end; ++tile) {
      const int64_t column = tile % column_tiles * kTile, item = tile / column_tiles / row_tiles;
      const int64_t row = tile / column_tiles % row_tiles * kTile;
      const int64_t first = (item / after * rows + row) * after + item % after;  // of the outer dims, row by row
      CopyTile(x + Place(outer, last, first) + column * layout.stride[last], std::min(kTile, rows - row), row_stride,
               std::min(kTile, columns - column), layout.stride[last], y + first * columns + column, y_stride);
    }
  });
}

}  // namespace

void CopyCpu(const OpContext& context, const TensorView& x, const TensorView& y) {
  const int64_t total = x.numel();
  if (total == 0) return;
  const Layout layout = Coalesce(x);
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    if (layout.rank == 0 || layout.stride[layout.rank - 1] == 1) {
      return CopyRuns(context, layout, x.In<T>(), total, y.Out<T>());
    }
    CopyTiles(context, layout, x.In<T>(), total, y.Out<T>());
  });
}

}  // namespace strata
