// What attention's kernels and their callers agree on: which keys a query sees, block sizes, working memory. Plain C++:
// references and workspace_bytes use it, too.
//
//   const KeyWindow window(num_queries, num_keys, /*causal=*/true, /*left=*/-1, /*right=*/-1);
//   for (int64_t key = window.First(query); key < window.End(query); ++key) ...
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "kernels/base/aligned_buffer.h"
#include "kernels/core/tensor_view.h"

namespace strata {

// Keys of one step of the online softmax, counted from a run's first key: part of the definition
// (docs/design/numerics.md), as is the side of a square of queries and keys in the backward.
inline constexpr size_t kAttentionKeys = 128, kAttentionSquare = 64;
// Rows (queries of the heads of one group) that share packed keys; free to change.
inline constexpr size_t kAttentionRows = 384;
// A run of so few rows goes block by block of its keys.
inline constexpr size_t kAttentionFewRows = 32;
// Rows of all the heads that such a block is done for together, as many as lie in a page of memory.
inline constexpr size_t kAttentionFewTasks = 128;
constexpr int64_t AttentionHeadsTogether(int64_t rows, int64_t width, size_t element) {
  const auto wide = int64_t{4096} / std::max<int64_t>(width * static_cast<int64_t>(element), 1);
  return std::max<int64_t>(std::min(wide, int64_t{kAttentionFewTasks} / rows), 1);
}
// Bytes of a row of a panel, whatever the SIMD width.
inline constexpr size_t kAttentionPanelBytes = 128;

constexpr size_t AttentionPadded(size_t width, size_t element) {
  const size_t panel = kAttentionPanelBytes / element;
  return (width + panel - 1) / panel * panel;
}

// The keys that a query sees: a stretch that moves with the query. The last query is level with the last key, so that
// queries of a prompt's later part see its earlier keys; `left` and `right` count the neighbours seen, below 0: all.
class KeyWindow {
 public:
  KeyWindow(int64_t queries, int64_t keys, bool causal, int64_t left, int64_t right)
      : shift_(keys - queries), end_(keys), left_(Clamp(left)), right_(causal ? 0 : Clamp(right)) {}

  // Keys from `end` on are not seen by any query.
  void EndAt(int64_t end) { end_ = std::min(end_, end); }

  // No query sees this key or a later one.
  int64_t EndOfAll() const { return end_; }
  int64_t First(int64_t query) const { return std::clamp<int64_t>(query + shift_ - left_, 0, end_); }
  int64_t End(int64_t query) const { return std::clamp<int64_t>(query + shift_ + right_ + 1, First(query), end_); }

 private:
  static int64_t Clamp(int64_t n) { return n < 0 ? kAll : std::min(n, kAll); }
  static constexpr int64_t kAll = int64_t{1} << 48;  // more than any length
  int64_t shift_, end_, left_, right_;
};

// The blocks of keys that any query of a run sees, from the run's first key on.
struct KeyBlocks {
  int64_t first, end;  // a block's first key, the last block's end

