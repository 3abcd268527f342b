#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/bench/roof_simd.cc"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>  // compiles this file again for every target
#include <hwy/highway.h>

#include "kernels/bench/roof.h"

// Vectors in arrays must be unrolled to live in registers.
#undef STRATA_UNROLL
#if defined(__clang__)
#define STRATA_UNROLL _Pragma("unroll")
#else
#define STRATA_UNROLL _Pragma("GCC unroll 16")
#endif

HWY_BEFORE_NAMESPACE();
namespace strata::roof {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::CappedTag<float, 16>;

// The compiler must not drop a result that nobody reads.
template <class V>
HWY_INLINE void Keep(V v) {
  HWY_ALIGN float sink[16];
  hn::Store(v, D(), sink);
  asm volatile("" : : "r"(sink) : "memory");
}

double ReadLoop(const float* p, size_t n, int64_t rounds) {
  const D d;
  const hn::RebindToSigned<D> di;
  constexpr size_t kLanes = hn::MaxLanes(D()), kStreams = 8;
  hn::Vec<decltype(di)> sum[kStreams];
  STRATA_UNROLL
  for (size_t s = 0; s < kStreams; ++s) sum[s] = hn::Zero(di);
  for (int64_t round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < n; i += kStreams * kLanes) {
      STRATA_UNROLL
      for (size_t s = 0; s < kStreams; ++s) sum[s] = hn::Or(sum[s], hn::BitCast(di, hn::Load(d, p + i + s * kLanes)));
    }
    asm volatile("" : : : "memory");
  }
  STRATA_UNROLL
  for (size_t s = 1; s < kStreams; ++s) sum[0] = hn::Or(sum[0], sum[s]);
  Keep(hn::BitCast(d, sum[0]));
  return static_cast<double>(rounds) * static_cast<double>(n) * sizeof(float);
}

template <bool kStream>
HWY_INLINE double TriadWith(const float* a, const float* b, float* c, size_t n, int64_t rounds) {
  const D d;
  constexpr size_t kLanes = hn::MaxLanes(D());
  const auto three = hn::Set(d, 3.0f);
  for (int64_t round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < n; i += 4 * kLanes) {
      STRATA_UNROLL
      for (size_t s = 0; s < 4; ++s) {
        const auto v = hn::MulAdd(hn::Load(d, b + i + s * kLanes), three, hn::Load(d, a + i + s * kLanes));
        if constexpr (kStream) {
          hn::Stream(v, d, c + i + s * kLanes);
        } else {
          hn::Store(v, d, c + i + s * kLanes);
        }
      }
    }
    asm volatile("" : : : "memory");
  }
  if constexpr (kStream) hwy::FlushStream();
  return 3.0 * static_cast<double>(rounds) * static_cast<double>(n) * sizeof(float);
}
double TriadLoop(const float* a, const float* b, float* c, size_t n, int64_t rounds) {
  return TriadWith<false>(a, b, c, n, rounds);
}
double StreamLoop(const float* a, const float* b, float* c, size_t n, int64_t rounds) {
  return TriadWith<true>(a, b, c, n, rounds);
}

template <class F>
HWY_INLINE double Fma(int64_t rounds) {
  const hn::CappedTag<F, 64 / sizeof(F)> d;
  // Enough chains for two units of five cycles of latency.
  constexpr size_t kChains = 12;
  const auto half = hn::Set(d, F(0.5)), one = hn::Set(d, F(1));
  hn::Vec<decltype(d)> v[kChains];
  STRATA_UNROLL
  for (size_t c = 0; c < kChains; ++c) v[c] = hn::Set(d, static_cast<F>(c));
  for (int64_t round = 0; round < rounds; ++round) {
    STRATA_UNROLL
    for (size_t c = 0; c < kChains; ++c) v[c] = hn::MulAdd(v[c], half, one);
  }
  STRATA_UNROLL
  for (size_t c = 1; c < kChains; ++c) v[0] = hn::Add(v[0], v[c]);
  HWY_ALIGN F sink[64 / sizeof(F)];
  hn::Store(v[0], d, sink);
  asm volatile("" : : "r"(sink) : "memory");
  return 2.0 * kChains * static_cast<double>(hn::Lanes(d)) * static_cast<double>(rounds);
}
double FmaF32Loop(int64_t rounds) { return Fma<float>(rounds); }
double FmaF64Loop(int64_t rounds) { return Fma<double>(rounds); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata::roof
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata::roof {

HWY_EXPORT(ReadLoop);
HWY_EXPORT(TriadLoop);
HWY_EXPORT(StreamLoop);
HWY_EXPORT(FmaF32Loop);
HWY_EXPORT(FmaF64Loop);

double Read(const float* p, size_t n, int64_t rounds) { return HWY_DYNAMIC_DISPATCH(ReadLoop)(p, n, rounds); }
double Triad(const float* a, const float* b, float* c, size_t n, int64_t rounds) {
  return HWY_DYNAMIC_DISPATCH(TriadLoop)(a, b, c, n, rounds);
}
double TriadNonTemporal(const float* a, const float* b, float* c, size_t n, int64_t rounds) {
  return HWY_DYNAMIC_DISPATCH(StreamLoop)(a, b, c, n, rounds);
}
double FmaF32(int64_t rounds) { return HWY_DYNAMIC_DISPATCH(FmaF32Loop)(rounds); }
double FmaF64(int64_t rounds) { return HWY_DYNAMIC_DISPATCH(FmaF64Loop)(rounds); }

}  // namespace strata::roof
#endif  // HWY_ONCE
