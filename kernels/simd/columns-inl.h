// Sums down the rows of a matrix, the same bits at every vector width: each column adds its rows in order, in blocks of
// kSumBlock rows whose sums are then added in order. For sums along a row see LaneSum (row-inl.h).
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

template <size_t kBlock, class At, class D, class Term, class Put>
HWY_INLINE void SumDownAt(D d, size_t rows, At at, Term term, Put put) {
  auto total = hn::Zero(d);
  for (size_t block = 0; block < rows; block += kBlock) {
    auto sum = hn::Zero(d);
    for (size_t r = block; r < std::min(rows, block + kBlock); ++r) sum = hn::Add(sum, term(at, r));
    total = hn::Add(total, sum);
  }
  put(at, total);
}

// put(at, sum over r of term(at, r)) for every vector of columns [0, width), in blocks of kBlock rows.
template <size_t kBlock = kSumBlock, class D, class Term, class Put>
HWY_INLINE void SumDown(D d, size_t rows, size_t width, Term term, Put put) {
  constexpr size_t kLanes = hn::MaxLanes(D());
  // Four vectors of columns at a time: one chain of additions would wait four cycles for each.
  constexpr size_t kGroup = 4;
  size_t c = 0;
  for (; c + kGroup * kLanes <= width; c += kGroup * kLanes) {
    hn::Vec<D> total[kGroup];
    STRATA_UNROLL
    for (size_t g = 0; g < kGroup; ++g) total[g] = hn::Zero(d);
    for (size_t block = 0; block < rows; block += kBlock) {
      hn::Vec<D> sum[kGroup];
      STRATA_UNROLL
      for (size_t g = 0; g < kGroup; ++g) sum[g] = hn::Zero(d);
      for (size_t r = block; r < std::min(rows, block + kBlock); ++r) {
        STRATA_UNROLL
        for (size_t g = 0; g < kGroup; ++g) sum[g] = hn::Add(sum[g], term(At<D>{d, c + g * kLanes}, r));
      }
      STRATA_UNROLL
      for (size_t g = 0; g < kGroup; ++g) total[g] = hn::Add(total[g], sum[g]);
    }
    STRATA_UNROLL
    for (size_t g = 0; g < kGroup; ++g) put(At<D>{d, c + g * kLanes}, total[g]);
  }
  for (; c + kLanes <= width; c += kLanes) SumDownAt<kBlock>(d, rows, At<D>{d, c}, term, put);
  if (c < width) SumDownAt<kBlock>(d, rows, AtTail<D>{d, c, width - c}, term, put);
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
                     SumDown<kRowBlocksAtOnce>(
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
