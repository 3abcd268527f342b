// Loads, stores, and sums over a row, the same bits at every vector width. Included once per SIMD target.
//
// A sum runs in 64 virtual lanes: element i adds to lane i mod 64, blocks of 1024 elements are added in pairs, then the
// lanes fold 32, 16, 8, 4, 2, 1. A width of 4, 8 or 16 does the same additions (docs/design/numerics.md).
//
//   const float sum = LaneSum(d, n, [&](auto acc, auto at) { const auto v = at(x); return hn::MulAdd(v, v, acc); });
//   Map(d, n, y, [&](auto at) { return hn::Mul(at(x), scale); });
#if defined(STRATA_KERNELS_SIMD_ROW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_ROW_INL_H_
#undef STRATA_KERNELS_SIMD_ROW_INL_H_
#else
#define STRATA_KERNELS_SIMD_ROW_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "kernels/core/dtype.h"
#include "kernels/simd/math-inl.h"
#include "kernels/simd/sum_blocks.h"

// Loops over accumulators must be unrolled for these to live in registers; g++ -O2 does not by itself.
#undef STRATA_UNROLL
#if defined(__clang__)
#define STRATA_UNROLL _Pragma("unroll")
#else
#define STRATA_UNROLL _Pragma("GCC unroll 16")
#endif

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// What a dtype is computed in: bfloat16 in float32, the others as they are.
template <class T>
using ComputeType = std::conditional_t<std::is_same_v<T, double>, double, float>;

// The float32 bits of the nearest bfloat16 in the upper 16 (the lower are left over). To nearest even by hand: Highway
// 1.0.3's DemoteTo truncates.
template <class D>
HWY_INLINE hn::Vec<hn::RebindToUnsigned<D>> RoundedBits([[maybe_unused]] D d, hn::Vec<D> v) {
  const hn::RebindToUnsigned<D> du;
  const auto u = hn::BitCast(du, v);
  const auto odd = hn::And(hn::ShiftRight<16>(u), hn::Set(du, 1u));
  const auto rounded = hn::Add(hn::Add(u, hn::Set(du, 0x7fffu)), odd);
  const auto nan = hn::RebindMask(du, hn::IsNaN(v));
  return hn::IfThenElse(nan, hn::Set(du, 0x7fc00000u), rounded);
}
// The upper halves of 32-bit lanes.
template <class DU>
HWY_INLINE hn::Vec<hn::Rebind<uint16_t, DU>> UpperHalves([[maybe_unused]] DU du, hn::Vec<DU> bits) {
  const hn::Rebind<uint16_t, DU> d16;
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
  if constexpr (hn::MaxLanes(DU()) == 16) {
    // One instruction, where shifting and narrowing are three of the same ports.
    const auto order =
        hn::Add(hn::Iota(hn::Repartition<uint16_t, DU>(), 1), hn::Iota(hn::Repartition<uint16_t, DU>(), 0));
    return hn::Vec<decltype(d16)>{_mm512_castsi512_si256(_mm512_permutexvar_epi16(order.raw, bits.raw))};
  }
#endif
  return hn::DemoteTo(d16, hn::BitCast(hn::RebindToSigned<DU>(), hn::ShiftRight<16>(bits)));
}
// 32-bit lanes of upper halves, zeros below.
template <class DU>
HWY_INLINE hn::Vec<DU> FromUpperHalves([[maybe_unused]] DU du, hn::Vec<hn::Rebind<uint16_t, DU>> halves) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
  if constexpr (hn::MaxLanes(DU()) == 16) {
    const auto order = hn::ShiftRight<1>(hn::Iota(hn::Repartition<uint16_t, DU>(), 0));
    return hn::Vec<DU>{_mm512_maskz_permutexvar_epi16(0xaaaaaaaau, order.raw, _mm512_castsi256_si512(halves.raw))};
  }
#endif
  return hn::ShiftLeft<16>(hn::PromoteTo(du, halves));
}
template <class D>
HWY_INLINE void StoreBF16(hn::Vec<D> v, [[maybe_unused]] D d, BF16* p) {
  const hn::RebindToUnsigned<D> du;
  hn::StoreU(UpperHalves(du, RoundedBits(d, v)), hn::Rebind<uint16_t, D>(), reinterpret_cast<uint16_t*>(p));
}

