#include <cmath>

#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/segment_pool/segment_pool.h"

namespace strata {
namespace {

// Column `d` of the rows of one segment.
template <class T>
struct Column {
  const T* x;
  int64_t rows, width;

  double operator()(int64_t n) const { return ToDouble(x[n * width]); }

  // The row of the first NaN, else of the first maximum.
  int64_t FirstMaximum() const {
    int64_t best = 0;
    for (int64_t n = 1; n < rows; ++n) {
      if (!std::isnan((*this)(best)) && !((*this)(n) <= (*this)(best))) best = n;
    }
    return best;
  }
  double Pool(PoolMode mode) const {
    if (rows == 0) return 0;
    if (mode == PoolMode::kFirst) return (*this)(0);
    if (mode == PoolMode::kMax) return (*this)(FirstMaximum());
    double sum = 0;
    for (int64_t n = 0; n < rows; ++n) sum += (*this)(n);
    return mode == PoolMode::kMean ? sum / static_cast<double>(rows) : sum;
  }
  // What row n gets of the gradient `g`.
  double Share(PoolMode mode, int64_t n, double g) const {
    if (mode == PoolMode::kFirst) return n == 0 ? g : 0;
    if (mode == PoolMode::kMax) return n == FirstMaximum() ? g : 0;
    return mode == PoolMode::kMean ? g / static_cast<double>(rows) : g;
  }
};

// Calls visit(T{}, segment, column index, Column) for every column of every segment.
template <class Visit>
void ForColumns(const TensorView& x, const TensorView& cu_seqlens, Visit visit) {
  DispatchFloat(x.dtype, [&](auto type) {
    DispatchIndex(cu_seqlens.dtype, [&](auto offset) {
      using T = decltype(type);
      const auto* offsets = cu_seqlens.In<decltype(offset)>();
      const int64_t width = x.size(1);
      for (int64_t s = 0; s + 1 < cu_seqlens.numel(); ++s) {
        for (int64_t i = 0; i < width; ++i) {
          visit(type, s, offsets[s] * width + i,
                Column<T>{x.In<T>() + offsets[s] * width + i, offsets[s + 1] - offsets[s], width});
        }
      }
    });
  });
}

}  // namespace

void SegmentPoolRef(const OpContext&, const TensorView& x, const TensorView& cu_seqlens, PoolMode mode,
                    const TensorView& y) {
  ForColumns(x, cu_seqlens, [&](auto type, int64_t segment, int64_t start, const auto& column) {
    using T = decltype(type);
    y.Out<T>()[segment * column.width + start % column.width] = FromDouble<T>(column.Pool(mode));
  });
}

void SegmentPoolBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& x,
                            const TensorView& cu_seqlens, PoolMode mode, const TensorView& grad_x) {
  ForColumns(x, cu_seqlens, [&](auto type, int64_t segment, int64_t start, const auto& column) {
    using T = decltype(type);
    const double g = ToDouble(grad_y.In<T>()[segment * column.width + start % column.width]);
    for (int64_t n = 0; n < column.rows; ++n) {
      grad_x.Out<T>()[start + n * column.width] = FromDouble<T>(column.Share(mode, n, g));
    }
  });
}

}  // namespace strata
