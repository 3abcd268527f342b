#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/pool/pool_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include <algorithm>
#include <limits>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/pool/pool.h"
#include "kernels/simd/windows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

// Vectors run along a row of places: a tap of all of them is one load from the plane (PaddedPlane).
template <class T>
struct Pool {
  using F = ComputeType<T>;
  using D = hn::ScalableTag<F>;
  static constexpr auto kLanes = static_cast<int64_t>(hn::MaxLanes(D()));

  const PoolCall& call;
  const Windows& w;
  const PaddedPlane plane;
  F* space;     // the plane
  F* divisors;  // of a row of places where depth and height are whole

  Pool(const PoolCall& c, std::byte* workspace)
      : call(c),
        w(c.windows),
        plane(c.windows),
        space(reinterpret_cast<F*>(workspace)),
        divisors(space + plane.elements()) {
    for (int64_t i = 0; i < w.out[2]; ++i) {
      const int64_t first = w.At(2, i, 0), last = first + w.kernel[2];
      const int64_t inside = std::min(last, w.in[2]) - std::max<int64_t>(first, 0);
      divisors[i] = static_cast<F>(c.divisor != 0 ? 1 : c.count_outside ? w.kernel[2] : inside);
    }
  }

  // What `divisors` are multiplied by in a row of places.
  F RowDivisor(int64_t depth, int64_t height) const {
    if (call.divisor != 0) return static_cast<F>(call.divisor);
    int64_t count = 1;
    for (size_t d = 0; d < 2; ++d) {
      const int64_t first = w.At(d, d == 0 ? depth : height, 0), last = first + w.kernel[d];
      count *= call.count_outside ? w.kernel[d] : std::min(last, w.in[d]) - std::max<int64_t>(first, 0);
    }
    return static_cast<F>(count);
  }

  template <bool kMax>
  hn::Vec<D> Window(const F* from, int64_t place) const {
    const D d;
    auto result = hn::Set(d, kMax ? -std::numeric_limits<F>::infinity() : F(0));
    for (int64_t r = 0; r < w.kernel[0]; ++r) {
      for (int64_t s = 0; s < w.kernel[1]; ++s) {
        const F* row = from + (r * plane.size[1] + s) * plane.row() + place;
        for (int64_t t = 0; t < w.kernel[2]; ++t) {
          const auto v = hn::LoadU(d, row + t % plane.phases * plane.pitch + t / plane.phases);
          const auto larger = hn::Or(hn::Gt(v, result), hn::IsNaN(v));  // a NaN stays
          result = kMax ? hn::IfThenElse(larger, v, result) : hn::Add(result, v);
        }
      }
    }
    return result;
  }

  template <bool kMax>
  void Row(int64_t depth, int64_t height, T* y) const {
    const D d;
    const F* from = space + (depth * w.stride[0] * plane.size[1] + height * w.stride[1]) * plane.row();
    const auto divisor = hn::Set(d, RowDivisor(depth, height));
    for (int64_t i = 0; i < w.out[2]; i += kLanes) {
      auto v = Window<kMax>(from, i);
      const auto count = static_cast<size_t>(std::min(kLanes, w.out[2] - i));
      if (!kMax) v = hn::Div(v, hn::Mul(divisor, hn::LoadU(d, divisors + i)));
      WriteN(v, d, y + i, count);
    }
  }

  void Channel(int64_t channel) const {
    const bool max = call.operation == Pooling::kMax;
    LayOut(call.x.In<T>() + channel * w.image(), w, plane, max ? -std::numeric_limits<F>::infinity() : F(0), space);
    T* y = call.y.Out<T>() + channel * w.places();
    for (int64_t depth = 0; depth < w.out[0]; ++depth) {
      for (int64_t height = 0; height < w.out[1]; ++height, y += w.out[2]) {
        max ? Row<true>(depth, height, y) : Row<false>(depth, height, y);
      }
    }
  }
};

void PoolAll(const OpContext& context, const PoolCall& call) {
  DispatchFloat(call.x.dtype, [&](auto type) {
    using T = decltype(type);
    const size_t bytes = PoolThreadBytes(call.windows, sizeof(ComputeType<T>));
    const int64_t work = call.windows.places() * call.windows.taps();
    ParallelChunks(*context.parallel, call.channels, 1 + 65536 / (work + 1),
                   [&](int chunk, int64_t begin, int64_t end) {
                     const Pool<T> pool(call, context.workspace + static_cast<size_t>(chunk) * bytes);
                     for (int64_t channel = begin; channel < end; ++channel) pool.Channel(channel);
                   });
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(PoolAll);

size_t PoolThreadBytes(const Windows& windows, size_t element) {
  const int64_t elements = PaddedPlane(windows).elements() + windows.out[2] + PaddedPlane::kSlack;
  return (static_cast<size_t>(elements) * element + 63) / 64 * 64;
}

void PoolCpu(const OpContext& context, const PoolCall& call) {
  if (call.y.numel() == 0) return;
  HWY_DYNAMIC_DISPATCH(PoolAll)(context, call);
}

}  // namespace strata
#endif  // HWY_ONCE
