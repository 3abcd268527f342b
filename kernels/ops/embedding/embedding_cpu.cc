#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/embedding/embedding_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include <algorithm>
#include <cstring>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/embedding/embedding.h"
#include "kernels/simd/columns-inl.h"
#include "kernels/simd/stream.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

// Row v of the table: the sum of the rows of grad_y that `places` names.
template <class T>
void SumPlaces(const T* grad, const int64_t* places, size_t count, size_t width, T* out) {
  const hn::ScalableTag<ComputeType<T>> d;
  SumDown(
      d, count, width, [&](auto at, size_t r) HWY_ATTR { return at(grad + static_cast<size_t>(places[r]) * width); },
      [&](auto at, auto sum) HWY_ATTR { at.Put(sum, out); });
}

void SumRows(const OpContext& context, const TensorView& grad_y, const int64_t* starts, const int64_t* places,
             const TensorView& grad_weight) {
  const int64_t rows = grad_weight.size(0), width = grad_weight.size(1);
  // A row of the table costs what it adds up and what it writes. Words are not equally frequent, so that even shares of
  // rows would not be even shares of work: thread borders are looked up in the running sum, starts[v] + v.
  const int64_t work = starts[rows] + rows;
  const auto row_at = [&](int64_t share) {
    int64_t low = 0, high = rows;
    while (low < high) {
      const int64_t middle = (low + high) / 2;
      starts[middle] + middle < share ? low = middle + 1 : high = middle;
    }
    return low;
  };
  const size_t row_bytes = static_cast<size_t>(width) * SizeOf(grad_y.dtype);
  const bool stream = WorthStreaming(rows * static_cast<int64_t>(row_bytes));
  DispatchFloat(grad_y.dtype, [&](auto type) {
    using T = decltype(type);
    ParallelChunks(*context.parallel, work, 1 + 16384 / (width + 1), [&](int, int64_t begin, int64_t end) {
      const int64_t last = end == work ? rows : row_at(end);
      for (int64_t v = row_at(begin); v < last; ++v) {
        T* out = grad_weight.Out<T>() + v * width;
        const auto count = static_cast<size_t>(starts[v + 1] - starts[v]);
        if (count == 0 && stream) {
          StreamZeros(out, row_bytes);
        } else {
          SumPlaces(grad_y.In<T>(), places + starts[v], count, static_cast<size_t>(width), out);
        }
      }
      if (stream) StreamFence();
    });
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {
namespace {

HWY_EXPORT(SumRows);

// Sorts the places 0..n-1 by their ids, in order among equal ones (a counting sort): those of id v come to
// places[starts[v] .. starts[v + 1]).
template <class Index>
void SortPlaces(const Index* ids, int64_t n, int64_t rows, int64_t* starts, int64_t* places) {
  std::fill_n(starts, rows + 1, int64_t{0});
  for (int64_t i = 0; i < n; ++i) ++starts[ids[i] + 1];
  for (int64_t v = 0; v < rows; ++v) starts[v + 1] += starts[v];
  // Backwards from each end, so that what is left in starts[v + 1] is the beginning of v: shifted by one below.
  for (int64_t i = n - 1; i >= 0; --i) places[--starts[ids[i] + 1]] = i;
  for (int64_t v = 0; v < rows; ++v) starts[v] = starts[v + 1];
  starts[rows] = n;
}

}  // namespace

void EmbeddingCpu(const OpContext& context, const TensorView& weight, const TensorView& ids, const TensorView& y) {
  const size_t bytes = static_cast<size_t>(weight.size(1)) * SizeOf(weight.dtype);
  const auto* table = static_cast<const std::byte*>(weight.data);
  auto* out = static_cast<std::byte*>(y.data);
  DispatchIndex(ids.dtype, [&](auto index) {
    const auto* id = ids.In<decltype(index)>();
    const int64_t grain = 1 + 65536 / (static_cast<int64_t>(bytes) + 1);
    const bool stream = WorthStreaming(ids.numel() * static_cast<int64_t>(bytes));
    // Rows lie anywhere, which no processor guesses: the beginning of those that come next is called while one is
    // copied.
    constexpr int64_t kAhead = 2;
    const size_t called = std::min<size_t>(bytes, 512);
    ParallelChunks(*context.parallel, ids.numel(), grain, [&](int, int64_t begin, int64_t end) {
      if (bytes == 0) return;
      for (int64_t n = begin; n < end; ++n) {
        const auto* ahead = table + static_cast<size_t>(id[std::min(n + kAhead, end - 1)]) * bytes;
        for (size_t line = 0; line < called; line += 64) __builtin_prefetch(ahead + line);
        auto* to = out + static_cast<size_t>(n) * bytes;
        const auto* from = table + static_cast<size_t>(id[n]) * bytes;
        stream ? StreamBytes(to, from, bytes) : static_cast<void>(std::memcpy(to, from, bytes));
      }
      if (stream) StreamFence();
    });
  });
}

void EmbeddingBackwardCpu(const OpContext& context, const TensorView& grad_y, const TensorView& weight,
                          const TensorView& ids, const TensorView& grad_weight) {
  const int64_t rows = weight.size(0);
  auto* starts = reinterpret_cast<int64_t*>(context.workspace);
  auto* places = starts + rows + 1;
  DispatchIndex(ids.dtype,
                [&](auto index) { SortPlaces(ids.In<decltype(index)>(), ids.numel(), rows, starts, places); });
  HWY_DYNAMIC_DISPATCH(SumRows)(context, grad_y, starts, places, grad_weight);
}

}  // namespace strata
#endif  // HWY_ONCE
