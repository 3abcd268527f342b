// Rows whose results leave for memory: stored past the caches, with the next rows already on their way in. The bits are
// those of Map (row-inl.h). Worth it where the output is larger than the caches: an ordinary store reads each line
// before it writes it, which is a third of the traffic of a norm. Included once per SIMD target.
//
//   const bool stream = Streams<T>(y, rows * width, width);
//   ForRows(parallel, rows, width, stream, [&](int64_t r) HWY_ATTR {
//     const T* row = x + r * width;
//     MapRow(d, width, stream, y + r * width, [&](auto at) HWY_ATTR { return hn::Mul(at(row), scale); }, row + width);
//   });
#if defined(STRATA_KERNELS_SIMD_STREAM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_STREAM_INL_H_
#undef STRATA_KERNELS_SIMD_STREAM_INL_H_
#else
#define STRATA_KERNELS_SIMD_STREAM_INL_H_
#endif

#include <hwy/cache_control.h>

#include "kernels/base/parallel.h"
#include "kernels/simd/row-inl.h"
#include "kernels/simd/stream.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

inline constexpr size_t kLineBytes = 64, kPageBytes = 4096;

// True where rows of `width` elements, `count` in all, should be streamed to `out`. Every row then begins with a line
// and is whole lines.
template <class T>
bool Streams(const void* out, int64_t count, int64_t width) {
  const size_t row_bytes = static_cast<size_t>(width) * sizeof(T);
  return WorthStreaming(count * static_cast<int64_t>(sizeof(T))) &&
         (reinterpret_cast<uintptr_t>(out) | row_bytes) % kLineBytes == 0;
}

// The least number of rows worth a thread, for work that costs as much as `cost` elements of a norm a row.
inline int64_t RowGrain(int64_t cost) { return 1 + 16384 / (cost + 1); }

// Calls row(r), or row(chunk, r), for every row, on all threads.
template <class Row>
void ForRows(Parallel& parallel, int64_t rows, int64_t cost, bool stream, Row row) {
  ParallelChunks(parallel, rows, RowGrain(cost), [&](int chunk, int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      if constexpr (std::is_invocable_v<Row, int, int64_t>) {
        row(chunk, r);
      } else {
        row(r);
      }
    }
    if (stream) hwy::FlushStream();
  });
}

template <class D>
HWY_INLINE void WriteStream(hn::Vec<D> v, D d, hn::TFromD<D>* p) {
  hn::Stream(v, d, p);
}
template <class D>
HWY_INLINE void WriteStream(hn::Vec<D> v, [[maybe_unused]] D d, BF16* p) {
  const hn::RebindToUnsigned<D> du;
  hn::Stream(UpperHalves(du, RoundedBits(d, v)), hn::Rebind<uint16_t, D>(), reinterpret_cast<uint16_t*>(p));
}

// Asks for the line at p + i elements, which may lie outside of the tensor.
template <class T>
HWY_INLINE void Expect(const T* p, size_t i) {
#if HWY_ARCH_X86
  // Into the second level: the first is needed for the row at hand.
  _mm_prefetch(reinterpret_cast<const char*>(reinterpret_cast<uintptr_t>(p) + i * sizeof(T)), _MM_HINT_T1);
#else
  __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(p) + i * sizeof(T)), 0, 2);
#endif
}

// A place in a row of whole lines, with its result's way out.
template <class D>
struct AtStream {
  D d;
  size_t i;
  template <class T>
  HWY_INLINE hn::Vec<D> operator()(const T* p) const {
    return Read(d, p + i);
  }
  HWY_INLINE hn::Vec<D> Keep(hn::Vec<D> v) const { return v; }
  template <class T>
  HWY_INLINE void Put(hn::Vec<D> v, T* p) const {
    WriteStream(v, d, p + i);
  }
};

// A result that is read again soon: an ordinary store from any place.
template <class At, class V, class T>
HWY_INLINE void PutCached(At at, V v, T* p) {
  at.Put(v, p);
}
template <class D, class V, class T>
HWY_INLINE void PutCached(AtStream<D> at, V v, T* p) {
  Write(v, at.d, p + at.i);
}

// Calls visit(at) for every vector of [0, n), a whole number of lines of `out`, whose results at.Put streams; meanwhile
// the first n elements at each of `next` are fetched.
template <class D, class T, class Visit, class... Next>
HWY_INLINE void ForEachStream(D d, size_t n, const T* out, Visit visit, const Next*... next) {
  constexpr size_t kLanes = hn::MaxLanes(D()), kLine = std::max(kLanes, kLineBytes / sizeof(T));
  for (size_t i = 0; i < n; i += kLine) {
    // The address translation of the page after this one, which the stores would wait for.
    if (i % (kPageBytes / sizeof(T)) == 0) Expect(out, i + kPageBytes / sizeof(T));
    (Expect(next, i), ...);
    for (size_t j = 0; j < kLine; j += kLanes) visit(AtStream<D>{d, i + j});
  }
}

// Calls visit(at) for every vector of [0, n), streamed or not; streaming, it fetches the rows `next`, of T like `out`.
template <class D, class T, class Visit, class... Next>
HWY_INLINE void ForEachRow(D d, size_t n, bool stream, const T* out, Visit visit, const Next*... next) {
  if (stream) {
    ForEachStream(d, n, out, visit, next...);
  } else {
    ForEachVector(d, n, visit);
  }
}

// out[i] = f(at i), the same way.
template <class D, class T, class F, class... Next>
HWY_INLINE void MapRow(D d, size_t n, bool stream, T* out, F f, const Next*... next) {
  ForEachRow(d, n, stream, out, [&](auto at) HWY_ATTR { at.Put(f(at), out); }, next...);
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
