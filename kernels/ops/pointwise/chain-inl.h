// Chains: steps on float32 or float64 that run one after the other on eight vectors in registers, so that a value which
// only the next step wants never goes to memory. Each link is a function that ends by calling the next one with the
// vectors as arguments: a jump, no return. Included once per SIMD target.
//
//   links[0] = {LoadLink<float>(), {&x}};                                           // v = x
//   links[1] = {BinaryLinks<float>(Code::kMul, Form::kLeft), {&y}};                 // v = v * y
//   links[2] = {StoreLink<float>(), {}, &out};                                      // out = v
//   links[3] = {EndLink<float>()};
//   RunChain<float>(links, count);
#if defined(STRATA_KERNELS_OPS_POINTWISE_CHAIN_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_OPS_POINTWISE_CHAIN_INL_H_
#undef STRATA_KERNELS_OPS_POINTWISE_CHAIN_INL_H_
#else
#define STRATA_KERNELS_OPS_POINTWISE_CHAIN_INL_H_
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/ops/pointwise/links-inl.h"
#include "kernels/ops/pointwise/program.h"
#include "kernels/ops/pointwise/steps-inl.h"
#include "kernels/ops/pointwise/tile.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using pointwise::Code;
using pointwise::Link;
using pointwise::Place;

// As many as calling conventions pass in registers.
inline constexpr size_t kChainVectors = 8;
using LinkFn = void (*)();
template <class F>
using ChainVec = hn::Vec<hn::ScalableTag<F>>;
template <class F, class V = ChainVec<F>>
using RunFn = void (*)(const Link* link, size_t i, V, V, V, V, V, V, V, V);

// Where a link reads and writes: vector k of the strip of elements at i. kMove: no operand is the same everywhere, so
// that vectors are at fixed distances.
template <class D, bool kMove>
class Here {
 public:
  HWY_INLINE Here(D tag, const Link& link, size_t i) : d(tag), link_(link), i_(i) {}

  template <class T>
  HWY_INLINE const T* In(size_t operand, size_t k) const {
    return Operand<T>(*link_.in[operand], k);
  }
  template <class T>
  HWY_INLINE T* Out(size_t k) const {
    return reinterpret_cast<T*>(link_.out->data) + (i_ & link_.out->mask) + k * hn::Lanes(d);
  }
  HWY_INLINE hn::Vec<D> Read(size_t operand, size_t k) const { return hn::LoadU(d, In<hn::TFromD<D>>(operand, k)); }
  HWY_INLINE hn::Vec<D> ReadThird(size_t k) const { return hn::LoadU(d, Operand<hn::TFromD<D>>(*link_.out, k)); }

  D d;

 private:
  template <class T>
  HWY_INLINE const T* Operand(const Place& place, size_t k) const {
    const size_t step = kMove ? hn::Lanes(d) : hn::Lanes(d) & place.mask;
    return reinterpret_cast<const T*>(place.data) + (i_ & place.mask) + k * step;
  }

  const Link& link_;
  size_t i_;
};

// v, which is computed before what follows is. GCC sinks each vector to its place among the next link's arguments,
// which it sets up from the last to the first: reads that go downwards, which the processor does not foresee.
template <class Do, class V>
HWY_INLINE V Now(V v) {
#if HWY_ARCH_X86 && HWY_COMPILER_GCC_ACTUAL && HWY_TARGET != HWY_EMU128 && HWY_TARGET != HWY_SCALAR
  if constexpr (std::is_base_of_v<InOrder, Do>) asm volatile("" : "+v"(v.raw));
#endif
  return v;
}

