// What each instruction of a pointwise program does to vectors, and the steps on integers and bools, which run over a
// tile one by one; those on floats are links of chains (chain-inl.h). Included once per SIMD target.
//
//   const StepFn run = WholeStep<int32_t>(Code::kAdd);
//   run({.in = {x, y, nullptr}, .mask = {~size_t{0}, 0, 0}, .out = z, .count = 512});
#if defined(STRATA_KERNELS_OPS_POINTWISE_STEPS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_OPS_POINTWISE_STEPS_INL_H_
#undef STRATA_KERNELS_OPS_POINTWISE_STEPS_INL_H_
#else
#define STRATA_KERNELS_OPS_POINTWISE_STEPS_INL_H_
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>

#include "kernels/ops/pointwise/program.h"
#include "kernels/ops/pointwise/tile.h"
#include "kernels/simd/activation-inl.h"
#include "kernels/simd/math-inl.h"
#include "kernels/simd/power-inl.h"
#include "kernels/simd/row-inl.h"
#include "kernels/simd/trig-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using pointwise::Code;
using pointwise::StepFn;
using pointwise::Tile;

template <class F>
HWY_INLINE const F* Source(const Tile& tile, size_t operand, size_t i) {
  return static_cast<const F*>(tile.in[operand]) + (i & tile.mask[operand]);
}

template <class F, class Apply>
void Unary(const Tile& tile) {
  const hn::ScalableTag<F> d;
  for (size_t i = 0; i < tile.count; i += hn::Lanes(d)) {
    hn::StoreU(Apply::Of(d, hn::LoadU(d, Source<F>(tile, 0, i))), d, static_cast<F*>(tile.out) + i);
  }
}

template <class F, class Apply>
void Binary(const Tile& tile) {
  const hn::ScalableTag<F> d;
  for (size_t i = 0; i < tile.count; i += hn::Lanes(d)) {
    const auto a = hn::LoadU(d, Source<F>(tile, 0, i)), b = hn::LoadU(d, Source<F>(tile, 1, i));
    hn::StoreU(Apply::Of(d, a, b), d, static_cast<F*>(tile.out) + i);
  }
}

// A bool is a byte, 0 or 1.
template <class D>
HWY_INLINE hn::Mask<D> LoadBool([[maybe_unused]] D d, const uint8_t* p) {
  const hn::RebindToUnsigned<D> du;
  const hn::Rebind<uint8_t, D> d8;
  if constexpr (sizeof(hn::TFromD<D>) == 8) {
    const hn::Rebind<uint32_t, D> d32;
    return hn::MaskFromVec(hn::BitCast(
        d, hn::Neg(hn::BitCast(hn::RebindToSigned<D>(), hn::PromoteTo(du, hn::PromoteTo(d32, hn::LoadU(d8, p)))))));
  } else {
    return hn::MaskFromVec(
        hn::BitCast(d, hn::Neg(hn::BitCast(hn::RebindToSigned<D>(), hn::PromoteTo(du, hn::LoadU(d8, p))))));
  }
}
template <class D>
HWY_INLINE void StoreBool([[maybe_unused]] D d, hn::Mask<D> mask, uint8_t* p) {
  const hn::RebindToUnsigned<D> du;
  const hn::Rebind<uint8_t, D> d8;
  const auto ones = hn::IfThenElseZero(hn::RebindMask(du, mask), hn::Set(du, 1));
  hn::StoreU(hn::TruncateTo(d8, ones), d8, p);
}

template <class F, class Apply>
void Compare(const Tile& tile) {
  const hn::ScalableTag<F> d;
  for (size_t i = 0; i < tile.count; i += hn::Lanes(d)) {
    const auto a = hn::LoadU(d, Source<F>(tile, 0, i)), b = hn::LoadU(d, Source<F>(tile, 1, i));
    StoreBool(d, Apply::Of(d, a, b), static_cast<uint8_t*>(tile.out) + i);
  }
}

template <class F>
void Select(const Tile& tile) {
  const hn::ScalableTag<F> d;
  for (size_t i = 0; i < tile.count; i += hn::Lanes(d)) {
    const auto condition = LoadBool(d, Source<uint8_t>(tile, 0, i));
    const auto yes = hn::LoadU(d, Source<F>(tile, 1, i)), no = hn::LoadU(d, Source<F>(tile, 2, i));
    hn::StoreU(hn::IfThenElse(condition, yes, no), d, static_cast<F*>(tile.out) + i);
  }
}

inline void SelectBool(const Tile& tile) {
  const hn::ScalableTag<uint8_t> d;
  for (size_t i = 0; i < tile.count; i += hn::Lanes(d)) {
    const auto condition = hn::LoadU(d, Source<uint8_t>(tile, 0, i));
    const auto yes = hn::LoadU(d, Source<uint8_t>(tile, 1, i)), no = hn::LoadU(d, Source<uint8_t>(tile, 2, i));
    hn::StoreU(hn::Or(hn::And(condition, yes), hn::AndNot(condition, no)), d, static_cast<uint8_t*>(tile.out) + i);
  }
}

#define STRATA_UNARY(name, expression)                                    \
  struct name {                                                           \
    template <class D>                                                    \
    static HWY_INLINE hn::Vec<D> Of([[maybe_unused]] D d, hn::Vec<D> x) { \
      return expression;                                                  \
    }                                                                     \
  };
