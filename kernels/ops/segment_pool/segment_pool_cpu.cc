#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/segment_pool/segment_pool_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include <algorithm>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/segment_pool/segment_pool.h"
#include "kernels/simd/columns-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

// The rows of one segment in a range of columns.
template <class T>
struct Block {
  const T* x;
  size_t rows, stride, width;
};

// The first maximum down the rows, or the first NaN. REQUIRES: there is a row.
template <class D, class At, class T>
HWY_INLINE hn::Vec<D> MaxDown(D, At at, const Block<T>& b) {
  auto best = at(b.x);
  for (size_t r = 1; r < b.rows; ++r) {
    const auto v = at(b.x + r * b.stride);
    best = hn::IfThenElse(hn::Or(hn::Lt(best, v), hn::AndNot(hn::IsNaN(best), hn::IsNaN(v))), v, best);
  }
  return best;
}

template <class T>
void PoolBlock(const Block<T>& b, PoolMode mode, T* y) {
  using F = ComputeType<T>;
  const hn::ScalableTag<F> d;
  const auto term = [&](auto at, size_t r) HWY_ATTR { return at(b.x + r * b.stride); };
  if (b.rows == 0) return Map(d, b.width, y, [&](auto) HWY_ATTR { return hn::Zero(d); });
  switch (mode) {
    case PoolMode::kMean: {
      const auto count = hn::Set(d, static_cast<F>(b.rows));
      return SumDown(d, b.rows, b.width, term, [&](auto at, auto sum) HWY_ATTR { at.Put(hn::Div(sum, count), y); });
    }
    case PoolMode::kSum:
      return SumDown(d, b.rows, b.width, term, [&](auto at, auto sum) HWY_ATTR { at.Put(sum, y); });
    case PoolMode::kMax:
      return Map(d, b.width, y, [&](auto at) HWY_ATTR { return MaxDown(d, at, b); });
    case PoolMode::kFirst:
      return Map(d, b.width, y, [&](auto at) HWY_ATTR { return at(b.x); });
  }
}

// Every row gets `share`; or the first one `share` and the others nothing.
template <class T>
void SpreadBlock(const Block<T>& b, const T* grad, PoolMode mode, T* out) {
  using F = ComputeType<T>;
  const hn::ScalableTag<F> d;
  const auto divisor = hn::Set(d, mode == PoolMode::kMean ? static_cast<F>(b.rows) : F(1));
  for (size_t r = 0; r < b.rows; ++r) {
    T* row = out + r * b.stride;
    if (r > 0 && mode == PoolMode::kFirst) {
      Map(d, b.width, row, [&](auto) HWY_ATTR { return hn::Zero(d); });
    } else {
      Map(d, b.width, row, [&](auto at) HWY_ATTR { return hn::Div(at(grad), divisor); });
    }
  }
}

// The gradient goes to the first row that equals the maximum (or is NaN, where that is).
template <class T>
void MaxBackwardBlock(const Block<T>& b, const T* grad, T* out) {
  const hn::ScalableTag<ComputeType<T>> d;
  ForEachVector(d, b.width, [&](auto at) HWY_ATTR {
    const auto best = MaxDown(d, at, b);
    auto left = at(grad);
    auto open = hn::Eq(best, best);
    open = hn::Or(open, hn::Not(open));  // all
    for (size_t r = 0; r < b.rows; ++r) {
      const auto v = at(b.x + r * b.stride);
      const auto hit = hn::And(open, hn::Or(hn::Eq(v, best), hn::IsNaN(v)));
      at.Put(hn::IfThenElseZero(hit, left), out + r * b.stride);
      open = hn::AndNot(hit, open);
    }
  });
}

// Calls visit(segment, first row, rows, first column, columns), on all threads: a few long segments are split by
// column.
template <class Visit>
void ForBlocks(const OpContext& context, const TensorView& x, const TensorView& cu_seqlens, Visit visit) {
  constexpr int64_t kColumns = 256;
  const int64_t segments = cu_seqlens.numel() - 1, width = x.size(1);
  const int64_t blocks = (width + kColumns - 1) / kColumns;
  if (segments == 0 || width == 0) return;
  const int64_t cost = (x.size(0) / segments + 1) * std::min(width, kColumns);
  DispatchIndex(cu_seqlens.dtype, [&](auto offset) {
    const auto* offsets = cu_seqlens.In<decltype(offset)>();
    ParallelChunks(*context.parallel, segments * blocks, 1 + 16384 / cost, [&](int, int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t s = i / blocks, column = i % blocks * kColumns;
        visit(s, int64_t{offsets[s]}, int64_t{offsets[s + 1]} - offsets[s], column, std::min(kColumns, width - column));
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
