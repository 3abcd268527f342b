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

// `count` elements that are `stride` apart. Nothing past the last one is read, nothing past `count` written.
template <class T>
HWY_INLINE void CopyApart(const T* from, int64_t stride, int64_t count, T* to) {
  int64_t i = 0;
  if constexpr (sizeof(T) >= 4) {  // 16-bit lanes have no masks on AVX2
    const hn::ScalableTag<T> d;
    constexpr auto kLanes = static_cast<int64_t>(hn::MaxLanes(hn::ScalableTag<T>()));
    const auto some = [&](int64_t n) { return static_cast<size_t>(std::clamp<int64_t>(n, 0, kLanes)); };
    for (; stride == 1 && i < count; i += kLanes) {
      const size_t n = some(count - i);
      n == hn::MaxLanes(hn::ScalableTag<T>()) ? hn::StoreU(hn::LoadU(d, from + i), d, to + i)
                                              : WriteN(ReadN(d, from + i, n), d, to + i, n);
    }
    for (; stride == 2 && i < count; i += kLanes) {
      const T* const pair = from + 2 * i;
      const int64_t left = 2 * (count - i) - 1;
      const auto low = ReadN(d, pair, some(left)), high = ReadN(d, pair + kLanes, some(left - kLanes));
      WriteN(hn::ConcatEven(d, high, low), d, to + i, some(count - i));
    }
  } else if (stride == 1) {
    std::copy_n(from, i = count, to);
  }
  for (; i < count; ++i) to[i] = from[i * stride];
}

// The planes of one channel (PhasePlanes), planes.channel() elements.
template <class T>
void LayOutPhases(const T* x, const Windows& w, const PhasePlanes& planes, T* out) {
  const int64_t width = planes.size[2];
  std::fill_n(out, planes.channel(), T{});
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
        if (!w.Inside(0, at_d) || !w.Inside(1, at_h)) continue;
        CopyApart(x + (at_d * w.in[1] + at_h) * w.in[2] + first * stride + shift, stride, last - first, out + first);
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
  int64_t farthest_tap;
  const Windows& windows;
  PhasePlanes planes;
  int64_t image_stride, channel_stride;
  // As B's, where pixels alone are multiplied, which lie in memory as they are; else 0: no element lies a stride from
  // the next.
  size_t row_stride = 0, column_stride = 0;

  // Places of one row of an image.
  struct Run {
    int64_t from, to, count;  // the first one's element, its place in the panel, how many
  };
  HWY_NOINLINE size_t RunsOf(int64_t place, int64_t count, Run* runs) const {
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

  // Where step k of the first place is.
  HWY_INLINE const T* StepAt(size_t k) const {
    const auto all = static_cast<size_t>(windows.taps());
    return data + static_cast<int64_t>(k / all) * channel_stride + taps[k % all];
  }

  // What one step of k copies: a vector from each place to the next. What is too much of it is written over by the next
  // one, or by the next step.
  struct Piece {
    int64_t from, to;
  };
  // kPieces = 0: as many as `count` says.
  template <size_t kPieces, class F>
  HWY_NOINLINE void CopyPieces(const Piece* pieces, size_t count, size_t first, size_t steps, size_t width,
                               F* out) const {
    const hn::ScalableTag<F> d;
    const auto all = static_cast<size_t>(windows.taps());
    const T* channel = data + static_cast<int64_t>(first / all) * channel_stride;
    for (size_t tap = first % all, k = 0; k < steps; ++k, out += width) {
      const T* const from = channel + taps[tap];
      if constexpr (kPieces > 0) {
        STRATA_UNROLL
        for (size_t i = 0; i < kPieces; ++i) hn::StoreU(Read(d, from + pieces[i].from), d, out + pieces[i].to);
      } else {
        for (size_t i = 0; i < count; ++i) hn::StoreU(Read(d, from + pieces[i].from), d, out + pieces[i].to);
      }
      if (++tap == all) tap = 0, channel += channel_stride;
    }
  }

  // The first of `steps` steps from which on vectors could end behind what may be read or written.
  template <size_t kWidth, class F>
  size_t QuickSteps(const Run& last_run, size_t first, size_t steps) const {
    constexpr size_t kLanes = hn::MaxLanes(hn::ScalableTag<F>()), kLast = 1 + (kLanes + kWidth - 1) / kWidth;
    const auto all = static_cast<size_t>(windows.taps());
    const int64_t reach = farthest_tap + last_run.from + last_run.count + static_cast<int64_t>(kLanes);
    const int64_t room = end - data - reach;
    if (steps < kLast || room < 0) return 0;
    const size_t whole = (static_cast<size_t>(room / channel_stride) + 1) * all;  // channels
    return whole <= first ? 0 : std::min(steps - kLast, whole - first);
  }

  // out[k * kWidth + i] for `count` places from `place` on and `steps` steps of k from `first`, zeros where i >= count.
  template <size_t kWidth, class F>
  HWY_NOINLINE void Pack(size_t place, size_t count, size_t first, size_t steps, F* out) const {
    constexpr auto kLanes = static_cast<int64_t>(hn::MaxLanes(hn::ScalableTag<F>()));
    Run runs[kWidth];
    const size_t made = RunsOf(static_cast<int64_t>(place), static_cast<int64_t>(count), runs);
    size_t k = 0;
    if (count == kWidth) {
      Piece pieces[kWidth];
      size_t p = 0;
      for (size_t r = 0; r < made; ++r) {
        for (int64_t i = 0; i < runs[r].count; i += kLanes) pieces[p++] = {runs[r].from + i, runs[r].to + i};
      }
      k = QuickSteps<kWidth, F>(runs[made - 1], first, steps);
      const auto copy = p == 1   ? &WindowMatrix::CopyPieces<1, F>
                        : p == 2 ? &WindowMatrix::CopyPieces<2, F>
                        : p == 3 ? &WindowMatrix::CopyPieces<3, F>
                        : p == 4 ? &WindowMatrix::CopyPieces<4, F>
                                 : &WindowMatrix::CopyPieces<0, F>;
      (this->*copy)(pieces, p, first, k, kWidth, out);
    }
    for (; k < steps; ++k) {
      F* const to = out + k * kWidth;
      const T* const from = StepAt(first + k);
      for (size_t r = 0; r < made; ++r) PackRow(from + runs[r].from, runs[r].count, to + runs[r].to);
      std::fill(to + count, to + kWidth, F(0));
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
