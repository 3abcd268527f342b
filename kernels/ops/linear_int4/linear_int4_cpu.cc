#include <cmath>
#include <cstring>
#include <utility>

#include "kernels/base/aligned_buffer.h"
#include "kernels/core/scalar.h"
#include "kernels/dot/dot_rows.h"
#include "kernels/ops/linear_int4/int4_tile.h"
#include "kernels/ops/linear_int4/linear_int4.h"

namespace strata {
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
      F y_sum = 0, total = 0;
      const uint8_t* b = tile.panel + c % 16 * 4;
      const int8_t* a = tile.a + r * tile.a_row;
      for (size_t g = 0; g < tile.groups; ++g) {
        int32_t sum = (tile.zero == nullptr ? 8 : tile.zero[g * tile.stride + c]) * -tile.sums[r * tile.group_row + g];
        for (size_t s = 0; s < tile.steps; ++s, b += kInt4StepBytes, a += 4) {
          for (size_t i = 0; i < 4; ++i) sum += a[i] * (b[i] >> (c / 16 * 4) & 15);
        }
        const F scaled = static_cast<F>(sum) * static_cast<F>(tile.s[r * tile.group_row + g]);
        total = std::fma(scaled, static_cast<F>(ScaleAt(tile.scale, half, g * tile.stride + c)), total);
        if (EndsInt4Chain(g, tile.groups)) y_sum += std::exchange(total, F(0));
      }
      y[r * kInt4Columns + c] = y_sum;
    }
  }
}

// Bytes of a row's numbers of even k; and of scales and zero points of a panel, and of two.
size_t TurnPlane(size_t in) { return RoundUp(in / 2, 64); }
size_t WideBytes(size_t groups) { return AlignUp(groups * kInt4Columns * (sizeof(float) + 1)); }
size_t StageBytes(size_t groups) { return 2 * WideBytes(groups); }

