// Conversions between dtypes on a tile of elements, and into and out of the narrow formats in memory. Included once per
// SIMD target.
//
//   const StepFn run = FindCast(/*from=*/DType::kI32, /*to=*/DType::kF32);
#if defined(STRATA_KERNELS_OPS_POINTWISE_CASTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_OPS_POINTWISE_CASTS_INL_H_
#undef STRATA_KERNELS_OPS_POINTWISE_CASTS_INL_H_
#else
#define STRATA_KERNELS_OPS_POINTWISE_CASTS_INL_H_
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>
#include <limits>

#include "kernels/ops/pointwise/steps-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Towards zero; what does not fit becomes the nearest that does, NaN becomes 0. Integers wrap.
template <class To, class From>
HWY_INLINE To CastOne(From v) {
  if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    constexpr From kLow = static_cast<From>(std::numeric_limits<To>::min());
    constexpr From kPast = static_cast<From>(std::numeric_limits<To>::max() / 2 + 1) * 2;
    if (!(v > kLow)) return v == v ? std::numeric_limits<To>::min() : To{0};
    return v >= kPast ? std::numeric_limits<To>::max() : static_cast<To>(v);
  } else {
    return static_cast<To>(v);
  }
}

template <class From, class To>
void CastLoop(const Tile& tile) {
  To* out = static_cast<To*>(tile.out);
  for (size_t i = 0; i < tile.count; ++i) out[i] = CastOne<To>(*Source<From>(tile, 0, i));
}

inline void WidenFloat(const Tile& tile) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> df;
  for (size_t i = 0; i < tile.count; i += hn::Lanes(d)) {
    hn::StoreU(hn::PromoteTo(d, hn::LoadU(df, Source<float>(tile, 0, i))), d, static_cast<double*>(tile.out) + i);
  }
}
inline void NarrowDouble(const Tile& tile) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> df;
  for (size_t i = 0; i < tile.count; i += hn::Lanes(d)) {
    hn::StoreU(hn::DemoteTo(df, hn::LoadU(d, Source<double>(tile, 0, i))), df, static_cast<float*>(tile.out) + i);
  }
}
inline void FloatFromInt(const Tile& tile) {
  const hn::ScalableTag<float> d;
  const hn::RebindToSigned<decltype(d)> di;
  for (size_t i = 0; i < tile.count; i += hn::Lanes(d)) {
    hn::StoreU(hn::ConvertTo(d, hn::LoadU(di, Source<int32_t>(tile, 0, i))), d, static_cast<float*>(tile.out) + i);
  }
}
inline void FloatFromBytes(const Tile& tile) {
  const hn::ScalableTag<float> d;
  const hn::RebindToSigned<decltype(d)> di;
  const hn::Rebind<uint8_t, decltype(d)> d8;
  for (size_t i = 0; i < tile.count; i += hn::Lanes(d)) {
    const auto v = hn::PromoteTo(di, hn::LoadU(d8, Source<uint8_t>(tile, 0, i)));
    hn::StoreU(hn::ConvertTo(d, v), d, static_cast<float*>(tile.out) + i);
  }
}
template <class F>
void IsNotZero(const Tile& tile) {
  const hn::ScalableTag<F> d;
  for (size_t i = 0; i < tile.count; i += hn::Lanes(d)) {
    StoreBool(d, hn::Not(hn::Eq(hn::LoadU(d, Source<F>(tile, 0, i)), hn::Zero(d))),
              static_cast<uint8_t*>(tile.out) + i);
  }
}
inline void ByteIsNotZero(const Tile& tile) {
  uint8_t* out = static_cast<uint8_t*>(tile.out);
  for (size_t i = 0; i < tile.count; ++i) out[i] = *Source<uint8_t>(tile, 0, i) != 0;
}

template <class From>
StepFn CastFrom(DType to) {
  switch (to) {
    case DType::kF64:
      return CastLoop<From, double>;
    case DType::kI32:
      return CastLoop<From, int32_t>;
    case DType::kI64:
      return CastLoop<From, int64_t>;
    case DType::kU8:
      return CastLoop<From, uint8_t>;
    case DType::kBool:
      if constexpr (sizeof(From) == 1) {
        return ByteIsNotZero;
      } else {
        return IsNotZero<From>;
      }
    default:
      return CastLoop<From, float>;
  }
}