template <class F, class Do, bool kMove, class V = ChainVec<F>>
void RunLink(const Link* link, size_t i, V a, V b, V c, V e, V f, V g, V h, V j) {
  const Here<hn::ScalableTag<F>, kMove> at({}, *link, i);
  // No array: it would make every link align the stack, which takes longer than a multiplication.
  a = Now<Do>(Do::Of(at, a, 0));
  b = Now<Do>(Do::Of(at, b, 1));
  c = Now<Do>(Do::Of(at, c, 2));
  e = Now<Do>(Do::Of(at, e, 3));
  f = Now<Do>(Do::Of(at, f, 4));
  g = Now<Do>(Do::Of(at, g, 5));
  h = Now<Do>(Do::Of(at, h, 6));
  j = Now<Do>(Do::Of(at, j, 7));
  return reinterpret_cast<RunFn<F>>(link[1].run)(link + 1, i, a, b, c, e, f, g, h, j);
}
// A link that reads no operand, or none that is the same everywhere.
template <class F, class Do>
LinkFn LinkOf() {
  return reinterpret_cast<LinkFn>(&RunLink<F, Do, true>);
}
// `move`: no operand is the same everywhere. float64 is not worth the code.
template <class F, class Do>
LinkFn LinkOf(bool move) {
  if constexpr (sizeof(F) == 4) {
    if (move) return LinkOf<F, Do>();
  }
  return reinterpret_cast<LinkFn>(&RunLink<F, Do, false>);
}

template <class F, class V = ChainVec<F>>
void RunEnd(const Link*, size_t, V, V, V, V, V, V, V, V) {}
template <class F>
LinkFn EndLink() {
  return reinterpret_cast<LinkFn>(&RunEnd<F>);
}

template <class F>
void RunChain(const Link* first, size_t count) {
  const hn::ScalableTag<F> d;
  const auto run = reinterpret_cast<RunFn<F>>(first->run);
  const auto none = hn::Zero(d);
  for (size_t i = 0; i < count; i += kChainVectors * hn::Lanes(d)) {
    run(first, i, none, none, none, none, none, none, none, none);
  }
}

// Which operand the vectors are.
enum class Form { kLeft, kRight, kBoth, kNeither };

template <class F, class Apply>
LinkFn PickBinary(Form form, bool move) {
  switch (form) {
    case Form::kLeft:
      return LinkOf<F, Left<Apply>>(move);
    case Form::kRight:
      return LinkOf<F, Right<Apply>>(move);
    case Form::kBoth:
      return LinkOf<F, Both<Apply>>();
    default:
      return LinkOf<F, Neither<Apply>>(move);
  }
}

template <class F>
LinkFn BinaryLink(Code code, Form form, bool move) {
  switch (code) {
    case Code::kAdd:
      return PickBinary<F, AddStep>(form, move);
    case Code::kSub:
      return PickBinary<F, SubStep>(form, move);
    case Code::kMul:
      return PickBinary<F, MulStep>(form, move);
    case Code::kDiv:
      return PickBinary<F, DivStep>(form, move);
    case Code::kMin:
      return PickBinary<F, MinStep>(form, move);
    case Code::kMax:
      return PickBinary<F, MaxStep>(form, move);
    case Code::kPow:
      return PickBinary<F, FarAway<PowStep>>(form, move);
    case Code::kEq:
      return LinkOf<F, Compares<EqStep>>(move);
    case Code::kNe:
      return LinkOf<F, Compares<NeStep>>(move);
    case Code::kLt:
      return LinkOf<F, Compares<LtStep>>(move);
    case Code::kLe:
      return LinkOf<F, Compares<LeStep>>(move);
    case Code::kSelect:
      return form == Form::kLeft ? LinkOf<F, SelectLeft>(move) : LinkOf<F, SelectRight>(move);
    default:
      return form == Form::kLeft ? LinkOf<F, FmaLeft>(move) : LinkOf<F, FmaRight>(move);
  }
}

