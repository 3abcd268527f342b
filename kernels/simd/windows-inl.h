// Windows (windows.h) in memory. A convolution's windows as the right-hand matrix of a product: step k is a tap of a
// channel, (c, d, h, w) in order, and column p a place of the output. Packed into panels as they are wanted, never laid
// out whole. Included once per SIMD target.
//
//   Gemm<float>(context, {outputs, places, taps}, Matrix<float>{weight, taps, 1}, WindowMatrix<float>{x, windows},
//   ...);
#if defined(STRATA_KERNELS_SIMD_WINDOWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_WINDOWS_INL_H_
#undef STRATA_KERNELS_SIMD_WINDOWS_INL_H_
#else
#define STRATA_KERNELS_SIMD_WINDOWS_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/core/scalar.h"
#include "kernels/simd/row-inl.h"
#include "kernels/simd/windows.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// `count` elements in the type that is computed in.
template <class T, class F>
HWY_INLINE void PackRow(const T* from, int64_t count, F* to) {
  const hn::ScalableTag<F> d;
  constexpr auto kLanes = static_cast<int64_t>(hn::MaxLanes(hn::ScalableTag<F>()));
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) hn::StoreU(Read(d, from + i), d, to + i);
  for (; i < count; ++i) to[i] = static_cast<F>(ToDouble(from[i]));
}

template <class T>
struct WindowMatrix {
  using Element = T;
  const T* data;  // [C, D, H, W]
  const Windows& windows;
  // No element lies a stride from the next: Gemm packs.
  static constexpr size_t row_stride = 0, column_stride = 0;

  // out[i], i < count: tap (h fixed by `row`) `tap` of the places [place, place + count) of one row of the output.
  template <class F>
  HWY_INLINE void PackRun(const T* row, int64_t tap, int64_t place, int64_t count, F* out) const {
    const auto [first, last] = windows.PlacesInside(2, tap);
    const int64_t begin = std::clamp(first, place, place + count), end = std::clamp(last, begin, place + count);
    std::fill(out, out + (begin - place), F(0));
    const int64_t stride = windows.stride[2];
    const T* from = row + windows.At(2, begin, tap);
    F* to = out + (begin - place);
    const int64_t inside = end - begin;
    if (stride == 1) {
      PackRow(from, inside, to);
    } else {
      for (int64_t i = 0; i < inside; ++i) to[i] = static_cast<F>(ToDouble(from[i * stride]));
    }
    std::fill(to + inside, out + count, F(0));
  }

  // One step of k: `columns` places from `column` on.
  template <class F>
  HWY_INLINE void PackStep(int64_t k, int64_t column, int64_t columns, F* out) const {
    const auto& kernel = windows.kernel;
    const int64_t w = k % kernel[2], h = k / kernel[2] % kernel[1], d = k / (kernel[2] * kernel[1]) % kernel[0];
    const T* channel = data + k / windows.taps() * windows.image();
    const int64_t width = windows.out[2], height = windows.out[1];
    for (int64_t done = 0; done < columns;) {
      const int64_t place = (column + done) % width, row = (column + done) / width;
      const int64_t run = std::min(columns - done, width - place);
      const int64_t depth_at = windows.At(0, row / height, d), row_at = windows.At(1, row % height, h);
      if (windows.Inside(0, depth_at) && windows.Inside(1, row_at)) {
        PackRun(channel + (depth_at * windows.in[1] + row_at) * windows.in[2], w, place, run, out + done);
      } else {
        std::fill(out + done, out + done + run, F(0));
      }
      done += run;
    }
  }

  // out[k * kWidth + i] for `steps` steps of k from `first`, zeros where i >= columns.
  template <size_t kWidth, class F>
  HWY_NOINLINE void Pack(size_t column, size_t columns, size_t first, size_t steps, F* out) const {
    for (size_t k = 0; k < steps; ++k, out += kWidth) {
      PackStep(static_cast<int64_t>(first + k), static_cast<int64_t>(column), static_cast<int64_t>(columns), out);
      std::fill(out + columns, out + kWidth, F(0));
    }
  }
};

// A channel with what surrounds it, columns that are a stride apart side by side (PaddedPlane), so that a tap of
// neighbouring places is one load.
template <class T, class F>
void LayOut(const T* x, const Windows& w, const PaddedPlane& plane, F outside, F* out) {
  for (int64_t d = 0; d < plane.size[0]; ++d) {
    for (int64_t h = 0; h < plane.size[1]; ++h, out += plane.row()) {
      std::fill(out, out + plane.row(), outside);
      const int64_t from_d = d - w.padding[0], from_h = h - w.padding[1];
      if (!w.Inside(0, from_d) || !w.Inside(1, from_h)) continue;
      const T* row = x + (from_d * w.in[1] + from_h) * w.in[2];
      const int64_t first = w.padding[2], last = std::min(plane.size[2], w.in[2] + first);
      if (plane.phases == 1) {
        PackRow(row, last - first, out + first);
        continue;
      }
      for (int64_t at = first; at < last; ++at) {
        out[at % plane.phases * plane.pitch + at / plane.phases] = static_cast<F>(ToDouble(row[at - first]));
      }
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // STRATA_KERNELS_SIMD_WINDOWS_INL_H_
