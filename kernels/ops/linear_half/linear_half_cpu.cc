#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/linear_half/linear_half_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include <hwy/cache_control.h>

#include "kernels/base/aligned_buffer.h"
#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/linear_half/linear_half.h"
#include "kernels/simd/activation-inl.h"
#include "kernels/simd/gemm-inl.h"
#include "kernels/simd/row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

inline constexpr size_t kPanel = 32;
// Two vectors a row: 16 of 32 registers hold sums, or 8 of 16 (as many hold the totals).
inline constexpr size_t kHeight = HWY_TARGET == HWY_AVX2 ? 3 : 7;

// sums[r][c] of kRows rows of x and a panel: for each block of kSumBlock steps one chain along k, in order, from zero;
// the blocks' results are added in order. So linear does it.
template <size_t kRows, class W>
HWY_NOINLINE void HalfTile(const float* x, size_t stride, const W* panel, size_t steps, float* sums) {
  const hn::ScalableTag<float> d;
  constexpr size_t kLanes = hn::MaxLanes(hn::ScalableTag<float>());
  for (size_t column = 0; column < kPanel; column += 2 * kLanes) {
    hn::Vec<decltype(d)> total[kRows][2];
    size_t block = 0;
    do {  // once for no steps, too
      hn::Vec<decltype(d)> acc[kRows][2];
#pragma GCC unroll 8
      for (size_t r = 0; r < kRows; ++r) acc[r][0] = acc[r][1] = hn::Zero(d);
      for (size_t k = block; k < std::min(steps, block + kSumBlock); ++k) {
        const W* at = panel + k * kPanel + column;
        hwy::Prefetch(at + 48 * kPanel);
        const auto b0 = Read(d, at), b1 = Read(d, at + kLanes);
#pragma GCC unroll 8
        for (size_t r = 0; r < kRows; ++r) {
          const auto value = hn::Set(d, x[r * stride + k]);
          acc[r][0] = hn::MulAdd(value, b0, acc[r][0]);
          acc[r][1] = hn::MulAdd(value, b1, acc[r][1]);
        }
      }
#pragma GCC unroll 8
      for (size_t r = 0; r < kRows; ++r) {
        total[r][0] = block == 0 ? acc[r][0] : hn::Add(total[r][0], acc[r][0]);
        total[r][1] = block == 0 ? acc[r][1] : hn::Add(total[r][1], acc[r][1]);
      }
      block += kSumBlock;
    } while (block < steps);
#pragma GCC unroll 8
    for (size_t r = 0; r < kRows; ++r) {
      hn::StoreU(total[r][0], d, sums + r * kPanel + column);
      hn::StoreU(total[r][1], d, sums + r * kPanel + column + kLanes);
    }
  }
}

template <size_t kRows, class W>
HWY_INLINE void AnyHeight(size_t rows, const float* x, size_t stride, const W* panel, size_t steps, float* sums) {
  if constexpr (kRows > 0) {
    if (rows == kRows) return HalfTile<kRows>(x, stride, panel, steps, sums);
    AnyHeight<kRows - 1>(rows, x, stride, panel, steps, sums);
  }
}

// One panel of outputs, all rows. `x`: in float32.
template <class T, class W>
void HalfPanel(const float* x, size_t rows, size_t in, const W* panel, size_t column, size_t columns,
               const TensorView* bias, Activation activation, const TensorView& y) {
  const hn::ScalableTag<float> d;
  HWY_ALIGN float sums[kHeight * kPanel];
  const auto width = static_cast<size_t>(y.size(-1));
  const T* add = bias == nullptr ? nullptr : bias->In<T>() + column;
  const size_t tiles = (rows + kHeight - 1) / kHeight;
  for (size_t t = 0; t < tiles; ++t) {
    const size_t row = rows * t / tiles, count = rows * (t + 1) / tiles - row;
    AnyHeight<kHeight>(count, x + row * in, in, panel, in, sums);
    for (size_t r = 0; r < count; ++r) {
      Map(d, columns, y.Out<T>() + (row + r) * width + column, [&](auto at) HWY_ATTR {
        auto v = at(sums + r * kPanel);
        if (add != nullptr) v = hn::Add(v, at(add));
        return activation == Activation::kNone ? v : Activate(d, activation, RoundTo<T>(d, v));
      });
    }
  }
}

void LinearHalfPanel(const float* x, size_t rows, size_t in, DType dtype, const void* panel, size_t column,
                     size_t columns, const TensorView* bias, Activation activation, const TensorView& y) {
  const bool narrow = y.dtype == DType::kBF16;
  if (dtype == DType::kF16) {
    const auto run = narrow ? HalfPanel<BF16, F16> : HalfPanel<float, F16>;
    return run(x, rows, in, static_cast<const F16*>(panel), column, columns, bias, activation, y);
  }
  const auto run = narrow ? HalfPanel<BF16, BF16> : HalfPanel<float, BF16>;
  run(x, rows, in, static_cast<const BF16*>(panel), column, columns, bias, activation, y);
}

