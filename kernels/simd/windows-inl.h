// Windows (windows.h) in memory. A convolution's windows as a matrix of a product, either side: packed into panels as
// they are wanted, never laid out whole. Included once per SIMD target.
//
//   LayOutPhases(x, windows, planes, out);   // each channel: padding becomes zeros, strides become neighbours
//   Gemm<float>(context, {outputs, places, k}, Matrix<float>{weight, k, 1}, WindowMatrix<float>{...}, ...);
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
#include <type_traits>

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

// `count` elements that are `stride` apart.
template <class T>
HWY_INLINE void CopyApart(const T* from, int64_t stride, int64_t count, T* to) {
  using U = std::conditional_t<sizeof(T) == 2, uint16_t, std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>>;
  const hn::ScalableTag<U> d;
  constexpr auto kLanes = static_cast<int64_t>(hn::MaxLanes(hn::ScalableTag<U>()));
  if (stride == 1) {
    std::copy_n(from, count, to);
    return;
  }
  int64_t i = 0;
  // The second vector ends with an element that is not wanted, and not past the last one that is.
  for (; stride == 2 && i + kLanes < count; i += kLanes) {
    const U* pair = reinterpret_cast<const U*>(from + 2 * i);
    hn::StoreU(hn::ConcatEven(d, hn::LoadU(d, pair + kLanes), hn::LoadU(d, pair)), d, reinterpret_cast<U*>(to + i));
  }
  for (; i < count; ++i) to[i] = from[i * stride];
}

// The planes of one channel (PhasePlanes), planes.channel() elements.
template <class T>
void LayOutPhases(const T* x, const Windows& w, const PhasePlanes& planes, T* out) {
  const int64_t width = planes.size[2];
  for (int64_t phase = 0; phase < Windows::Product(planes.phases); ++phase) {
    const int64_t of_w = phase % planes.phases[2], of_h = phase / planes.phases[2] % planes.phases[1],
                  of_d = phase / planes.phases[2] / planes.phases[1];
    // Element i of a row of the plane is element i * stride + shift of the image's.
    const int64_t stride = w.stride[2], shift = of_w - w.padding[2];
    const int64_t first = std::min(width, shift >= 0 ? 0 : (stride - 1 - shift) / stride);
    const int64_t last = w.in[2] <= shift ? first : std::clamp((w.in[2] - 1 - shift) / stride + 1, first, width);
    for (int64_t d = 0; d < planes.size[0]; ++d) {
      for (int64_t h = 0; h < planes.size[1]; ++h, out += width) {
        const int64_t at_d = d * w.stride[0] + of_d - w.padding[0], at_h = h * w.stride[1] + of_h - w.padding[1];
        if (!w.Inside(0, at_d) || !w.Inside(1, at_h)) {
          std::fill_n(out, width, T{});
          continue;
        }
        std::fill_n(out, first, T{});
        CopyApart(x + (at_d * w.in[1] + at_h) * w.in[2] + first * stride + shift, stride, last - first, out + first);
        std::fill(out + last, out + width, T{});
      }
    }
  }
}

// Windows as a matrix of a product: index k is a tap of a channel, (c, d, h, w) in order, the other one a place, image
// after image. It packs itself, as B (columns are places) or as A (rows are).
template <class T>
struct WindowMatrix {
  using Element = T;
  const T* data;        // planes: [image, channel, phase, place]
  const T* end;         // of what may be read
  const int64_t* taps;  // where each tap lies (PhasePlanes::TapAt)
  const Windows& windows;
  PhasePlanes planes;
  int64_t image_stride, channel_stride;
  // No element lies a stride from the next.
  static constexpr size_t row_stride = 0, column_stride = 0;

  // Places of one row of an image.
  struct Run {
    int64_t from, to, count;  // the first one's element, its place in the panel, how many
  };
  template <size_t kWidth>
  HWY_INLINE size_t RunsOf(int64_t place, int64_t count, Run* runs) const {
    size_t made = 0;
    const int64_t width = windows.out[2], height = windows.out[1], places = windows.places();
    int64_t image = place / places, row = place % places / width, column = place % width;
    for (int64_t done = 0; done < count;) {
      const int64_t run = std::min(count - done, width - column);
      const int64_t from =
          image * image_stride + (row / height * planes.size[1] + row % height) * planes.size[2] + column;
      if (made > 0 && runs[made - 1].from + runs[made - 1].count == from) {
        runs[made - 1].count += run;  // rows without padding go on
      } else {
        runs[made++] = {from, done, run};
      }
      done += run, column = 0;
      if (++row == height * windows.out[0]) row = 0, ++image;
    }
    return made;
  }

  // out[k * kWidth + i] for `count` places from `place` on and `steps` steps of k from `first`, zeros where i >= count.
  template <size_t kWidth, class F>
  HWY_NOINLINE void Pack(size_t place, size_t count, size_t first, size_t steps, F* out) const {
    const hn::ScalableTag<F> d;
    constexpr auto kLanes = static_cast<int64_t>(hn::MaxLanes(hn::ScalableTag<F>()));
    Run runs[kWidth];
    const size_t made = RunsOf<kWidth>(static_cast<int64_t>(place), static_cast<int64_t>(count), runs);
    const int64_t all = windows.taps(), farthest = runs[made - 1].from + runs[made - 1].count + kLanes;
    int64_t tap = static_cast<int64_t>(first) % all;
    const T* channel = data + static_cast<int64_t>(first) / all * channel_stride;
    for (size_t k = 0; k < steps; ++k, out += kWidth) {
      const T* const from = channel + taps[tap];
      // Whole vectors, one after the other: what is too much is written over by what comes next.
      const bool room = (steps - k) * kWidth >= kWidth + static_cast<size_t>(kLanes);
      if (room && end - from >= farthest) {
        for (size_t r = 0; r < made; ++r) {
          for (int64_t i = 0; i < runs[r].count; i += kLanes) {
            hn::StoreU(Read(d, from + runs[r].from + i), d, out + runs[r].to + i);
          }
        }
      } else {
        for (size_t r = 0; r < made; ++r) PackRow(from + runs[r].from, runs[r].count, out + runs[r].to);
      }
      std::fill(out + count, out + kWidth, F(0));
      if (++tap == all) tap = 0, channel += channel_stride;
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
