#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/linear_int4/linear_int4_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/base/aligned_buffer.h"
#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/dot/dot_rows.h"
#include "kernels/ops/linear_int4/int4_tile.h"
#include "kernels/ops/linear_int4/linear_int4.h"
#include "kernels/simd/activation-inl.h"
#include "kernels/simd/row-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

// A group of x to bytes, its scale and the sum of its bytes (linear_int4.h). `n` is a multiple of 32.
void QuantiseGroup(const float* x, size_t n, int8_t* a, float* s, int32_t* sum) {
  const hn::ScalableTag<float> d;
  const hn::RebindToSigned<decltype(d)> di;
  const hn::Rebind<int8_t, decltype(d)> d8;
  constexpr size_t kLanes = hn::MaxLanes(hn::ScalableTag<float>());
  // The order of magnitudes is that of their bits, infinity and NaN above them all.
  auto largest = hn::Zero(di);
  for (size_t i = 0; i < n; i += kLanes) {
    largest = hn::Max(largest, hn::And(hn::BitCast(di, hn::LoadU(d, x + i)), hn::Set(di, 0x7fffffff)));
  }
  const float amax = std::bit_cast<float>(hn::GetLane(hn::MaxOfLanes(di, largest)));
  if (!(amax < std::numeric_limits<float>::infinity())) {
    std::memset(a, 0, n);
    *s = std::numeric_limits<float>::quiet_NaN(), *sum = 0;
    return;
  }
  const bool nothing = amax < 0x1p-100f;
  const auto inverse = hn::Set(d, nothing ? 0 : 127.0f / amax);
  auto total = hn::Zero(di);
  for (size_t i = 0; i < n; i += kLanes) {
    const auto rounded = hn::NearestInt(hn::Mul(hn::LoadU(d, x + i), inverse));
    total = hn::Add(total, rounded);
    hn::StoreU(hn::DemoteTo(d8, rounded), d8, a + i);
  }
  *s = nothing ? 0 : amax / 127.0f, *sum = hn::GetLane(hn::SumOfLanes(di, total));
}

template <class T>
void QuantiseRow(const T* x, size_t in, size_t group, int8_t* a, float* s, int32_t* sums) {
  HWY_ALIGN float wide[128];
  for (size_t g = 0; g < in / group; ++g) {
    const T* from = x + g * group;
    if constexpr (std::is_same_v<T, float>) {
      QuantiseGroup(from, group, a + g * group, s + g, sums + g);
    } else {
      for (size_t k = 0; k < group; ++k) wide[k] = static_cast<float>(ToDouble(from[k]));
      QuantiseGroup(wide, group, a + g * group, s + g, sums + g);
    }
  }
}

void QuantiseInt4(const TensorView& x, size_t row, size_t group, int8_t* a, float* s, int32_t* sums) {
  DispatchFloat(x.dtype, [&](auto type) {
    const auto in = static_cast<size_t>(x.size(-1));
    QuantiseRow(x.In<decltype(type)>() + row * in, in, group, a, s, sums);
  });
}

// Sums of `rows` x `columns` outputs, 32 apart, to y.
template <class T>
void Finish(const ComputeType<T>* sums, size_t rows, size_t columns, const T* bias, Activation activation, T* y,
            size_t width) {
  const hn::ScalableTag<ComputeType<T>> d;
  for (size_t r = 0; r < rows; ++r) {
    Map(d, columns, y + r * width, [&](auto at) HWY_ATTR {
      auto v = at(sums + r * kInt4Columns);
      if (bias != nullptr) v = hn::Add(v, at(bias));
      return activation == Activation::kNone ? v : Activate(d, activation, RoundTo<T>(d, v));
    });
  }
}