#define STRATA_BINARY(name, result, expression)                                        \
  struct name {                                                                        \
    template <class D>                                                                 \
    static HWY_INLINE result<D> Of([[maybe_unused]] D d, hn::Vec<D> a, hn::Vec<D> b) { \
      return expression;                                                               \
    }                                                                                  \
  };
STRATA_BINARY(AddStep, hn::Vec, hn::Add(a, b))
STRATA_BINARY(SubStep, hn::Vec, hn::Sub(a, b))
STRATA_BINARY(MulStep, hn::Vec, hn::Mul(a, b))
STRATA_BINARY(DivStep, hn::Vec, hn::Div(a, b))
STRATA_BINARY(PowStep, hn::Vec, Pow(d, a, b))
STRATA_BINARY(WholeMinStep, hn::Vec, hn::IfThenElse(hn::Lt(a, b), a, b))
STRATA_BINARY(WholeMaxStep, hn::Vec, hn::IfThenElse(hn::Lt(b, a), a, b))
// NaN where either is; the second where they are equal.
STRATA_BINARY(MinStep, hn::Vec, hn::IfThenElse(hn::Or(hn::Lt(a, b), hn::IsNaN(a)), a, b))
STRATA_BINARY(MaxStep, hn::Vec, hn::IfThenElse(hn::Or(hn::Lt(b, a), hn::IsNaN(a)), a, b))
STRATA_BINARY(AndStep, hn::Vec, hn::And(a, b))
STRATA_BINARY(OrStep, hn::Vec, hn::Or(a, b))
STRATA_BINARY(XorStep, hn::Vec, hn::Xor(a, b))
STRATA_BINARY(EqStep, hn::Mask, hn::Eq(a, b))
STRATA_BINARY(NeStep, hn::Mask, hn::Not(hn::Eq(a, b)))  // not Ne: Highway's is false for NaN
STRATA_BINARY(LtStep, hn::Mask, hn::Lt(a, b))
STRATA_BINARY(LeStep, hn::Mask, hn::Le(a, b))
STRATA_BINARY(WholeLeStep, hn::Mask, hn::Not(hn::Lt(b, a)))
STRATA_UNARY(NotStep, hn::Xor(x, hn::Set(d, 1)))
STRATA_UNARY(NegStep, hn::Neg(x))
STRATA_UNARY(AbsStep, hn::Abs(x))
STRATA_UNARY(CopyStep, x)
STRATA_UNARY(SignStep, hn::Sub(hn::IfThenElseZero(hn::Lt(hn::Zero(d), x), hn::Set(d, hn::TFromD<D>(1))),
                               hn::IfThenElseZero(hn::Lt(x, hn::Zero(d)), hn::Set(d, hn::TFromD<D>(1)))))
STRATA_UNARY(FloorStep, hn::Floor(x))
STRATA_UNARY(CeilStep, hn::Ceil(x))
STRATA_UNARY(RoundStep, hn::Round(x))
STRATA_UNARY(TruncStep, hn::Trunc(x))
STRATA_UNARY(ReciprocalStep, hn::Div(hn::Set(d, hn::TFromD<D>(1)), x))
STRATA_UNARY(SqrtStep, hn::Sqrt(x))
STRATA_UNARY(RsqrtStep, hn::Div(hn::Set(d, hn::TFromD<D>(1)), hn::Sqrt(x)))
STRATA_UNARY(ExpStep, Exp(d, x))
STRATA_UNARY(Expm1Step, Expm1(d, x))
STRATA_UNARY(LogStep, Log(d, x))
STRATA_UNARY(Log1pStep, Log1p(d, x))
STRATA_UNARY(SinStep, Sin(d, x))
STRATA_UNARY(CosStep, Cos(d, x))
STRATA_UNARY(TanhStep, Tanh(d, x))
STRATA_UNARY(ErfStep, Erf(d, x))
STRATA_UNARY(NormalCdfStep, NormalCdf(d, x))
STRATA_UNARY(SigmoidStep, Sigmoid(d, x))
STRATA_UNARY(SiluStep, Silu(d, x))
STRATA_UNARY(GeluStep, Gelu(d, x))
STRATA_UNARY(GeluTanhStep, GeluTanh(d, x))
#undef STRATA_UNARY
#undef STRATA_BINARY

// Of integers. kGt and kGe are kLt and kLe with operands exchanged, by the caller.
template <class F>
StepFn WholeStep(Code code) {
  switch (code) {
    case Code::kAdd:
      return Binary<F, AddStep>;
    case Code::kSub:
      return Binary<F, SubStep>;
    case Code::kMul:
      return Binary<F, MulStep>;
    case Code::kNeg:
      return Unary<F, NegStep>;
    case Code::kAbs:
      return Unary<F, AbsStep>;
    case Code::kSign:
      return Unary<F, SignStep>;
    case Code::kMin:
      return Binary<F, WholeMinStep>;
    case Code::kMax:
      return Binary<F, WholeMaxStep>;
    case Code::kEq:
      return Compare<F, EqStep>;
    case Code::kNe:
      return Compare<F, NeStep>;
    case Code::kLt:
      return Compare<F, LtStep>;
    case Code::kSelect:
      return Select<F>;
    default:
      return Compare<F, WholeLeStep>;
  }
}

inline StepFn BoolStep(Code code) {
  switch (code) {
    case Code::kAnd:
      return Binary<uint8_t, AndStep>;
    case Code::kOr:
      return Binary<uint8_t, OrStep>;
    case Code::kXor:
      return Binary<uint8_t, XorStep>;
    case Code::kNot:
      return Unary<uint8_t, NotStep>;
    default:
      return SelectBool;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