// What storing as T and reading back gives: where a fused kernel must round as the unfused ones do.
template <class T, class D>
HWY_INLINE hn::Vec<D> RoundTo([[maybe_unused]] D d, hn::Vec<D> v) {
  if constexpr (std::is_same_v<T, BF16>) {
    const hn::RebindToUnsigned<D> du;
    return hn::BitCast(d, hn::And(RoundedBits(d, v), hn::Set(du, 0xffff0000u)));
  } else {
    return v;
  }
}

// Read and Write take any address. (Named unlike Highway's Load and Store, which argument-dependent lookup would find
// in their place, and which want alignment.)
template <class D>
HWY_INLINE hn::Vec<D> Read(D d, const hn::TFromD<D>* p) {
  return hn::LoadU(d, p);
}
template <class D>
HWY_INLINE hn::Vec<D> Read(D d, const BF16* p) {
  const hn::Rebind<uint16_t, D> d16;
  const hn::RebindToUnsigned<D> du;
  return hn::BitCast(d, FromUpperHalves(du, hn::LoadU(d16, reinterpret_cast<const uint16_t*>(p))));
}
template <class D>
HWY_INLINE hn::Vec<D> Read(D d, const F16* p) {
  const hn::Rebind<hwy::float16_t, D> d16;
  return hn::PromoteTo(d, hn::LoadU(d16, reinterpret_cast<const hwy::float16_t*>(p)));
}
// float32 where the work is done in float64.
template <class D>
  requires(sizeof(hn::TFromD<D>) == 8)
HWY_INLINE hn::Vec<D> Read(D d, const float* p) {
  return hn::PromoteTo(d, hn::LoadU(hn::Rebind<float, D>(), p));
}
template <class D>
HWY_INLINE void Write(hn::Vec<D> v, D d, hn::TFromD<D>* p) {
  hn::StoreU(v, d, p);
}
template <class D>
HWY_INLINE void Write(hn::Vec<D> v, D d, BF16* p) {
  StoreBF16(v, d, p);
}

// The first `n` lanes from memory, zeros above; nothing past p[n-1] is read.
template <class D>
HWY_INLINE hn::Vec<D> ReadN(D d, const hn::TFromD<D>* p, size_t n) {
#if HWY_ARCH_ARM  // the masked load reads a whole vector
  HWY_ALIGN hn::TFromD<D> buffer[hn::MaxLanes(D())] = {};
  std::memcpy(buffer, p, n * sizeof(buffer[0]));
  return hn::Load(d, buffer);
#else
  return hn::MaskedLoad(hn::FirstN(d, n), d, p);
#endif
}
template <class D>
HWY_INLINE hn::Vec<D> ReadN(D d, const BF16* p, size_t n) {
  // 16-bit lanes have no masked load on AVX2.
  HWY_ALIGN BF16 buffer[hn::MaxLanes(D())] = {};
  std::memcpy(buffer, p, n * sizeof(BF16));
  return Read(d, buffer);
}
template <class D>
  requires(sizeof(hn::TFromD<D>) == 8)
HWY_INLINE hn::Vec<D> ReadN(D d, const float* p, size_t n) {
  return hn::PromoteTo(d, ReadN(hn::Rebind<float, D>(), p, n));
}
// Nothing past p[n-1] is touched: it may belong to another thread.
template <class D>
HWY_INLINE void WriteN(hn::Vec<D> v, D d, hn::TFromD<D>* p, size_t n) {
#if HWY_ARCH_ARM  // the masked store reads a whole vector and writes it back
  HWY_ALIGN hn::TFromD<D> buffer[hn::MaxLanes(D())];
  hn::Store(v, d, buffer);
  std::memcpy(p, buffer, n * sizeof(buffer[0]));
#else
  hn::BlendedStore(v, hn::FirstN(d, n), d, p);
#endif
}
template <class D>
HWY_INLINE void WriteN(hn::Vec<D> v, D d, BF16* p, size_t n) {
  HWY_ALIGN BF16 buffer[hn::MaxLanes(D())];
  StoreBF16(v, d, buffer);
  std::memcpy(p, buffer, n * sizeof(BF16));
}