// REQUIRES: `from` and `to` are types of computation: bfloat16 and float16 lie as float32 between steps.
inline StepFn FindCast(DType from, DType to) {
  switch (from) {
    case DType::kF32:
      return to == DType::kF64 ? WidenFloat : CastFrom<float>(to);
    case DType::kF64:
      return to == DType::kF32 ? NarrowDouble : CastFrom<double>(to);
    case DType::kI32:
      return to == DType::kF32 ? FloatFromInt : CastFrom<int32_t>(to);
    case DType::kI64:
      return CastFrom<int64_t>(to);
    default:
      return to == DType::kF32 ? FloatFromBytes : from == to ? CastLoop<uint8_t, uint8_t> : CastFrom<uint8_t>(to);
  }
}

// bfloat16 and float16 in memory as vectors of float32, and back.
template <class D>
HWY_INLINE hn::Vec<D> ReadAs(D d, const BF16* p) {
  return Read(d, p);
}
template <class D>
HWY_INLINE hn::Vec<D> ReadAs(D d, const F16* p) {
  const hn::Rebind<hwy::float16_t, D> d16;
  return hn::PromoteTo(d, hn::LoadU(d16, reinterpret_cast<const hwy::float16_t*>(p)));
}
template <class D>
HWY_INLINE void WriteAs(hn::Vec<D> v, D d, BF16* p) {
  StoreBF16(v, d, p);
}
template <class D>
HWY_INLINE void WriteAs(hn::Vec<D> v, D d, F16* p) {
  const hn::Rebind<hwy::float16_t, D> d16;
  // Every NaN becomes one.
  const auto one_nan = hn::IfThenElse(hn::IsNaN(v), hn::Set(d, std::numeric_limits<float>::quiet_NaN()), v);
  hn::StoreU(hn::DemoteTo(d16, one_nan), d16, reinterpret_cast<hwy::float16_t*>(p));
}
// What storing and reading back gives.
template <class T, class D>
HWY_INLINE hn::Vec<D> RoundAs(D d, hn::Vec<D> v) {
  if constexpr (std::is_same_v<T, BF16>) {
    return RoundTo<BF16>(d, v);
  } else {
    const hn::Rebind<hwy::float16_t, D> d16;
    return hn::PromoteTo(d, hn::DemoteTo(d16, v));
  }
}

// The same for bfloat16 of what a step made of bfloat16 operands: the lower half of a NaN is zero there, and rounding
// leaves it a NaN without being asked to.
template <class D>
HWY_INLINE hn::Vec<D> RoundStepResult(D d, hn::Vec<D> v) {
  const hn::RebindToUnsigned<D> du;
  const auto u = hn::BitCast(du, v);
  const auto odd = hn::And(hn::ShiftRight<16>(u), hn::Set(du, 1u));
  const auto rounded = hn::Add(hn::Add(u, hn::Set(du, 0x7fffu)), odd);
  return hn::BitCast(d, hn::And(rounded, hn::Set(du, 0xffff0000u)));
}

// Whole tiles of it. `out` may end where `in` does.
template <class T>
void FromNarrow(const T* in, float* out, size_t count) {
  const hn::ScalableTag<float> d;
  for (size_t i = 0; i < count; i += hn::Lanes(d)) hn::StoreU(ReadAs(d, in + i), d, out + i);
}
template <class T>
void ToNarrow(const float* in, T* out, size_t count) {
  const hn::ScalableTag<float> d;
  for (size_t i = 0; i < count; i += hn::Lanes(d)) WriteAs(hn::LoadU(d, in + i), d, out + i);
}
template <class T>
void RoundNarrow(float* values, size_t count) {
  const hn::ScalableTag<float> d;
  for (size_t i = 0; i < count; i += hn::Lanes(d)) {
    hn::StoreU(RoundAs<T>(d, hn::LoadU(d, values + i)), d, values + i);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
