#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/segment_pool/segment_pool_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include <algorithm>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/segment_pool/segment_pool.h"
#include "kernels/simd/row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

// The rows of one segment in a range of columns.
template <class T>
struct Block {
  const T* x;
  size_t rows, stride, width;
};

// The most columns that a thread folds at a time. Their results so far stay in the cache while the rows stream by; a
// column at a time would take one line of every row, which no prefetcher follows. With 512 columns, half a page of a
// row, a maximum of 4096 x 4096 ran 1.6 times as long.
constexpr int64_t kColumns = 2048;
constexpr size_t kRowsAtOnce = 4;  // loads and stores of the results so far are a quarter

template <class F>
struct Columns {
  HWY_ALIGN F at[kColumns];
};

// acc = step(acc, row) for rows [begin, end) in order.
template <class T, class F, class Step>
HWY_INLINE void FoldDown(const Block<T>& b, size_t begin, size_t end, F* acc, Step step) {
  const hn::ScalableTag<F> d;
  size_t r = begin;
  for (; r + kRowsAtOnce <= end; r += kRowsAtOnce) {
    const T* x = b.x + r * b.stride;
    ForEachVector(d, b.width, [&](auto at) HWY_ATTR {
      auto v = at(acc);
      STRATA_UNROLL
      for (size_t i = 0; i < kRowsAtOnce; ++i) v = step(v, at(x + i * b.stride));
      at.Put(v, acc);
    });
  }
  for (; r < end; ++r) {
    ForEachVector(d, b.width, [&](auto at) HWY_ATTR { at.Put(step(at(acc), at(b.x + r * b.stride)), acc); });
  }
}

// The first maximum down the rows, or the first NaN. REQUIRES: there is a row.
template <class T, class F = ComputeType<T>>
void MaxDown(const Block<T>& b, F* best) {
  const hn::ScalableTag<F> d;
  Map(d, b.width, best, [&](auto at) HWY_ATTR { return at(b.x); });
  FoldDown(b, 1, b.rows, best, [](auto most, auto v) HWY_ATTR {
    return hn::IfThenElse(hn::Or(hn::Le(v, most), hn::IsNaN(most)), most, v);
  });
}

// kColumnBlock rows at a time, and so many of these sums at a time, each in order.
template <class T, class F = ComputeType<T>>
void AddDown(const Block<T>& b, F* total) {
  const hn::ScalableTag<F> d;
  Columns<F> few, many;
  for (F* sums : {total, few.at, many.at}) std::fill(sums, sums + b.width, F(0));
  const auto flush = [&](F* HWY_RESTRICT from, F* HWY_RESTRICT to) HWY_ATTR {
    ForEachVector(d, b.width, [&](auto at) HWY_ATTR {
      at.Put(hn::Add(at(to), at(from)), to);
      at.Put(hn::Zero(d), from);
    });
  };
  for (size_t begin = 0; begin < b.rows; begin += kColumnBlock) {
    const size_t end = std::min(b.rows, begin + kColumnBlock);
    FoldDown(b, begin, end, few.at, [](auto acc, auto v) HWY_ATTR { return hn::Add(acc, v); });
    flush(few.at, many.at);
    if (end % (kColumnBlock * kColumnBlock) == 0 || end == b.rows) flush(many.at, total);
  }
}

template <class T>
void PoolBlock(const Block<T>& b, PoolMode mode, T* y) {
  using F = ComputeType<T>;
  const hn::ScalableTag<F> d;
  if (b.rows == 0) return Map(d, b.width, y, [&](auto) HWY_ATTR { return hn::Zero(d); });
  if (mode == PoolMode::kFirst) return Map(d, b.width, y, [&](auto at) HWY_ATTR { return at(b.x); });
  Columns<F> result;
  if (mode == PoolMode::kMax) {
    MaxDown(b, result.at);
  } else {
    AddDown(b, result.at);
  }
  const auto divisor = hn::Set(d, mode == PoolMode::kMean ? static_cast<F>(b.rows) : F(1));
  Map(d, b.width, y, [&](auto at) HWY_ATTR { return hn::Div(at(result.at), divisor); });
}

// Every row gets `share`; or the first one `share` and the others nothing.
template <class T>
void SpreadBlock(const Block<T>& b, const T* grad, PoolMode mode, T* out) {
  using F = ComputeType<T>;
  const hn::ScalableTag<F> d;
  const auto divisor = hn::Set(d, mode == PoolMode::kMean ? static_cast<F>(b.rows) : F(1));
  Columns<F> share;
  Map(d, b.width, share.at, [&](auto at) HWY_ATTR { return hn::Div(at(grad), divisor); });
  for (size_t r = 0; r < b.rows; ++r) {
    if (r == 1 && mode == PoolMode::kFirst) std::fill(share.at, share.at + b.width, F(0));
    Map(d, b.width, out + r * b.stride, [&](auto at) HWY_ATTR { return at(share.at); });
  }
}