// The place that a lambda is asked about: a whole vector at `i`, ...
template <class D>
struct At {
  D d;
  size_t i;
  template <class T>
  HWY_INLINE hn::Vec<D> operator()(const T* p) const {
    return Read(d, p + i);
  }
  // Zero where there is no element: for terms that are not zero at zero, such as (x - mean)^2.
  HWY_INLINE hn::Vec<D> Keep(hn::Vec<D> v) const { return v; }
  HWY_INLINE hn::Vec<D> KeepOr(hn::Vec<D> v, hn::Vec<D>) const { return v; }
  template <class T>
  HWY_INLINE void Put(hn::Vec<D> v, T* p) const {
    Write(v, d, p + i);
  }
};
// ... or the first `n` lanes of one.
template <class D>
struct AtTail {
  D d;
  size_t i, n;
  template <class T>
  HWY_INLINE hn::Vec<D> operator()(const T* p) const {
    return ReadN(d, p + i, n);
  }
  HWY_INLINE hn::Vec<D> Keep(hn::Vec<D> v) const { return hn::IfThenElseZero(hn::FirstN(d, n), v); }
  HWY_INLINE hn::Vec<D> KeepOr(hn::Vec<D> v, hn::Vec<D> other) const {
    return hn::IfThenElse(hn::FirstN(d, n), v, other);
  }
  template <class T>
  HWY_INLINE void Put(hn::Vec<D> v, T* p) const {
    WriteN(v, d, p + i, n);
  }
};

// The lanes of v in one: 8 from 16, 4 from 8, ...
template <class D, class Combine>
HWY_INLINE hn::TFromD<D> FoldLanes([[maybe_unused]] D d, hn::Vec<D> v, [[maybe_unused]] Combine combine) {
  if constexpr (hn::MaxLanes(D()) == 1) {
    return hn::GetLane(v);
  } else {
    const hn::Half<D> dh;
    return FoldLanes(dh, combine(hn::LowerHalf(dh, v), hn::UpperHalf(dh, v)), combine);
  }
}

// 64 virtual lanes of kFolds accumulators. All loops are unrolled, and vectors indexed by constants alone: else they
// would live in memory.
template <size_t kFolds, class D>
struct Lanes {
  using F = hn::TFromD<D>;
  static constexpr size_t kWidth = hn::MaxLanes(D()), kVectors = kVirtualLanes / kWidth;
  hn::Vec<D> acc[kVectors][kFolds];

  // visit(vector, its place among all lanes)
  template <class Visit>
  HWY_INLINE void ForEach(Visit visit) {
    STRATA_UNROLL
    for (size_t r = 0; r < kVectors; ++r) {
      STRATA_UNROLL
      for (size_t f = 0; f < kFolds; ++f) visit(acc[r][f], (r * kFolds + f) * kWidth);
    }
  }
  HWY_INLINE void Set(D d, F start) {
    ForEach([&](auto& v, size_t) HWY_ATTR { v = hn::Set(d, start); });
  }

  // Calls step(acc, at) for the elements [i, stop); acc is an array of kFolds vectors.
  template <class Step>
  HWY_INLINE void Run(D d, size_t i, size_t stop, Step step) {
    for (; i + kVirtualLanes <= stop; i += kVirtualLanes) {
      STRATA_UNROLL
      for (size_t r = 0; r < kVectors; ++r) step(acc[r], At<D>{d, i + r * kWidth});
    }
    if (i < stop) {
      STRATA_UNROLL
      for (size_t r = 0; r < kVectors; ++r) {
        // Whole vectors, too, as tails: one copy of `step` less.
        const size_t at = i + r * kWidth;
        if (at < stop) step(acc[r], AtTail<D>{d, at, std::min(stop - at, kWidth)});
      }
    }
  }