  KeyBlocks(const KeyWindow& window, int64_t queries)
      : first(window.First(0) / int64_t{kAttentionKeys} * int64_t{kAttentionKeys}),
        end(std::max(first, window.End(std::max<int64_t>(queries - 1, 0)))) {}
  int64_t count() const { return (end - first + int64_t{kAttentionKeys} - 1) / int64_t{kAttentionKeys}; }
};

// 0 stands for 1 / sqrt(width).
inline double AttentionScale(double scale, int64_t width) {
  return scale != 0 ? scale : 1 / std::sqrt(static_cast<double>(std::max<int64_t>(width, 1)));
}

inline int64_t OffsetAt(const TensorView& offsets, int64_t i) {
  return offsets.dtype == DType::kI32 ? offsets.In<int32_t>()[i] : offsets.In<int64_t>()[i];
}

// Working memory of one thread in elements of the type that is computed in.
constexpr size_t AttentionScratch(size_t width, size_t element) {
  const size_t padded = AttentionPadded(width, element), panel = kAttentionPanelBytes / element;
  return std::max(kAttentionRows * (width + padded + 2) + kAttentionKeys * (width + padded + 2 * panel),
                  kAttentionFewTasks * (kAttentionKeys + width) + panel * width);
}
// What one block of keys gives few rows of one key head: maxima, sums, rows of y.
constexpr size_t AttentionPart(size_t rows, size_t width, size_t element) {
  return 2 * kAttentionFewRows + rows * AttentionPadded(width, element);
}

// Bytes of a forward: every thread's own, then the parts of runs of few rows.
inline size_t AttentionForwardBytes(size_t parts, int64_t width, size_t element, int num_threads) {
  const size_t thread = AlignUp(AttentionScratch(static_cast<size_t>(width), element) * element);
  return thread * static_cast<size_t>(num_threads) + parts * element;
}

// queries(b), window(b): of run b.
template <class Queries, class Window>
size_t AttentionForwardBytes(int64_t runs, const Queries& queries, const Window& window, int64_t group,
                             int64_t key_heads, int64_t width, size_t element, int num_threads) {
  const auto d = static_cast<size_t>(width);
  size_t parts = 0;
  for (int64_t b = 0; b < runs; ++b) {
    const int64_t rows = queries(b) * group;
    if (rows > int64_t{kAttentionFewRows}) continue;
    parts += static_cast<size_t>(KeyBlocks(window(b), queries(b)).count() * key_heads) *
             AttentionPart(static_cast<size_t>(rows), d, element);
  }
  return AttentionForwardBytes(parts, width, element, num_threads);
}

// The most that so many runs with so many keys and rows in all can take: for a plan, whose tensors have no data yet.
inline size_t AttentionForwardMost(int64_t runs, int64_t keys, int64_t rows, int64_t key_heads, int64_t width,
                                   size_t element, int num_threads) {
  const auto blocks = static_cast<size_t>(keys / int64_t{kAttentionKeys} + 2 * runs);
  const auto few = static_cast<size_t>(std::min(rows, int64_t{kAttentionFewRows}));
  const size_t part = AttentionPart(few, static_cast<size_t>(width), element);
  return AttentionForwardBytes(blocks * static_cast<size_t>(key_heads) * part, width, element, num_threads);
}

// `keys`: of the longest run.
constexpr size_t AttentionBackwardScratch(size_t width, size_t keys, size_t element) {
  const size_t padded = AttentionPadded(width, element);
  const size_t columns = (keys + kAttentionSquare - 1) / kAttentionSquare * kAttentionSquare;
  return columns * (2 * width + 3 * padded + 2 * kAttentionSquare) +
         kAttentionSquare * (2 * width + 3 * padded + 3 + kAttentionSquare);
}

// Of one call: bias gradients in full width, then every thread's own.
struct AttentionBackwardBytes {
  size_t bias, thread;

  // most_keys: of all runs; what counts where a plan's offsets have no data yet.
  AttentionBackwardBytes(int64_t width, const TensorView& cu_seqlens_k, int64_t most_keys, int64_t biases,
                         size_t element) {
    size_t keys = cu_seqlens_k.data == nullptr ? static_cast<size_t>(most_keys) : 0;
    for (int64_t b = 0; cu_seqlens_k.data != nullptr && b + 1 < cu_seqlens_k.size(0); ++b) {
      keys = std::max(keys, static_cast<size_t>(OffsetAt(cu_seqlens_k, b + 1) - OffsetAt(cu_seqlens_k, b)));
    }
    bias = AlignUp(static_cast<size_t>(biases) * element);
    thread = AlignUp(AttentionBackwardScratch(static_cast<size_t>(width), keys, element) * element);
  }
  size_t total(int num_threads) const { return bias + thread * static_cast<size_t>(num_threads); }
};

}  // namespace strata