// A few rows, with the weight as it lies in memory.
template <class T, class W>
void HalfFewRows(const OpContext& context, const TensorView& x, const TensorView& weight, const TensorView* bias,
                 Activation activation, const TensorView& y) {
  const GemmShape shape{static_cast<size_t>(x.rows()), static_cast<size_t>(weight.size(0)),
                        static_cast<size_t>(weight.size(1))};
  const T* add = bias == nullptr ? nullptr : bias->In<T>();
  const auto finish = [&](auto d, size_t row, size_t column, auto sum, size_t count) HWY_ATTR {
    const size_t n = std::min(count, hn::MaxLanes(d));
    Map(d, n, y.Out<T>() + row * shape.n + column, [&](auto at) HWY_ATTR {
      const auto v = add == nullptr ? sum : hn::Add(sum, at(add + column));
      return activation == Activation::kNone ? v : Activate(d, activation, RoundTo<T>(d, v));
    });
  };
  const float* const unpacked = nullptr;
  float* const elsewhere = nullptr;
  Gemm<float>(context, shape, Matrix<T>{x.In<T>(), shape.k, 1}, Matrix<W>{weight.In<W>(), 1, shape.k}, unpacked,
              elsewhere, finish);
}

void LinearHalfFewRows(const OpContext& context, const TensorView& x, const TensorView& weight, const TensorView* bias,
                       Activation activation, const TensorView& y) {
  const bool narrow = y.dtype == DType::kBF16;
  if (weight.dtype == DType::kF16) {
    return (narrow ? HalfFewRows<BF16, F16> : HalfFewRows<float, F16>)(context, x, weight, bias, activation, y);
  }
  (narrow ? HalfFewRows<BF16, BF16> : HalfFewRows<float, BF16>)(context, x, weight, bias, activation, y);
}

void WidenRow(const BF16* x, size_t n, float* out) {
  const hn::ScalableTag<float> d;
  Map(d, n, out, [&](auto at) HWY_ATTR { return at(x); });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(LinearHalfFewRows);
HWY_EXPORT(LinearHalfPanel);
HWY_EXPORT(WidenRow);

namespace {

constexpr size_t kColumns = 32;

size_t Size(const TensorView& view, int dim) { return static_cast<size_t>(view.size(dim)); }
size_t PanelBytes(const TensorView& weight) { return kColumns * Size(weight, 1) * sizeof(uint16_t); }
size_t Panels(const TensorView& weight) { return (Size(weight, 0) + kColumns - 1) / kColumns; }

// Panel p of the weight: [k][column], zeros beyond the last column.
void Pack(const TensorView& weight, size_t p, uint16_t* out) {
  const size_t in = Size(weight, 1), first = p * kColumns, columns = std::min(kColumns, Size(weight, 0) - first);
  for (size_t c = 0; c < kColumns; ++c) {
    const uint16_t* row = weight.In<uint16_t>() + (first + c) * in;
    for (size_t k = 0; k < in; ++k) out[k * kColumns + c] = c < columns ? row[k] : 0;
  }
}

}  // namespace

LinearHalfSpace PlanLinearHalf(const TensorView& x, const TensorView& weight) {
  return {x.dtype == DType::kBF16 ? AlignUp(static_cast<size_t>(x.numel()) * sizeof(float)) : 0,
          weight.prepared == nullptr ? AlignUp(PanelBytes(weight)) : 0};
}

size_t LinearHalfPreparedBytes(const TensorView& weight) { return Panels(weight) * PanelBytes(weight); }

void LinearHalfPrepare(const TensorView& weight, void* out) {
  for (size_t p = 0; p < Panels(weight); ++p) {
    Pack(weight, p, static_cast<uint16_t*>(out) + p * kColumns * Size(weight, 1));
  }
}

void LinearHalfCpu(const OpContext& context, const TensorView& x, const TensorView& weight, const TensorView* bias,
                   Activation activation, const TensorView& y) {
  const size_t rows = static_cast<size_t>(x.rows()), in = Size(weight, 1), out = Size(weight, 0);
  if (rows <= kFewRows) return HWY_DYNAMIC_DISPATCH(LinearHalfFewRows)(context, x, weight, bias, activation, y);
  const LinearHalfSpace space = PlanLinearHalf(x, weight);
  const float* wide = x.In<float>();
  if (x.dtype == DType::kBF16) {
    auto* copy = reinterpret_cast<float*>(context.workspace);
    HWY_DYNAMIC_DISPATCH(WidenRow)(x.In<BF16>(), rows * in, copy);
    wide = copy;
  }
  // A thread for each 64 KiB of weights.
  const auto grain = static_cast<int64_t>(std::max<size_t>(1, (size_t{1} << 16) / (PanelBytes(weight) + 1)));
  ParallelChunks(*context.parallel, static_cast<int64_t>(Panels(weight)), grain,
                 [&](int chunk, int64_t begin, int64_t end) {
                   std::byte* own = context.workspace + space.x + static_cast<size_t>(chunk) * space.panel;
                   for (auto p = static_cast<size_t>(begin); p < static_cast<size_t>(end); ++p) {
                     const void* panel = own;
                     if (weight.prepared != nullptr) {
                       panel = static_cast<const std::byte*>(weight.prepared) + p * PanelBytes(weight);
                     } else {
                       Pack(weight, p, reinterpret_cast<uint16_t*>(own));
                     }
                     HWY_DYNAMIC_DISPATCH(LinearHalfPanel)
                     (wide, rows, in, weight.dtype, panel, p * kColumns, std::min(kColumns, out - p * kColumns), bias,
                      activation, y);
                   }
                 });
}

}  // namespace strata
#endif  // HWY_ONCE