  // Each accumulator's lanes in one number.
  template <class Combine>
  HWY_INLINE std::array<F, kFolds> Fold(D d, Combine combine) {
    std::array<F, kFolds> out;
    STRATA_UNROLL
    for (size_t f = 0; f < kFolds; ++f) {
      STRATA_UNROLL
      for (size_t half = kVectors / 2; half > 0; half /= 2) {
        STRATA_UNROLL
        for (size_t r = 0; r < half; ++r) acc[r][f] = combine(acc[r][f], acc[r + half][f]);
      }
      out[f] = FoldLanes(d, acc[0][f], combine);
    }
    return out;
  }
};

// A fold whose order does not matter, such as a maximum: `step(acc, at)` returns the new accumulator, `combine(a, b)`
// makes one of two.
template <class D, class Step, class Combine>
HWY_INLINE hn::TFromD<D> LaneFold(D d, size_t n, hn::TFromD<D> start, Step step, Combine combine) {
  Lanes<1, D> lanes;
  lanes.Set(d, start);
  lanes.Run(d, 0, n, [&](hn::Vec<D>* acc, auto at) HWY_ATTR { acc[0] = step(acc[0], at); });
  return lanes.Fold(d, combine)[0];
}

// Several sums in one pass: step adds a term to each of acc[0..kSums). Each block of kLaneBlock elements has lanes of
// its own; two blocks' lanes are added, then two such sums, and so on, so that the error grows with the logarithm of n.
template <size_t kSums, class D, class Step>
HWY_INLINE std::array<hn::TFromD<D>, kSums> LaneSums(D d, size_t n, Step step) {
  // Where bit l of the number of blocks is set, sums[l] is the sum of 2^l of them. No row has 2^32 blocks.
  HWY_ALIGN hn::TFromD<D> sums[32][kSums * kVirtualLanes];
  Lanes<kSums, D> lanes;
  size_t level = 0, block = 0;
  const auto add = [&](auto& v, size_t at) HWY_ATTR { v = hn::Add(hn::Load(d, sums[level] + at), v); };
  for (size_t i = 0;; i += kLaneBlock, ++block) {
    lanes.Set(d, 0);
    lanes.Run(d, i, std::min(n, i + kLaneBlock), step);
    if (n <= i + kLaneBlock) break;
    for (level = 0; (block >> level & 1) != 0; ++level) lanes.ForEach(add);
    lanes.ForEach([&](auto& v, size_t at) HWY_ATTR { hn::Store(v, d, sums[level] + at); });
  }
  for (level = 0; block >> level != 0; ++level) {
    if ((block >> level & 1) != 0) lanes.ForEach(add);
  }
  return lanes.Fold(d, [](auto a, auto b) HWY_ATTR { return hn::Add(a, b); });
}

// One sum: `step(acc, at)` returns acc + term. A term must be zero above the tail (loads are; see At::Keep).
template <class D, class Step>
HWY_INLINE hn::TFromD<D> LaneSum(D d, size_t n, Step step) {
  return LaneSums<1>(d, n, [&](hn::Vec<D>* acc, auto at) HWY_ATTR { acc[0] = step(acc[0], at); })[0];
}

// The largest element of p[0..n), -inf for none. A NaN may be passed over: callers must see it in what they do next.
template <class D, class T>
HWY_INLINE hn::TFromD<D> LaneMax(D d, size_t n, const T* p) {
  const auto lowest = hn::Set(d, -std::numeric_limits<hn::TFromD<D>>::infinity());
  return LaneFold(
      d, n, -std::numeric_limits<hn::TFromD<D>>::infinity(),
      [&](auto acc, auto at) HWY_ATTR { return AtLeast(acc, at.KeepOr(at(p), lowest)); },
      [](auto a, auto b) HWY_ATTR { return AtLeast(a, b); });
}

// Calls visit(at) for every vector of [0, n), the last one perhaps in part.
template <class D, class Visit>
HWY_INLINE void ForEachVector(D d, size_t n, Visit visit) {
  constexpr size_t kLanes = hn::MaxLanes(D());
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) visit(At<D>{d, i});
  if (i < n) visit(AtTail<D>{d, i, n - i});
}

// out[i] = f(at i)
template <class D, class T, class F>
HWY_INLINE void Map(D d, size_t n, T* out, F f) {
  ForEachVector(d, n, [&](auto at) { at.Put(f(at), out); });
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
