// What becomes of a convolution's sums: y = activation(sum + bias), each step rounded to y's dtype. Included once per
// SIMD target.
//
//   Gemm<F>(..., ChannelEpilogue<T>{y, places, bias, activation});                      // rows are output channels
//   Gemm<F>(..., TurnedEpilogue<T>{y, places, image_stride, bias, activation});         // columns are
#if defined(STRATA_KERNELS_SIMD_CHANNEL_EPILOGUE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_CHANNEL_EPILOGUE_INL_H_
#undef STRATA_KERNELS_SIMD_CHANNEL_EPILOGUE_INL_H_
#else
#define STRATA_KERNELS_SIMD_CHANNEL_EPILOGUE_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/core/scalar.h"
#include "kernels/simd/activation-inl.h"
#include "kernels/simd/row-inl.h"
#include "kernels/simd/square-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

// Of one output channel; `bias` is the channel's, or nullptr.
template <class T, class D>
HWY_INLINE hn::Vec<D> FinishChannel(D d, hn::Vec<D> sum, const T* bias, Activation activation) {
  if (bias != nullptr) sum = hn::Add(sum, hn::Set(d, static_cast<hn::TFromD<D>>(ToDouble(*bias))));
  return activation == Activation::kNone ? sum : Activate(d, activation, RoundTo<T>(d, sum));
}

template <class T>
struct ChannelEpilogue {
  T* y;
  size_t width;
  const T* bias;  // of row 0, or nullptr
  Activation activation;

  // As Gemm calls it.
  template <class D>
  HWY_INLINE void operator()(D d, size_t row, size_t column, hn::Vec<D> sum, size_t count) const {
    const auto v = FinishChannel(d, sum, bias == nullptr ? nullptr : bias + row, activation);
    T* const to = y + row * width + column;
    count >= hn::MaxLanes(D()) ? Write(v, d, to) : WriteN(v, d, to, count);
  }
};

template <class T>
struct TurnedEpilogue {
  T* y;
  int64_t places, image_stride;
  const T* bias;  // of column 0, or nullptr
  Activation activation;

  // The first `count` lanes are places of one channel from `row` on, image after image.
  template <class D>
  HWY_INLINE void Put(D d, hn::Vec<D> v, int64_t row, int64_t channel, int64_t count) const {
    const int64_t image = row / places, place = row % places;
    T* const to = y + image * image_stride + channel * places + place;
    if (place + count <= places) {
      return count == static_cast<int64_t>(hn::MaxLanes(D())) ? Write(v, d, to)
                                                              : WriteN(v, d, to, static_cast<size_t>(count));
    }
    HWY_ALIGN T lanes[hn::MaxLanes(D())];
    Write(v, d, lanes);
    for (int64_t i = 0; i < count; ++i) {
      y[(row + i) / places * image_stride + channel * places + (row + i) % places] = lanes[i];
    }
  }

  // As FinishTile calls it: sums[r * stride + c] for a tile from [row, column] on.
  template <class F>
  HWY_INLINE void Tile(const F* sums, size_t stride, size_t rows, size_t columns, size_t row, size_t column) const {
    const hn::ScalableTag<F> d;
    constexpr size_t kLanes = hn::MaxLanes(hn::ScalableTag<F>());
    for (size_t c = 0; c < columns; c += kLanes) {
      for (size_t r = 0; r < rows; r += kLanes) {
        const size_t count = std::min(kLanes, rows - r);
        hn::Vec<decltype(d)> v[kLanes];
        for (size_t i = 0; i < kLanes; ++i) {
          v[i] = i < count ? hn::LoadU(d, sums + (r + i) * stride + c) : hn::Zero(d);
        }
        TransposeSquare(d, v);
        for (size_t j = 0; j < std::min(kLanes, columns - c); ++j) {
          const size_t channel = column + c + j;
          const auto done = FinishChannel(d, v[j], bias == nullptr ? nullptr : bias + channel, activation);
          Put(d, done, static_cast<int64_t>(row + r), static_cast<int64_t>(channel), static_cast<int64_t>(count));
        }
      }
    }
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
