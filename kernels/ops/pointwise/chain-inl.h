// Chains: steps on float32 or float64 that run one after the other on eight vectors in registers, so that a value which
// only the next step wants never goes to memory. Each link is a function that ends by calling the next one with the
// four vectors as arguments: a jump, no return. Included once per SIMD target.
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

#include "kernels/ops/pointwise/casts-inl.h"
#include "kernels/ops/pointwise/program.h"
#include "kernels/ops/pointwise/steps-inl.h"
#include "kernels/ops/pointwise/tile.h"
#include "kernels/simd/stream-inl.h"

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

// Where a link reads and writes: vector k of the strip of elements at i.
template <class D>
class Here {
 public:
  HWY_INLINE Here(D tag, const Link& link, size_t i) : d(tag), link_(link), i_(i) {}

  template <class T>
  HWY_INLINE const T* In(size_t operand, size_t k) const {
    return Find<T>(*link_.in[operand], k);
  }
  template <class T>
  HWY_INLINE T* Out(size_t k) const {
    return Find<T>(*link_.out, k);
  }
  HWY_INLINE hn::Vec<D> Read(size_t operand, size_t k) const { return hn::LoadU(d, In<hn::TFromD<D>>(operand, k)); }
  HWY_INLINE hn::Vec<D> ReadThird(size_t k) const { return hn::LoadU(d, Out<hn::TFromD<D>>(k)); }

  D d;

 private:
  template <class T>
  HWY_INLINE T* Find(const Place& place, size_t k) const {
    return reinterpret_cast<T*>(place.data) + (i_ & place.mask) + k * (hn::Lanes(d) & place.mask);
  }

  const Link& link_;
  size_t i_;
};

