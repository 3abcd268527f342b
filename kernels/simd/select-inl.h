// The k largest (or smallest) elements of a row, in order: top_k's and sample's. Included once per SIMD target.
//
//   RankOf<float>::Key kept[SelectCapacity(k, n)];
//   SelectTop(x, n, k, /*largest=*/true, kept);           // kept[0..k): the largest first
//   const size_t at = RankOf<float>::Index(kept[0]);      // where the first one is
//
// An element's rank is one integer: its place in the order of floating-point numbers (NaN above infinity, the two zeros
// equal), then its index, the lowest first. Ranks differ, so there is one answer. The row is read once, compared with
// the k-th best so far; what beats it waits in a buffer that is cut to k whenever it is full.
#if defined(STRATA_KERNELS_SIMD_SELECT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_SELECT_INL_H_
#undef STRATA_KERNELS_SIMD_SELECT_INL_H_
#else
#define STRATA_KERNELS_SIMD_SELECT_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <bit>
#include <functional>
#include <limits>

#include "kernels/core/scalar.h"
#include "kernels/simd/argmax-inl.h"
#include "kernels/simd/row-inl.h"
#include "kernels/simd/select.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Visits the elements of x[begin..n) that may rank above `limit`; `visit(i)` may change it.
template <class T, class F, class Visit>
HWY_INLINE void ForEachAbove(const T* x, size_t begin, size_t n, bool largest, const F& limit, Visit visit) {
  const hn::ScalableTag<F> d;
  constexpr size_t kLanes = hn::MaxLanes(hn::ScalableTag<F>()), kGroup = 4;
  // NaN is the largest: nothing is above it, and every number is below.
  const auto above = [&](hn::Vec<decltype(d)> v) HWY_ATTR {
    if (limit != limit) return largest ? hn::Lt(v, v) : hn::Eq(v, v);
    const auto bound = hn::Set(d, limit);
    return largest ? hn::Not(hn::Le(v, bound)) : hn::Lt(v, bound);
  };
  size_t i = begin;
  for (; i + kGroup * kLanes <= n; i += kGroup * kLanes) {
    const auto any = hn::Or(hn::Or(above(Read(d, x + i)), above(Read(d, x + i + kLanes))),
                            hn::Or(above(Read(d, x + i + 2 * kLanes)), above(Read(d, x + i + 3 * kLanes))));
    if (HWY_LIKELY(hn::AllFalse(d, any))) continue;
    for (size_t j = i; j < i + kGroup * kLanes; j += kLanes) {
      uint8_t bytes[8] = {};
      hn::StoreMaskBits(d, above(Read(d, x + j)), bytes);
      for (uint32_t bits = bytes[0] | uint32_t{bytes[1]} << 8; bits != 0; bits &= bits - 1) {
        visit(j + static_cast<size_t>(std::countr_zero(bits)));
      }
    }
  }
  for (; i < n; ++i) visit(i);
}

// Writes the ranks of the k best elements of x[0..n) to kept[0..k), the best first.
// REQUIRES: k <= n; kept has room for SelectCapacity(k, n).
template <class T, class F = ComputeType<T>>
HWY_NOINLINE void SelectTop(const T* x, size_t n, size_t k, bool largest, typename RankOf<F>::Key* kept) {
  using Key = typename RankOf<F>::Key;
  if (k == 1 && largest) {
    const size_t first = FirstExtreme<Reduction::kMax>(x, n);
    kept[0] = RankOf<F>::Of(static_cast<F>(ToDouble(x[first])), first, true);
    return;
  }
  const size_t capacity = SelectCapacity(k, n);
  size_t count = capacity;
  for (size_t i = 0; i < count; ++i) kept[i] = RankOf<F>::Of(static_cast<F>(ToDouble(x[i])), i, largest);
  F limit = 0;
  const auto cut = [&] {
    std::nth_element(kept, kept + k - 1, kept + count, std::greater<Key>());
    count = k;
    limit = RankOf<F>::Value(kept[k - 1], largest);
  };
  if (k > 0 && count < n) {
    cut();
    ForEachAbove(x, capacity, n, largest, limit, [&](size_t i) {
      const Key key = RankOf<F>::Of(static_cast<F>(ToDouble(x[i])), i, largest);
      if (key < kept[k - 1]) return;  // of a group that was compared with an older limit
      kept[count++] = key;
      if (count == capacity) cut();
    });
  }
  if (k > 0 && count > k) cut();
  std::sort(kept, kept + k, std::greater<Key>());
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
