// What kernels of attention share: packed panels of rows, scores, one block of an online softmax, weighted sums of
// rows, and the split of work over threads. Included once per SIMD target. Products of two long matrices: gemm-inl.h.
//
//   Scores<tile()>(queries, keys, num_keys, width, /*room=*/tile(), scores);
#if defined(STRATA_KERNELS_SIMD_ATTENTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_ATTENTION_INL_H_
#undef STRATA_KERNELS_SIMD_ATTENTION_INL_H_
#else
#define STRATA_KERNELS_SIMD_ATTENTION_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "kernels/core/op_context.h"
#include "kernels/core/tensor_view.h"
#include "kernels/simd/gemm-inl.h"
#include "kernels/simd/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// A product's tile is kept as panels of columns, each with its rows one below the other: [i, j] of `rows` rows is at
// (j / kPanel * rows + i) * kPanel + j % kPanel.
template <class F>
inline constexpr size_t kPanel = kPanelBytes / sizeof(F);
template <class F>
constexpr size_t Padded(size_t width) {
  return (width + kPanel<F> - 1) / kPanel<F> * kPanel<F>;
}

// One head of one run.
struct Head {
  size_t head, begin, length;
};

// The rows of one head of a tensor [N, H, D], from the start of a run.
template <class T>
struct Rows {
  const T* data;
  size_t step;
  const T* at(size_t row) const { return data + row * step; }
};
template <class T>
Rows<T> RowsOf(const TensorView& view, const Head& head) {
  const int64_t offset =
      static_cast<int64_t>(head.begin) * view.stride(0) + static_cast<int64_t>(head.head) * view.stride(1);
  return {view.In<T>() + offset, static_cast<size_t>(view.stride(0))};
}

// Panels for the left side of a product: tiles of rows.
template <class T, class F>
void PackLeft(Rows<T> rows, size_t first, size_t count, size_t width, F* out) {
  ForEachTile(count, [&](auto tile, size_t r) {
    PackPanel<tile()>(rows.at(first + r), rows.step, 1, tile(), width, out + r * width);
  });
}
// ... for the right side, rows becoming columns; ...
template <class T, class F>
void PackColumns(Rows<T> rows, size_t first, size_t count, size_t width, F* out) {
  for (size_t i = 0; i < count; i += kPanel<F>) {
    PackPanel<kPanel<F>>(rows.at(first + i), rows.step, 1, std::min(kPanel<F>, count - i), width, out + i * width);
  }
}
// ... and as they are: [panel of D][row][kPanel], panels `room` rows apart.
template <class T, class F>
void PackRows(Rows<T> rows, size_t first, size_t count, size_t width, size_t room, F* out) {
  for (size_t c = 0; c < width; c += kPanel<F>) {
    PackPanel<kPanel<F>>(rows.at(first) + c, 1, rows.step, std::min(kPanel<F>, width - c), count, out + c * room);
  }
}

// c = left right^T for one tile of kRows rows against `columns` packed columns; panels of c are `room` rows apart.
template <size_t kRows, class F>
HWY_NOINLINE void Scores(const F* left, const F* right, size_t columns, size_t width, size_t room, F* c) {
  const hn::ScalableTag<F> d;
  for (size_t i = 0; i < columns; i += kPanel<F>) {
    size_t block = 0;
    do {
      TilePanel<kRows, 1, kRows, true>(d, left + block * kRows, right + i * width + block * kPanel<F>,
                                       std::min(kSumBlock, width - block), block == 0, c + i * room);
      block += kSumBlock;
    } while (block < width);
  }
}

// c (start: = 0) += weights[:, begin..end) values[begin..end, :], one chain for every output that goes on from call to
// call. Panels of `weights` are `room` rows apart.
template <size_t kRows, class F>
HWY_NOINLINE void Weigh(const F* weights, size_t room, const F* values, size_t begin, size_t end, bool start, F* c) {
  const hn::ScalableTag<F> d;
  for (size_t j = begin; j < end;) {
    const size_t panel = j / kPanel<F> * kPanel<F>, stop = std::min(end, panel + kPanel<F>);
    TilePanel<kRows, kPanel<F>, 1, false>(d, weights + panel * room + j - panel, values + j * kPanel<F>, stop - j,
                                          start, c);
    start = false;
    j = stop;
  }
}

// One block of an online softmax: scales `count` scores of a row, replaces them by exp(score - max) with the new max,
// and returns what the sums so far must be multiplied with.
template <class F>
HWY_NOINLINE F SoftmaxBlock(F* row, size_t room, size_t count, F scale, bool first, F* max, F* sum) {
  const hn::ScalableTag<F> d;
  const auto place = [&](size_t i) { return row + i / kPanel<F> * kPanel<F> * room + i % kPanel<F>; };
  const auto lowest = hn::Set(d, -std::numeric_limits<F>::infinity());
  auto high = lowest;
  ForEachVector(d, count, [&](auto at) HWY_ATTR {
    const auto v = hn::Mul(hn::LoadU(d, place(at.i)), hn::Set(d, scale));
    hn::StoreU(v, d, place(at.i));
    high = hn::Max(high, at.KeepOr(v, lowest));
  });
  const F before = *max, top = hn::GetLane(hn::MaxOfLanes(d, high));
  *max = first || !(before > top) ? top : before;
  const auto vmax = hn::Set(d, *max);
  const F block = LaneSum(d, count, [&](auto acc, auto at) HWY_ATTR {
    const auto p = Exp(d, hn::Sub(hn::LoadU(d, place(at.i)), vmax));
    hn::StoreU(p, d, place(at.i));
    return hn::Add(acc, at.Keep(p));
  });
  const F factor = first ? F(0) : hn::GetLane(Exp(d, hn::Set(d, before - *max)));
  *sum = first ? block : std::fma(*sum, factor, block);
  return factor;
}

// Splits the heads of all runs, cut into `queries` rows at most, into chunks of equal work; calls
// visit(chunk, head, first query, queries).
template <class Visit>
void ForEachHead(const OpContext& context, const TensorView& offsets, size_t heads, size_t width, size_t most_queries,
                 Visit visit) {
  const auto offset = [&](int64_t i) {
    return static_cast<size_t>(offsets.dtype == DType::kI32 ? offsets.In<int32_t>()[i] : offsets.In<int64_t>()[i]);
  };
  const auto each = [&](auto call) {
    for (int64_t b = 0; b + 1 < offsets.size(0); ++b) {
      const size_t length = offset(b + 1) - offset(b);
      for (size_t h = 0; h < heads; ++h) {
        for (size_t first = 0; first < length; first += most_queries) {
          const size_t queries = std::min(most_queries, length - first);
          // 16: what packing and the ends of tiles cost, as keys.
          call(Head{h, offset(b), length}, first, queries, static_cast<int64_t>(queries * (length + 16)));
        }
      }
    }
  };
  int64_t work = 0;
  each([&](const Head&, size_t, size_t, int64_t cost) { work += cost; });
  const int64_t grain = 1 + (1 << 18) / static_cast<int64_t>(width + 16);
  ParallelChunks(*context.parallel, work, grain, [&](int chunk, int64_t begin, int64_t end) {
    int64_t done = 0;
    each([&](const Head& head, size_t first, size_t queries, int64_t cost) {
      const int64_t middle = done + cost / 2;
      if (middle >= begin && middle < end) visit(chunk, head, first, queries);
      done += cost;
    });
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // STRATA_KERNELS_SIMD_ATTENTION_INL_H_