// The gradient goes to the first row that equals the maximum (or is NaN, where that is).
template <class T>
void MaxBackwardBlock(const Block<T>& b, const T* grad, T* out) {
  using F = ComputeType<T>;
  const hn::ScalableTag<F> d;
  Columns<F> best, left;  // left: what no row has had yet
  MaxDown(b, best.at);
  Map(d, b.width, left.at, [&](auto at) HWY_ATTR { return at(grad); });
  for (size_t r = 0; r < b.rows; ++r) {
    const T* x = b.x + r * b.stride;
    Map(d, b.width, out + r * b.stride, [&](auto at) HWY_ATTR {
      const auto v = at(x), share = at(left.at);
      const auto hit = hn::Or(hn::Eq(v, at(best.at)), hn::IsNaN(v));
      at.Put(hn::IfThenElse(hit, hn::Zero(d), share), left.at);
      return hn::IfThenElseZero(hit, share);
    });
  }
}

// Calls visit(segment, first row, rows, first column, columns), on all threads: a few long segments are split by
// column.
template <class Visit>
void ForBlocks(const OpContext& context, const TensorView& x, const TensorView& cu_seqlens, Visit visit) {
  const int64_t segments = cu_seqlens.numel() - 1, width = x.size(1);
  if (segments == 0 || width == 0) return;
  const int64_t threads = context.parallel->num_threads(), shares = segments < threads ? threads : 1;
  const int64_t share = ((width + shares - 1) / shares + 63) / 64 * 64, columns = std::min(share, kColumns);
  const int64_t blocks = (width + columns - 1) / columns;
  const int64_t cost = (x.size(0) / segments + 1) * std::min(width, columns);
  DispatchIndex(cu_seqlens.dtype, [&](auto offset) {
    const auto* offsets = cu_seqlens.In<decltype(offset)>();
    ParallelChunks(*context.parallel, segments * blocks, 1 + 16384 / cost, [&](int, int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t s = i / blocks, column = i % blocks * columns;
        visit(s, int64_t{offsets[s]}, int64_t{offsets[s + 1]} - offsets[s], column, std::min(columns, width - column));
      }
    });
  });
}

template <class T>
Block<T> BlockOf(const TensorView& x, int64_t row, int64_t rows, int64_t column, int64_t columns) {
  return {x.In<T>() + row * x.size(1) + column, static_cast<size_t>(rows), static_cast<size_t>(x.size(1)),
          static_cast<size_t>(columns)};
}

void SegmentPool(const OpContext& context, const TensorView& x, const TensorView& cu_seqlens, PoolMode mode,
                 const TensorView& y) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    ForBlocks(context, x, cu_seqlens, [&](int64_t segment, int64_t row, int64_t rows, int64_t column, int64_t columns) {
      PoolBlock(BlockOf<T>(x, row, rows, column, columns), mode, y.Out<T>() + segment * x.size(1) + column);
    });
  });
}

void SegmentPoolBackward(const OpContext& context, const TensorView& grad_y, const TensorView& x,
                         const TensorView& cu_seqlens, PoolMode mode, const TensorView& grad_x) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    ForBlocks(context, x, cu_seqlens, [&](int64_t segment, int64_t row, int64_t rows, int64_t column, int64_t columns) {
      const auto block = BlockOf<T>(x, row, rows, column, columns);
      const T* grad = grad_y.In<T>() + segment * x.size(1) + column;
      T* out = grad_x.Out<T>() + row * x.size(1) + column;
      if (rows == 0) return;
      if (mode == PoolMode::kMax) return MaxBackwardBlock(block, grad, out);
      SpreadBlock(block, grad, mode, out);
    });
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(SegmentPool);
HWY_EXPORT(SegmentPoolBackward);

void SegmentPoolCpu(const OpContext& context, const TensorView& x, const TensorView& cu_seqlens, PoolMode mode,
                    const TensorView& y) {
  HWY_DYNAMIC_DISPATCH(SegmentPool)(context, x, cu_seqlens, mode, y);
}

void SegmentPoolBackwardCpu(const OpContext& context, const TensorView& grad_y, const TensorView& x,
                            const TensorView& cu_seqlens, PoolMode mode, const TensorView& grad_x) {
  HWY_DYNAMIC_DISPATCH(SegmentPoolBackward)(context, grad_y, x, cu_seqlens, mode, grad_x);
}

}  // namespace strata
#endif  // HWY_ONCE