// How the simple steps of bfloat16 programs run: with a bfloat16 operand from memory, or rounding by themselves.
template <class Apply>
LinkFn PickSimple(Form form, bool narrow, bool rounds, bool move) {
  const auto pick = [=]<class Do>(Do) {
    return rounds ? LinkOf<float, ThenRounded<Do>>(move) : LinkOf<float, Do>(move);
  };
  switch (form) {
    case Form::kLeft:
      return narrow ? pick(LeftOfNarrow<Apply>()) : pick(Left<Apply>());
    case Form::kRight:
      return narrow ? pick(RightOfNarrow<Apply>()) : pick(Right<Apply>());
    case Form::kBoth:
      return rounds ? LinkOf<float, ThenRounded<Both<Apply>>>() : LinkOf<float, Both<Apply>>();
    default:
      return pick(Neither<Apply>());
  }
}
inline bool IsSimple(Code code) {
  return code == Code::kAdd || code == Code::kSub || code == Code::kMul || code == Code::kDiv;
}
// REQUIRES: IsSimple(code).
inline LinkFn SimpleLink(Code code, Form form, bool narrow, bool rounds, bool move) {
  switch (code) {
    case Code::kAdd:
      return PickSimple<AddStep>(form, narrow, rounds, move);
    case Code::kSub:
      return PickSimple<SubStep>(form, narrow, rounds, move);
    case Code::kMul:
      return PickSimple<MulStep>(form, narrow, rounds, move);
    default:
      return PickSimple<DivStep>(form, narrow, rounds, move);
  }
}

template <class F, class Apply>
LinkFn PickTest(Form form, bool move) {
  return form == Form::kLeft ? LinkOf<F, TestLeft<Apply>>(move) : LinkOf<F, TestRight<Apply>>(move);
}
// A select and its comparison.
template <class F>
LinkFn TestLink(Code code, Form form, bool move) {
  switch (code) {
    case Code::kEq:
      return PickTest<F, EqStep>(form, move);
    case Code::kNe:
      return PickTest<F, NeStep>(form, move);
    case Code::kLt:
      return PickTest<F, LtStep>(form, move);
    default:
      return PickTest<F, LeStep>(form, move);
  }
}

// Several of these at once hide each other's latency; float64 and what is rare are not worth the code.
template <class F, class Apply>
LinkFn NearIfFloat() {
  if constexpr (sizeof(F) == 4) {
    return LinkOf<F, Each<Apply>>();
  } else {
    return LinkOf<F, Each<FarAway<Apply>>>();
  }
}

template <class F>
LinkFn UnaryLink(Code code) {
  switch (code) {
    case Code::kNeg:
      return LinkOf<F, Each<NegStep>>();
    case Code::kAbs:
      return LinkOf<F, Each<AbsStep>>();
    case Code::kSign:
      return LinkOf<F, Each<SignStep>>();
    case Code::kFloor:
      return LinkOf<F, Each<FloorStep>>();
    case Code::kCeil:
      return LinkOf<F, Each<CeilStep>>();
    case Code::kRound:
      return LinkOf<F, Each<RoundStep>>();
    case Code::kTrunc:
      return LinkOf<F, Each<TruncStep>>();
    case Code::kReciprocal:
      return LinkOf<F, Each<ReciprocalStep>>();
    case Code::kSqrt:
      return LinkOf<F, Each<SqrtStep>>();
    case Code::kRsqrt:
      return LinkOf<F, Each<RsqrtStep>>();
    case Code::kExp:
      return NearIfFloat<F, ExpStep>();
    case Code::kExpm1:
      return LinkOf<F, Each<FarAway<Expm1Step>>>();
    case Code::kLog:
      return LinkOf<F, Each<FarAway<LogStep>>>();
    case Code::kLog1p:
      return LinkOf<F, Each<FarAway<Log1pStep>>>();
    case Code::kSin:
      return LinkOf<F, Each<FarAway<SinStep>>>();
    case Code::kCos:
      return LinkOf<F, Each<FarAway<CosStep>>>();
    case Code::kTanh:
      return NearIfFloat<F, TanhStep>();
    case Code::kErf:
      return LinkOf<F, Each<FarAway<ErfStep>>>();
    case Code::kNormalCdf:
      return NearIfFloat<F, NormalCdfStep>();
    case Code::kSigmoid:
      return NearIfFloat<F, SigmoidStep>();
    case Code::kSilu:
      return NearIfFloat<F, SiluStep>();
    case Code::kGelu:
      return NearIfFloat<F, GeluStep>();
    default:
      return NearIfFloat<F, GeluTanhStep>();
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
