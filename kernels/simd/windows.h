// The windows of a convolution or a pooling: which elements of an image a place of the output sees. Up to three spatial
// dims; fewer have ones in front.
//
//   const Windows windows = ...;  // place p, tap t: x[c, d, h, w] at (p_d * stride_d + t_d * dilation_d - padding_d,
//   ...)
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace strata {

inline constexpr int kSpatial = 3;  // depth, height, width

struct Windows {
  std::array<int64_t, kSpatial> in = {1, 1, 1}, out = {1, 1, 1}, kernel = {1, 1, 1};
  std::array<int64_t, kSpatial> stride = {1, 1, 1}, padding = {0, 0, 0}, dilation = {1, 1, 1};

  static int64_t Product(const std::array<int64_t, kSpatial>& v) { return v[0] * v[1] * v[2]; }
  int64_t image() const { return Product(in); }    // elements of a channel
  int64_t places() const { return Product(out); }  // of a channel of the output
  int64_t taps() const { return Product(kernel); }

  // Where tap `t` of place `p` of one dim lies; outside of the image it is less than 0 or no less than in[dim].
  int64_t At(size_t dim, int64_t p, int64_t t) const { return p * stride[dim] + t * dilation[dim] - padding[dim]; }
  bool Inside(size_t dim, int64_t at) const { return at >= 0 && at < in[dim]; }

  // The size of one dim of the output, or -1 where the kernel does not fit.
  int64_t OutSize(size_t dim) const {
    const int64_t room = in[dim] + 2 * padding[dim] - dilation[dim] * (kernel[dim] - 1) - 1;
    return kernel[dim] < 1 || room < 0 ? -1 : room / stride[dim] + 1;
  }

  // The places [first, last) of one dim whose tap `t` lies inside.
  struct Range {
    int64_t first, last;
  };
  Range PlacesInside(size_t dim, int64_t t) const {
    const int64_t shift = t * dilation[dim] - padding[dim];  // at = p * stride + shift
    const int64_t first = shift >= 0 ? 0 : (-shift + stride[dim] - 1) / stride[dim];
    const int64_t last = in[dim] <= shift ? 0 : (in[dim] - 1 - shift) / stride[dim] + 1;
    return {std::min(first, out[dim]), std::clamp(last, std::min(first, out[dim]), out[dim])};
  }
};

// A channel as products read it: what surrounds it included, and the elements that are a stride apart side by side, in
// a plane for each phase of the strides, so that a tap of places of a row is a run of neighbours. No plane that no tap
// reads.
struct PhasePlanes {
  static constexpr int64_t kSlack = 16;  // a vector may begin at the last element
  static constexpr int64_t kMost = int64_t{1} << 40;

  std::array<int64_t, kSpatial> phases, size;  // of a plane

  explicit PhasePlanes(const Windows& w) {
    for (size_t d = 0; d < kSpatial; ++d) {
      const int64_t reach = (w.kernel[d] - 1) * w.dilation[d];
      phases[d] = std::min(w.stride[d], reach + 1);
      size[d] = w.out[d] + reach / w.stride[d];
    }
  }
  int64_t plane() const { return Windows::Product(size); }
  int64_t channel() const { return Windows::Product(phases) * plane(); }
  // Whether `channels` of them are a number that memory could have.
  bool Fits(int64_t channels) const {
    int64_t product = channels;
    for (size_t d = 0; d < kSpatial; ++d) {
      if (__builtin_mul_overflow(product, phases[d], &product)) return false;
      if (__builtin_mul_overflow(product, size[d], &product)) return false;
    }
    return product < kMost;
  }
  // Where tap `t` (in order) of the first place lies.
  int64_t TapAt(const Windows& w, int64_t t) const {
    const std::array<int64_t, kSpatial> tap = {t / w.kernel[2] / w.kernel[1], t / w.kernel[2] % w.kernel[1],
                                               t % w.kernel[2]};
    int64_t phase = 0, at = 0;
    for (size_t d = 0; d < kSpatial; ++d) {
      const int64_t reach = tap[d] * w.dilation[d];
      phase = phase * phases[d] + reach % w.stride[d];
      at = at * size[d] + reach / w.stride[d];
    }
    return phase * plane() + at;
  }
};

// A channel as kernels lay it out that work on it alone (depthwise convolution, pooling): with what surrounds it, and
// the columns that are a stride apart side by side.
struct PaddedPlane {
  static constexpr int64_t kSlack = 16;  // a vector may begin at a row's last element
  static constexpr int64_t kMost = int64_t{1} << 40;

  std::array<int64_t, kSpatial> size;  // of what the windows see, outside included
  int64_t phases, pitch;               // a row is `phases` runs of `pitch` elements

  explicit PaddedPlane(const Windows& w) {
    for (size_t d = 0; d < kSpatial; ++d)
      size[d] = (w.out[d] - 1) * w.stride[d] + (w.kernel[d] - 1) * w.dilation[d] + 1;
    phases = w.stride[2];
    pitch = (size[2] + phases - 1) / phases + kSlack;
  }
  int64_t row() const { return phases * pitch; }
  int64_t elements() const { return size[0] * size[1] * row() + 4 * kSlack; }
  // Whether `elements` is a number that memory could have.
  bool Fits() const {
    int64_t product = 0;
    return !__builtin_mul_overflow(size[0], size[1], &product) && !__builtin_mul_overflow(product, row(), &product) &&
           product < kMost;
  }
};

}  // namespace strata
