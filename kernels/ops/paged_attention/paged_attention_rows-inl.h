// paged_attention's arguments, and where the rows of a sequence lie. Included once per SIMD target.
//
//   AttendManyRows(context, PagedProblem<T>{q, k_cache, v_cache, cu_seqlens, block_tables, context_lens, ...});
#if defined(STRATA_KERNELS_OPS_PAGED_ATTENTION_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_OPS_PAGED_ATTENTION_ROWS_INL_H_
#undef STRATA_KERNELS_OPS_PAGED_ATTENTION_ROWS_INL_H_
#else
#define STRATA_KERNELS_OPS_PAGED_ATTENTION_ROWS_INL_H_
#endif

#include <algorithm>

#include "kernels/ops/paged_attention/paged_attention.h"
#include "kernels/simd/attention-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

// One head's rows of a cache, by key of a sequence.
template <class T>
struct PagedRows {
  const TensorView &cache, &tables;
  int64_t sequence, head;

  // Where `count` keys from `first` on lie.
  void Find(size_t first, size_t count, const T** at) const {
    const auto length = static_cast<size_t>(cache.size(1));
    const int64_t step = cache.size(2) * cache.size(3);
    for (size_t done = 0; done < count;) {
      const size_t page = (first + done) / length, place = (first + done) % length;
      const int64_t row = OffsetAt(tables, sequence * tables.size(1) + static_cast<int64_t>(page)) * cache.size(1);
      const T* data = cache.In<T>() + (row + static_cast<int64_t>(place)) * step + head * cache.size(3);
      for (size_t last = std::min(count, done + length - place); done < last; data += step) at[done++] = data;
    }
  }
  // Pages do not lie evenly.
  Stretch All(size_t, size_t, size_t) const { return {}; }
};

// The op as attention_forward-inl.h wants it.
template <class Type>
struct PagedProblem {
  using T = Type;
  using F = ComputeType<T>;
  const TensorView &q, &k_cache, &v_cache, &cu_seqlens, &tables, &context_lens;
  double given_scale;
  bool causal;
  int64_t left;
  const TensorView& y;

  int64_t runs() const { return cu_seqlens.size(0) - 1; }
  static constexpr bool biased() { return false; }
  int64_t key_heads() const { return k_cache.size(2); }
  int64_t group() const { return q.size(1) / key_heads(); }
  int64_t width() const { return q.size(2); }
  double scale() const { return AttentionScale(given_scale, width()); }
  int64_t Queries(int64_t b) const { return OffsetAt(cu_seqlens, b + 1) - OffsetAt(cu_seqlens, b); }
  KeyWindow Window(int64_t b) const { return PagedWindow(k_cache, cu_seqlens, tables, context_lens, causal, left, b); }
  const T* QueryRow(int64_t b, int64_t head, int64_t row) const {
    return q.In<T>() + (OffsetAt(cu_seqlens, b) + row / group()) * q.stride(0) +
           (head * group() + row % group()) * q.stride(1);
  }
  void AddRun(int64_t, int64_t, Stretches*) const {}
  PagedRows<T> Keys(int64_t b, int64_t head) const { return {k_cache, tables, b, head}; }
  PagedRows<T> Values(int64_t b, int64_t head) const { return {v_cache, tables, b, head}; }
  int64_t KeyHeadStep() const { return width(); }
  int64_t ValueHeadStep() const { return width(); }
  const T* BiasRow(int64_t, int64_t, int64_t) const { return nullptr; }
  T* YRow(int64_t b, int64_t head, int64_t row) const {
    const int64_t at = (OffsetAt(cu_seqlens, b) + row / group()) * q.size(1) + head * group() + row % group();
    return y.Out<T>() + at * width();
  }
  void PutLse(int64_t, int64_t, int64_t, F) const {}
};

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // STRATA_KERNELS_OPS_PAGED_ATTENTION_ROWS_INL_H_
