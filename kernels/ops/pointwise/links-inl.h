// What the links of a chain (chain-inl.h) do: Do::Of(at, v, k) is what becomes of vector k, where `at` reads and writes
// places. Included once per SIMD target.
//
//   v = Left<MulStep>::Of(at, v, 0);  // v times the link's operand
#if defined(STRATA_KERNELS_OPS_POINTWISE_LINKS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_OPS_POINTWISE_LINKS_INL_H_
#undef STRATA_KERNELS_OPS_POINTWISE_LINKS_INL_H_
#else
#define STRATA_KERNELS_OPS_POINTWISE_LINKS_INL_H_
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>

#include "kernels/ops/pointwise/casts-inl.h"
#include "kernels/ops/pointwise/steps-inl.h"
#include "kernels/simd/stream-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// A base of links that wait for memory rather than for arithmetic: RunLink has them read upwards.
struct InOrder {};

struct Load : InOrder {
  template <class A, class V>
  static HWY_INLINE V Of(A at, V, size_t k) {
    return at.Read(0, k);
  }
};
template <class T>
struct LoadNarrow : InOrder {
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

// After a step on bfloat16 operands. Much arithmetic, which the compiler may mix.
template <class Do>
struct ThenRounded {
  template <class A, class V>
  static HWY_INLINE V Of(A at, V v, size_t k) {
    return RoundStepResult(at.d, Do::Of(at, v, k));
  }
};
struct Nothing {
  template <class A, class V>
  static HWY_INLINE V Of(A, V v, size_t) {
    return v;
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
struct Left : InOrder {
  template <class A, class V>
  static HWY_INLINE V Of(A at, V v, size_t k) {
    return Apply::Of(at.d, v, at.Read(0, k));
  }
};
template <class Apply>
struct Right : InOrder {
  template <class A, class V>
  static HWY_INLINE V Of(A at, V v, size_t k) {
    return Apply::Of(at.d, at.Read(0, k), v);
  }
};
// The other operand is a bfloat16 input as it lies in memory.
template <class Apply>
struct LeftOfNarrow : InOrder {
  template <class A, class V>
  static HWY_INLINE V Of(A at, V v, size_t k) {
    return Apply::Of(at.d, v, ReadAs(at.d, at.template In<BF16>(0, k)));
  }
};
template <class Apply>
struct RightOfNarrow : InOrder {
  template <class A, class V>
  static HWY_INLINE V Of(A at, V v, size_t k) {
    return Apply::Of(at.d, ReadAs(at.d, at.template In<BF16>(0, k)), v);
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
struct Neither : InOrder {
  template <class A, class V>
  static HWY_INLINE V Of(A at, V, size_t k) {
    return Apply::Of(at.d, at.Read(0, k), at.Read(1, k));
  }
};
template <class Apply>
struct Compares : InOrder {
  template <class A, class V>
  static HWY_INLINE V Of(A at, V v, size_t k) {
    StoreBool(at.d, Apply::Of(at.d, at.Read(0, k), at.Read(1, k)), at.template Out<uint8_t>(k));
    return v;
  }
};
struct SelectLeft : InOrder {
  template <class A, class V>
  static HWY_INLINE V Of(A at, V v, size_t k) {
    return hn::IfThenElse(LoadBool(at.d, at.template In<uint8_t>(0, k)), v, at.Read(1, k));
  }
};
struct SelectRight : InOrder {
  template <class A, class V>
  static HWY_INLINE V Of(A at, V v, size_t k) {
    return hn::IfThenElse(LoadBool(at.d, at.template In<uint8_t>(0, k)), at.Read(1, k), v);
  }
};
// The comparison's operands, and where the links of others write, the other branch.
template <class Apply>
struct TestLeft : InOrder {
  template <class A, class V>
  static HWY_INLINE V Of(A at, V v, size_t k) {
    return hn::IfThenElse(Apply::Of(at.d, at.Read(0, k), at.Read(1, k)), v, at.ReadThird(k));
  }
};
template <class Apply>
struct TestRight : InOrder {
  template <class A, class V>
  static HWY_INLINE V Of(A at, V v, size_t k) {
    return hn::IfThenElse(Apply::Of(at.d, at.Read(0, k), at.Read(1, k)), at.ReadThird(k), v);
  }
};
struct FmaLeft : InOrder {
  template <class A, class V>
  static HWY_INLINE V Of(A at, V v, size_t k) {
    return hn::MulAdd(v, at.Read(0, k), at.Read(1, k));
  }
};
struct FmaRight : InOrder {
  template <class A, class V>
  static HWY_INLINE V Of(A at, V v, size_t k) {
    return hn::MulAdd(at.Read(0, k), at.Read(1, k), v);
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