template <class F, class Do, class V = ChainVec<F>>
void RunLink(const Link* link, size_t i, V a, V b, V c, V e, V f, V g, V h, V j) {
  const Here<hn::ScalableTag<F>> at({}, *link, i);
  // No array: it would make every link align the stack, which takes longer than a multiplication.
  a = Do::Of(at, a, 0);
  b = Do::Of(at, b, 1);
  c = Do::Of(at, c, 2);
  e = Do::Of(at, e, 3);
  f = Do::Of(at, f, 4);
  g = Do::Of(at, g, 5);
  h = Do::Of(at, h, 6);
  j = Do::Of(at, j, 7);
  return reinterpret_cast<RunFn<F>>(link[1].run)(link + 1, i, a, b, c, e, f, g, h, j);
}
template <class F, class Do>
LinkFn LinkOf() {
  return reinterpret_cast<LinkFn>(&RunLink<F, Do>);
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

// What links do: Of(at, v, k) is what becomes of vector k.
struct Load {
  template <class A, class V>
  static HWY_INLINE V Of(A at, V, size_t k) {
    return at.Read(0, k);
  }
};
template <class T>
struct LoadNarrow {
  template <class A, class V>
  static HWY_INLINE V Of(A at, V, size_t k) {
    return ReadAs(at.d, at.template In<T>(0, k));
  }
};
template <class T>
struct StoreAs {
  template <class A, class V>
  static HWY_INLINE V Of(A at, V v, size_t k) {
    if constexpr (std::is_same_v<T, BF16> || std::is_same_v<T, F16>) {
      WriteAs(v, at.d, at.template Out<T>(k));
    } else {
      hn::StoreU(v, at.d, at.template Out<T>(k));
    }
    return v;
  }
};
// Past the caches. REQUIRES: the place is a multiple of 64.
template <class T>
struct StreamAs {
  template <class A, class V>
  static HWY_INLINE V Of(A at, V v, size_t k) {
    WriteStream(v, at.d, at.template Out<T>(k));
    return v;
  }
};
// A narrow input that is read more than once: converted in passing, beside the vectors.
template <class T>
struct Widen {
  template <class A, class V>
  static HWY_INLINE V Of(A at, V v, size_t k) {
    hn::StoreU(ReadAs(at.d, at.template In<T>(0, k)), at.d, at.template Out<float>(k));
    return v;
  }
};
template <class T>
struct Rounded {
  template <class A, class V>
  static HWY_INLINE V Of(A at, V v, size_t) {
    return RoundAs<T>(at.d, v);
  }
};

template <class Apply>
struct Each {
  template <class A, class V>
  static HWY_INLINE V Of(A at, V v, size_t) {
    return Apply::Of(at.d, v);
  }
};
// Functions of much code, out of line.
template <class Apply, class D>
HWY_NOINLINE hn::Vec<D> Far(D d, hn::Vec<D> x) {
  return Apply::Of(d, x);
}
template <class Apply, class D>
HWY_NOINLINE hn::Vec<D> Far(D d, hn::Vec<D> a, hn::Vec<D> b) {
  return Apply::Of(d, a, b);
}
template <class Apply>
struct FarAway {
  template <class D, class... V>
  static HWY_INLINE hn::Vec<D> Of(D d, V... v) {
    return Far<Apply>(d, v...);
  }
};

template <class Apply>
struct Left {
  template <class A, class V>
  static HWY_INLINE V Of(A at, V v, size_t k) {
    return Apply::Of(at.d, v, at.Read(0, k));
  }
};
template <class Apply>
struct Right {
  template <class A, class V>
  static HWY_INLINE V Of(A at, V v, size_t k) {
    return Apply::Of(at.d, at.Read(0, k), v);
  }
};
template <class Apply>
struct Both {
  template <class A, class V>
  static HWY_INLINE V Of(A at, V v, size_t) {
    return Apply::Of(at.d, v, v);
  }
};
template <class Apply>
struct Neither {
  template <class A, class V>
  static HWY_INLINE V Of(A at, V, size_t k) {
    return Apply::Of(at.d, at.Read(0, k), at.Read(1, k));
  }
};
template <class Apply>
struct Compares {
  template <class A, class V>
  static HWY_INLINE V Of(A at, V v, size_t k) {
    StoreBool(at.d, Apply::Of(at.d, at.Read(0, k), at.Read(1, k)), at.template Out<uint8_t>(k));
    return v;
  }
};
struct SelectLeft {
  template <class A, class V>
  static HWY_INLINE V Of(A at, V v, size_t k) {
    return hn::IfThenElse(LoadBool(at.d, at.template In<uint8_t>(0, k)), v, at.Read(1, k));
  }
};
struct SelectRight {
  template <class A, class V>
  static HWY_INLINE V Of(A at, V v, size_t k) {
    return hn::IfThenElse(LoadBool(at.d, at.template In<uint8_t>(0, k)), at.Read(1, k), v);
  }
};
// The comparison's operands, and where the links of others write, the other branch.
template <class Apply>
struct TestLeft {
  template <class A, class V>
  static HWY_INLINE V Of(A at, V v, size_t k) {
    return hn::IfThenElse(Apply::Of(at.d, at.Read(0, k), at.Read(1, k)), v, at.ReadThird(k));
  }
};
template <class Apply>
struct TestRight {
  template <class A, class V>
  static HWY_INLINE V Of(A at, V v, size_t k) {
    return hn::IfThenElse(Apply::Of(at.d, at.Read(0, k), at.Read(1, k)), at.ReadThird(k), v);
  }
};
struct FmaLeft {
  template <class A, class V>
  static HWY_INLINE V Of(A at, V v, size_t k) {
    return hn::MulAdd(v, at.Read(0, k), at.Read(1, k));
  }
};
struct FmaRight {
  template <class A, class V>
  static HWY_INLINE V Of(A at, V v, size_t k) {
    return hn::MulAdd(at.Read(0, k), at.Read(1, k), v);
  }
};

// Which operand the vectors are.
enum class Form { kLeft, kRight, kBoth, kNeither };

template <class F, class Apply>
LinkFn PickBinary(Form form) {
  switch (form) {
    case Form::kLeft:
      return LinkOf<F, Left<Apply>>();
    case Form::kRight:
      return LinkOf<F, Right<Apply>>();
    case Form::kBoth:
      return LinkOf<F, Both<Apply>>();
    default:
      return LinkOf<F, Neither<Apply>>();
  }
}

template <class F>
LinkFn BinaryLink(Code code, Form form) {
  switch (code) {
    case Code::kAdd:
      return PickBinary<F, AddStep>(form);
    case Code::kSub:
      return PickBinary<F, SubStep>(form);
    case Code::kMul:
      return PickBinary<F, MulStep>(form);
    case Code::kDiv:
      return PickBinary<F, DivStep>(form);
    case Code::kMin:
      return PickBinary<F, MinStep>(form);
    case Code::kMax:
      return PickBinary<F, MaxStep>(form);
    case Code::kPow:
      return PickBinary<F, FarAway<PowStep>>(form);
    case Code::kEq:
      return LinkOf<F, Compares<EqStep>>();
    case Code::kNe:
      return LinkOf<F, Compares<NeStep>>();
    case Code::kLt:
      return LinkOf<F, Compares<LtStep>>();
    case Code::kLe:
      return LinkOf<F, Compares<LeStep>>();
    case Code::kSelect:
      return form == Form::kLeft ? LinkOf<F, SelectLeft>() : LinkOf<F, SelectRight>();
    default:
      return form == Form::kLeft ? LinkOf<F, FmaLeft>() : LinkOf<F, FmaRight>();
  }
}

template <class F, class Apply>
LinkFn PickTest(Form form) {
  return form == Form::kLeft ? LinkOf<F, TestLeft<Apply>>() : LinkOf<F, TestRight<Apply>>();
}
// A select and its comparison.
template <class F>
LinkFn TestLink(Code code, Form form) {
  switch (code) {
    case Code::kEq:
      return PickTest<F, EqStep>(form);
    case Code::kNe:
      return PickTest<F, NeStep>(form);
    case Code::kLt:
      return PickTest<F, LtStep>(form);
    default:
      return PickTest<F, LeStep>(form);
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