class Int4Product {
 public:
  // `tile` nullptr: plain; `few_rows` nullptr: as many rows.
  Int4Product(const OpContext& context, Int4TileFn tile, const Int4FewRows* few_rows, const TensorView& x,
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
        LinearInt4Quantise(x_, r, group_, a_ + r * in_, s_ + r * groups_, sums_ + r * groups_);
      }
    });
    // A thread for each 64 KiB of weights, more where they are used often.
    const size_t panels = (out_ + kInt4Columns - 1) / kInt4Columns;
    const size_t work = kInt4Columns * (in_ + 1) / 2 * (1 + rows_ / 8);
    const auto panel_grain = static_cast<int64_t>(std::max<size_t>(1, (size_t{1} << 16) / work));
    if (few_rows_ != nullptr) rows_ <= few_rows_->most_folded ? Split() : TakeTurns();
    ParallelChunks(parallel, static_cast<int64_t>(panels), panel_grain, [&](int chunk, int64_t begin, int64_t end) {
      uint8_t* space = panels_ + static_cast<size_t>(chunk) * space_.panel;
      const auto first = static_cast<size_t>(begin), last = static_cast<size_t>(end);
      if (few_rows_ != nullptr) return FewRows(first, last, space);
      for (size_t p = first; p < last; ++p) Panel(p, space);
    });
  }

 private:
  // Of few rows, what a kernel that folds wants: the numbers of even k, then those of odd k.
  void Split() {
    const size_t plane = TurnPlane(in_);
    if (plane > 0) std::memset(turns_, 0, 2 * rows_ * plane);  // of nothing there may be no memory
    for (size_t r = 0; r < rows_; ++r) {
      const int8_t* from = a_ + r * in_;
      int8_t *even = turns_ + 2 * r * plane, *odd = even + plane;
      for (size_t k = 0; k < in_; k += 32) {
        for (size_t i = 0; i < 16; ++i) even[k / 2 + i] = from[k + 2 * i], odd[k / 2 + i] = from[k + 2 * i + 1];
      }
    }
  }
  // The others'.
  void TakeTurns() {
    const size_t turn = RowsInTurns(rows_);
    std::memset(turns_, 0, BytesInTurns(rows_, in_));
    for (size_t r = 0; r < rows_; ++r) {
      const int8_t* from = a_ + r * in_;
      for (size_t k = 0; k < in_; k += 8) {
        int8_t* to = turns_ + (k / 8 * turn + r) * 8;
        for (size_t i = 0; i < 4; ++i) to[i] = from[k + 2 * i], to[4 + i] = from[k + 2 * i + 1];
      }
    }
  }

  size_t Columns(size_t p) const { return std::min(kInt4Columns, out_ - p * kInt4Columns); }
  bool Half() const { return scale_.dtype == DType::kF16; }

  Int4Tile TileOf(size_t p) const {
    Int4Tile tile{};
    tile.groups = groups_, tile.steps = group_ / 4;
    tile.a_row = in_, tile.group_row = groups_;
    tile.scale = scale_.In<std::byte>() + p * kInt4Columns * SizeOf(scale_.dtype);
    tile.zero = zero_ == nullptr ? nullptr : zero_->In<uint8_t>() + p * kInt4Columns;
    tile.stride = out_;
    return tile;
  }

  // Where two panels' scales and zero points come to lie.
  uint8_t* StageOf(size_t pair, uint8_t* space) const { return space + pair % 2 * StageBytes(groups_); }
  // Whether the matrix has both panels in full.
  bool Stages(size_t pair) const { return (pair + 1) * kInt4StageColumns <= out_; }
  Int4Stage Stage(size_t pair, uint8_t* space) const {
    const Int4Tile tile = TileOf(2 * pair);
    auto* to = reinterpret_cast<std::byte*>(StageOf(pair, space));
    return {static_cast<const std::byte*>(tile.scale),
            reinterpret_cast<const std::byte*>(tile.zero),
            out_ * SizeOf(scale_.dtype),
            out_,
            kInt4StageColumns * SizeOf(scale_.dtype),
            to,
            to + groups_ * kInt4StageColumns * sizeof(float),
            groups_,
            2};
  }

  // Panels [first, last) with the weight as it lies in memory.
  void FewRows(size_t first, size_t last, uint8_t* space) {
    Int4Stage stage{};
    if (Stages(first / 2)) {
      stage = Stage(first / 2, space);
      stage.Step(groups_);
    }
    for (size_t p = first; p < last; ++p) {
      const size_t pair = p / 2;
      Int4Tile tile = TileOf(p);
      tile.panel = weight_.In<uint8_t>() + p * kInt4Columns * (in_ / 2);
      tile.turns = turns_, tile.turn_plane = TurnPlane(in_);
      uint8_t* const own = StageOf(pair, space);
      if (Stages(pair)) {
        const size_t column = p % 2 * kInt4Columns;
        tile.scale = own + column * SizeOf(scale_.dtype), tile.stride = kInt4StageColumns;
        if (tile.zero != nullptr) tile.zero = own + groups_ * kInt4StageColumns * sizeof(float) + column;
      } else {
        Widen(Columns(p), Half(), own, &tile);
      }
      const bool next = (pair + 1) * 2 < last && Stages(pair + 1);
      if (next && (p == first || p % 2 == 0)) stage = Stage(pair + 1, space);
      stage.panels = 2 - p % 2;
      Rows(tile, Half() && Stages(pair), p * kInt4Columns, Columns(p), stage);
      if (p % 2 == 1) stage.Step(stage.groups);
    }
  }

  void Panel(size_t p, uint8_t* space) {
    const size_t column = p * kInt4Columns, columns = Columns(p), panel_bytes = kInt4Columns * in_ / 2;
    Int4Tile tile = TileOf(p);
    if (weight_.prepared != nullptr) {
      tile.panel = static_cast<const uint8_t*>(weight_.prepared) + p * panel_bytes;
    } else {
      PackInt4(weight_.In<uint8_t>() + column * (in_ / 2), in_ / 2, columns, space);
      tile.panel = space;
      space += AlignUp(panel_bytes);
    }
    if (columns < kInt4Columns) Widen(columns, Half(), space, &tile);
    Int4Stage none{};
    Rows(tile, Half() && columns == kInt4Columns, column, columns, none);
  }

  // Scales and zero points of a panel that the matrix does not fill, copied to a panel's width.
  void Widen(size_t columns, bool half, uint8_t* space, Int4Tile* tile) const {
    auto* scale = reinterpret_cast<float*>(space);
    uint8_t* zero = space + groups_ * kInt4Columns * sizeof(float);
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

  void Rows(Int4Tile tile, bool half, size_t column, size_t columns, Int4Stage& stage) {
    alignas(64) double y[kInt4TileRows * kInt4Columns];
    const size_t tiles = (rows_ + kInt4TileRows - 1) / kInt4TileRows;
    for (size_t t = 0; t < tiles; ++t) {
      const size_t row = rows_ * t / tiles, count = rows_ * (t + 1) / tiles - row;
      tile.a = a_ + row * in_, tile.s = s_ + row * groups_, tile.sums = sums_ + row * groups_;
      tile.y = reinterpret_cast<float*>(y);
      std::fill_n(tile.y, count * kInt4Columns, 0.0f);
      if (few_rows_ != nullptr) {
        few_rows_->run(tile, columns, count, half, stage);
      } else if (tile_ != nullptr) {
        tile_(tile, count, half);
      } else if (x_.dtype == DType::kF64) {
        PlainTile(tile, count, half, y);
      } else {
        PlainTile(tile, count, half, tile.y);
      }
      LinearInt4Finish(y, row, count, column, columns, bias_, activation_, y_);
    }
  }

  const Int4TileFn tile_;
  const Int4FewRows* const few_rows_;
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
  const size_t turns = std::max(BytesInTurns(rows, in), 2 * rows * TurnPlane(in));
  return {AlignUp(rows * in), AlignUp(rows * groups * sizeof(float)), AlignUp(rows * groups * sizeof(int32_t)),
          rows <= kDotFewRows ? turns : 0, std::max(panel + WideBytes(groups), 2 * StageBytes(groups))};
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
  Int4Product(context, Int4TileVnni, &Int4RowsVnni(), x, weight, scale, zero, bias, blocks, activation, y)
      .Run(*context.parallel);
}
void LinearInt4Avx2(const OpContext& context, const TensorView& x, const TensorView& weight, const TensorView& scale,
                    const TensorView* zero, const TensorView* bias, int64_t blocks, Activation activation,
                    const TensorView& y) {
  Int4Product(context, Int4TileAvx2, &Int4RowsAvx2(), x, weight, scale, zero, bias, blocks, activation, y)
      .Run(*context.parallel);
}
void LinearInt4Plain(const OpContext& context, const TensorView& x, const TensorView& weight, const TensorView& scale,
                     const TensorView* zero, const TensorView* bias, int64_t blocks, Activation activation,
                     const TensorView& y) {
  Int4Product(context, nullptr, nullptr, x, weight, scale, zero, bias, blocks, activation, y).Run(*context.parallel);
}

}  // namespace strata
