// Sums down the rows of a matrix, the same bits at every vector width: each column adds kColumnBlock rows in order,
// then so many of these sums, then these. For sums along a row see LaneSum (row-inl.h).
//
//   SumDown(d, rows, width, [&](auto at, size_t r) { return at(x + r * width); },
//           [&](auto at, auto sum) { at.Put(sum, out); });
#if defined(STRATA_KERNELS_SIMD_COLUMNS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_COLUMNS_INL_H_
#undef STRATA_KERNELS_SIMD_COLUMNS_INL_H_
#else
#define STRATA_KERNELS_SIMD_COLUMNS_INL_H_
#endif

#include <array>

#include "kernels/core/op_context.h"
#include "kernels/simd/row-inl.h"
#include "kernels/simd/row_blocks.h"
#include "kernels/simd/stream-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

// For kGroup vectors of columns at a time.
template <size_t kGroup, class At, class D, class Term, class Put>
HWY_INLINE void SumDownAt(D d, size_t rows, const At (&at)[kGroup], Term term, Put put) {
  hn::Vec<D> total[kGroup], many[kGroup];
  STRATA_UNROLL
  for (size_t g = 0; g < kGroup; ++g) total[g] = many[g] = hn::Zero(d);
  for (size_t block = 0; block < rows; block += kColumnBlock) {
    hn::Vec<D> few[kGroup];
    STRATA_UNROLL
    for (size_t g = 0; g < kGroup; ++g) few[g] = hn::Zero(d);
    const size_t end = std::min(rows, block + kColumnBlock);
    for (size_t r = block; r < end; ++r) {
      STRATA_UNROLL
      for (size_t g = 0; g < kGroup; ++g) few[g] = hn::Add(few[g], term(at[g], r));
    }
    STRATA_UNROLL
    for (size_t g = 0; g < kGroup; ++g) many[g] = hn::Add(many[g], few[g]);
    if (end % (kColumnBlock * kColumnBlock) == 0 || end == rows) {
      STRATA_UNROLL
      for (size_t g = 0; g < kGroup; ++g) total[g] = hn::Add(total[g], many[g]), many[g] = hn::Zero(d);
    }
  }
  STRATA_UNROLL
  for (size_t g = 0; g < kGroup; ++g) put(at[g], total[g]);
}

// put(at, sum over r of term(at, r)) for every vector of columns [0, width).
template <class D, class Term, class Put>
HWY_INLINE void SumDown(D d, size_t rows, size_t width, Term term, Put put) {
  constexpr size_t kLanes = hn::MaxLanes(D());
  // Four vectors of columns at a time: one chain of additions would wait four cycles for each.
  size_t c = 0;
  for (; c + 4 * kLanes <= width; c += 4 * kLanes) {
    const At<D> at[] = {{d, c}, {d, c + kLanes}, {d, c + 2 * kLanes}, {d, c + 3 * kLanes}};
    SumDownAt(d, rows, at, term, put);
  }
  for (; c + kLanes <= width; c += kLanes) {
    const At<D> at[] = {{d, c}};
    SumDownAt(d, rows, at, term, put);
  }
  if (c < width) {
    const AtTail<D> at[] = {{d, c, width - c}};
    SumDownAt(d, rows, at, term, put);
  }
}

// Work on rows with sums down them, in one pass over memory (row_blocks.h): calls visit(n, r, sums) for every run of n
// rows from r on, on all threads, where n is a constant (kRowsTogether or 1) and sums[0..kSums * width) is what the
// rows add their terms to, in order; then outs[i][c] = the sum over all rows. Workspace: RowSumsBytes().
template <class T, size_t kSums, class Visit>
void ForRowsAndSums(const OpContext& context, int64_t rows, int64_t width, bool stream, std::array<T*, kSums> outs,
                    Visit visit) {
  using F = ComputeType<T>;
  F* partial = reinterpret_cast<F*>(context.workspace);
  const int64_t blocks = RowBlocks(rows), pitch = static_cast<int64_t>(kSums) * width;
  ParallelChunks(*context.parallel, blocks, RowGrain(width * kRowBlock), [&](int, int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      F* sums = partial + block * pitch;
      std::fill(sums, sums + pitch, F(0));
      const int64_t stop = std::min(rows, (block + 1) * kRowBlock);
      int64_t r = block * kRowBlock;
      for (; r + kRowsTogether <= stop; r += kRowsTogether) {
        visit(std::integral_constant<size_t, kRowsTogether>(), r, sums);
      }
      for (; r < stop; ++r) visit(std::integral_constant<size_t, 1>(), r, sums);
    }
    if (stream) hwy::FlushStream();
  });
  const hn::ScalableTag<F> d;
  ParallelChunks(*context.parallel, width, RowGrain(blocks * static_cast<int64_t>(kSums)),
                 [&](int, int64_t begin, int64_t end) HWY_ATTR {
                   for (size_t i = 0; i < kSums; ++i) {
                     const F* in = partial + static_cast<int64_t>(i) * width + begin;
                     T* out = outs[i] + begin;
                     SumDown(
                         d, static_cast<size_t>(blocks), static_cast<size_t>(end - begin),
                         [&](auto at, size_t b) HWY_ATTR { return at(in + b * static_cast<size_t>(pitch)); },
                         [&](auto at, auto sum) HWY_ATTR { at.Put(sum, out); });
                   }
                 });
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