void FinishInt4(const void* sums, size_t row, size_t rows, size_t column, size_t columns, const TensorView* bias,
                Activation activation, const TensorView& y) {
  DispatchFloat(y.dtype, [&](auto type) {
    using T = decltype(type);
    const auto width = static_cast<size_t>(y.size(-1));
    Finish<T>(static_cast<const ComputeType<T>*>(sums), rows, columns,
              bias == nullptr ? nullptr : bias->In<T>() + column, activation, y.Out<T>() + row * width + column, width);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(QuantiseInt4);
HWY_EXPORT(FinishInt4);

namespace {

size_t Size(const TensorView& view, int dim) { return static_cast<size_t>(view.size(dim)); }

double ScaleAt(const void* scale, bool half, size_t at) {
  return half ? ToDouble(static_cast<const F16*>(scale)[at]) : ToDouble(static_cast<const float*>(scale)[at]);
}

// The same chain in plain C++, in float or double.
template <class F>
void PlainTile(const Int4Tile& tile, size_t rows, bool half, F* y) {
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < kInt4Columns; ++c) {
      F total = 0;
      const uint8_t* b = tile.panel + c % 16 * 4;
      const int8_t* a = tile.a + r * tile.a_row;
      for (size_t g = 0; g < tile.groups; ++g) {
        int32_t sum = (tile.zero == nullptr ? 8 : tile.zero[g * tile.stride + c]) * -tile.sums[r * tile.group_row + g];
        for (size_t s = 0; s < tile.steps; ++s, b += kInt4StepBytes, a += 4) {
          for (size_t i = 0; i < 4; ++i) sum += a[i] * (b[i] >> (c / 16 * 4) & 15);
        }
        const F scaled = static_cast<F>(sum) * static_cast<F>(tile.s[r * tile.group_row + g]);
        total = std::fma(scaled, static_cast<F>(ScaleAt(tile.scale, half, g * tile.stride + c)), total);
      }
      y[r * kInt4Columns + c] = total;
    }
  }
}

class Int4Product {
 public:
  // `tile` nullptr: plain; `few_rows` nullptr: as many rows.
  Int4Product(const OpContext& context, Int4TileFn tile, Int4RowsFn few_rows, const TensorView& x,
              const TensorView& weight, const TensorView& scale, const TensorView* zero, const TensorView* bias,
              int64_t blocks, Activation activation, const TensorView& y)
      : tile_(tile),
        few_rows_(x.rows() <= int64_t{kDotFewRows} && weight.prepared == nullptr ? few_rows : nullptr),
        x_(x),
        weight_(weight),
        scale_(scale),
        zero_(zero),
        bias_(bias),
        activation_(activation),
        y_(y),
        rows_(static_cast<size_t>(x.rows())),
        in_(Size(x, -1)),
        out_(Size(weight, 0)),
        group_(32 * static_cast<size_t>(blocks)),
        groups_(in_ / group_),
        space_(PlanLinearInt4(x, weight, blocks)) {
    std::byte* at = context.workspace;
    a_ = reinterpret_cast<int8_t*>(at);
    s_ = reinterpret_cast<float*>(at += space_.a);
    sums_ = reinterpret_cast<int32_t*>(at += space_.s);
    turns_ = reinterpret_cast<int8_t*>(at += space_.sums);
    panels_ = reinterpret_cast<uint8_t*>(at + space_.turns);
  }

  void Run(Parallel& parallel) {
    if (rows_ == 0 || out_ == 0) return;
    const auto grain = static_cast<int64_t>(std::max<size_t>(1, (size_t{1} << 16) / (in_ + 1)));
    ParallelChunks(parallel, static_cast<int64_t>(rows_), grain, [&](int, int64_t begin, int64_t end) {
      for (auto r = static_cast<size_t>(begin); r < static_cast<size_t>(end); ++r) {
        HWY_DYNAMIC_DISPATCH(QuantiseInt4)(x_, r, group_, a_ + r * in_, s_ + r * groups_, sums_ + r * groups_);
      }
    });
    if (few_rows_ != nullptr) TakeTurns();
    // A thread for each 64 KiB of weights, more where they are used often.
    const size_t panels = (out_ + kInt4Columns - 1) / kInt4Columns;
    const size_t work = kInt4Columns * (in_ + 1) / 2 * (1 + rows_ / 8);
    const auto panel_grain = static_cast<int64_t>(std::max<size_t>(1, (size_t{1} << 16) / work));
    ParallelChunks(parallel, static_cast<int64_t>(panels), panel_grain, [&](int chunk, int64_t begin, int64_t end) {
      uint8_t* space = panels_ + static_cast<size_t>(chunk) * space_.panel;
      for (auto p = static_cast<size_t>(begin); p < static_cast<size_t>(end); ++p) Panel(p, space);
    });
  }

 private:
  // Int4Tile::turns.
  void TakeTurns() {
    const size_t turn = RowsInTurns(rows_);
    std::memset(turns_, 0, BytesInTurns(rows_, in_));
    for (size_t r = 0; r < rows_; ++r) {
      const int8_t* from = a_ + r * in_;
      for (size_t k = 0; k < in_; ++k) turns_[(k / 8 * turn + r) * 8 + k % 2 * 4 + k % 8 / 2] = from[k];
    }
  }

  void Panel(size_t p, uint8_t* space) {
    const size_t column = p * kInt4Columns, columns = std::min(kInt4Columns, out_ - column);
    const size_t panel_bytes = kInt4Columns * in_ / 2;
    bool half = scale_.dtype == DType::kF16;
    Int4Tile tile{};
    if (few_rows_ != nullptr) {
      tile.panel = weight_.In<uint8_t>() + column * (in_ / 2);
    } else if (weight_.prepared != nullptr) {
      tile.panel = static_cast<const uint8_t*>(weight_.prepared) + p * panel_bytes;
    } else {
      PackInt4(weight_.In<uint8_t>() + column * (in_ / 2), in_ / 2, columns, space);
      tile.panel = space;
    }
    tile.groups = groups_, tile.steps = group_ / 4;
    tile.a_row = in_, tile.group_row = groups_;
    tile.scale = scale_.In<std::byte>() + column * SizeOf(scale_.dtype);
    tile.zero = zero_ == nullptr ? nullptr : zero_->In<uint8_t>() + column;
    tile.stride = out_;
    if (columns < kInt4Columns) {
      space += weight_.prepared == nullptr && few_rows_ == nullptr ? AlignUp(panel_bytes) : 0;
      Widen(columns, half, reinterpret_cast<float*>(space), space + groups_ * kInt4Columns * sizeof(float), &tile);
      half = false;
    }
    Rows(tile, half, column, columns);
  }

  // Scales and zero points of a panel that the matrix does not fill, copied to a panel's width.
  void Widen(size_t columns, bool half, float* scale, uint8_t* zero, Int4Tile* tile) const {
    for (size_t g = 0; g < groups_; ++g) {
      for (size_t c = 0; c < kInt4Columns; ++c) {
        const size_t to = g * kInt4Columns + c, from = g * out_ + c;
        scale[to] = c < columns ? static_cast<float>(ScaleAt(tile->scale, half, from)) : 0;
        zero[to] = c < columns && tile->zero != nullptr ? tile->zero[from] : 0;
      }
    }
    tile->scale = scale, tile->stride = kInt4Columns;
    if (tile->zero != nullptr) tile->zero = zero;
  }

  void Rows(Int4Tile tile, bool half, size_t column, size_t columns) {
    alignas(64) double y[kInt4TileRows * kInt4Columns];
    const size_t tiles = (rows_ + kInt4TileRows - 1) / kInt4TileRows;
    for (size_t t = 0; t < tiles; ++t) {
      const size_t row = rows_ * t / tiles, count = rows_ * (t + 1) / tiles - row;
      tile.a = a_ + row * in_, tile.s = s_ + row * groups_, tile.sums = sums_ + row * groups_;
      tile.y = reinterpret_cast<float*>(y);
      if (few_rows_ != nullptr) {
        tile.turns = reinterpret_cast<const int32_t*>(turns_);
        few_rows_(tile, columns, count, half);
      } else if (tile_ != nullptr) {
        tile_(tile, count, half);
      } else if (x_.dtype == DType::kF64) {
        PlainTile(tile, count, half, y);
      } else {
        PlainTile(tile, count, half, tile.y);
      }
      HWY_DYNAMIC_DISPATCH(FinishInt4)(y, row, count, column, columns, bias_, activation_, y_);
    }
  }

  const Int4TileFn tile_;
  const Int4RowsFn few_rows_;
  const TensorView &x_, &weight_, &scale_;
  const TensorView *zero_, *bias_;
  const Activation activation_;
  const TensorView& y_;
  const size_t rows_, in_, out_, group_, groups_;
  const LinearInt4Space space_;
  int8_t* a_;
  float* s_;
  int32_t* sums_;
  int8_t* turns_;
  uint8_t* panels_;
};

}  // namespace

LinearInt4Space PlanLinearInt4(const TensorView& x, const TensorView& weight, int64_t blocks) {
  const auto rows = static_cast<size_t>(x.rows());
  const size_t in = Size(x, -1), groups = in / (32 * static_cast<size_t>(blocks));
  const size_t panel = weight.prepared != nullptr ? 0 : AlignUp(kInt4Columns * in / 2);
  return {AlignUp(rows * in), AlignUp(rows * groups * sizeof(float)), AlignUp(rows * groups * sizeof(int32_t)),
          rows <= kDotFewRows ? BytesInTurns(rows, in) : 0,
          panel + AlignUp(groups * kInt4Columns * (sizeof(float) + 1))};
}

size_t LinearInt4PreparedBytes(const TensorView& weight) {
  return (Size(weight, 0) + kInt4Columns - 1) / kInt4Columns * kInt4Columns * Size(weight, 1);
}

void PackInt4(const uint8_t* weight, size_t row_bytes, size_t columns, uint8_t* panel) {
  // Two bytes of a column are a step.
  for (size_t c = 0; c < 16; ++c) {
    const uint8_t *low = c < columns ? weight + c * row_bytes : nullptr,
                  *high = 16 + c < columns ? weight + (16 + c) * row_bytes : nullptr;
    uint8_t* out = panel + 4 * c;
    for (size_t j = 0; j < row_bytes; j += 2, out += kInt4StepBytes) {
      for (size_t i = 0; i < 2; ++i) {
        const unsigned l = low != nullptr ? low[j + i] : 0, h = high != nullptr ? high[j + i] : 0;
        out[2 * i] = static_cast<uint8_t>((l & 15) | (h & 15) << 4);
        out[2 * i + 1] = static_cast<uint8_t>(l >> 4 | (h & 0xf0));
      }
    }
  }
}

void LinearInt4Prepare(const TensorView& weight, void* out) {
  const size_t n = Size(weight, 0), row_bytes = Size(weight, 1);
  for (size_t column = 0; column < n; column += kInt4Columns) {
    PackInt4(weight.In<uint8_t>() + column * row_bytes, row_bytes, std::min(kInt4Columns, n - column),
             static_cast<uint8_t*>(out) + column * row_bytes);
  }
}

void LinearInt4Vnni(const OpContext& context, const TensorView& x, const TensorView& weight, const TensorView& scale,
                    const TensorView* zero, const TensorView* bias, int64_t blocks, Activation activation,
                    const TensorView& y) {
  Int4Product(context, Int4TileVnni, Int4RowsVnni, x, weight, scale, zero, bias, blocks, activation, y)
      .Run(*context.parallel);
}
void LinearInt4Avx2(const OpContext& context, const TensorView& x, const TensorView& weight, const TensorView& scale,
                    const TensorView* zero, const TensorView* bias, int64_t blocks, Activation activation,
                    const TensorView& y) {
  Int4Product(context, Int4TileAvx2, nullptr, x, weight, scale, zero, bias, blocks, activation, y)
      .Run(*context.parallel);
}
void LinearInt4Plain(const OpContext& context, const TensorView& x, const TensorView& weight, const TensorView& scale,
                     const TensorView* zero, const TensorView* bias, int64_t blocks, Activation activation,
                     const TensorView& y) {
  Int4Product(context, nullptr, nullptr, x, weight, scale, zero, bias, blocks, activation, y).Run(*context.parallel);
}

}  // namespace strata
#endif  // HWY_ONCE
