#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/linear_int8/linear_int8_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include <bit>
#include <cmath>
#include <cstring>
#include <iterator>
#include <limits>

#include "kernels/base/aligned_buffer.h"
#include "kernels/base/cpu_features.h"
#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/dot/dot_gemm.h"
#include "kernels/dot/dot_pack.h"
#include "kernels/dot/dot_rows.h"
#include "kernels/ops/linear_int8/linear_int8.h"
#include "kernels/simd/activation-inl.h"
#include "kernels/simd/row-inl.h"
#include "kernels/simd/stream.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

// |x| as its bits, whose order is that of the numbers, infinity and NaN above them all.
template <class T>
uint32_t LargestMagnitude(const T* x, size_t n) {
  const hn::ScalableTag<float> d;
  const hn::RebindToSigned<decltype(d)> di;
  const auto mask = hn::Set(di, 0x7fffffff);
  auto largest = hn::Zero(di), second = hn::Zero(di);
  const auto magnitude = [&](auto at) HWY_ATTR { return hn::And(hn::BitCast(di, at(x)), mask); };
  size_t i = 0;
  constexpr size_t kLanes = hn::MaxLanes(hn::ScalableTag<float>());
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    largest = hn::Max(largest, magnitude(At<decltype(d)>{d, i}));
    second = hn::Max(second, magnitude(At<decltype(d)>{d, i + kLanes}));
  }
  if (i + kLanes <= n) largest = hn::Max(largest, magnitude(At<decltype(d)>{d, i})), i += kLanes;
  if (i < n) second = hn::Max(second, magnitude(AtTail<decltype(d)>{d, i, n - i}));
  return static_cast<uint32_t>(hn::GetLane(hn::MaxOfLanes(di, hn::Max(largest, second))));
}

// round(x * inverse) as bytes, `flip` applied to each. REQUIRES: it is from -127 to 127, so that the last byte of the
// sum with 1.5 * 2^23 is the number, rounded to nearest even.
template <class T>
void RoundRow(const T* x, size_t n, float inverse, uint8_t flip, uint8_t* q) {
  const hn::ScalableTag<float> d;
  const hn::Repartition<uint16_t, decltype(d)> d16;
  const hn::Repartition<uint8_t, decltype(d)> d8;
  constexpr size_t kLanes = hn::MaxLanes(hn::ScalableTag<float>());
  const auto sum = [&](auto at)
                       HWY_ATTR { return hn::Add(hn::Mul(at(x), hn::Set(d, inverse)), hn::Set(d, 0x1.8p23f)); };
  const auto flips = hn::Set(d8, flip);
  size_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    hn::Vec<decltype(d16)> halves[4];
    STRATA_UNROLL
    for (size_t v = 0; v < 4; ++v) halves[v] = hn::BitCast(d16, sum(At<decltype(d)>{d, i + v * kLanes}));
    const auto low = hn::BitCast(d8, hn::ConcatEven(d16, halves[1], halves[0]));
    const auto high = hn::BitCast(d8, hn::ConcatEven(d16, halves[3], halves[2]));
    hn::StoreU(hn::Xor(hn::ConcatEven(d8, high, low), flips), d8, q + i);
  }
  for (; i < n; i += kLanes) {
    HWY_ALIGN uint32_t words[kLanes];
    const size_t count = std::min(kLanes, n - i);
    hn::Store(hn::BitCast(hn::RebindToUnsigned<decltype(d)>(), sum(AtTail<decltype(d)>{d, i, count})),
              hn::RebindToUnsigned<decltype(d)>(), words);
    for (size_t j = 0; j < count; ++j) q[i + j] = static_cast<uint8_t>(words[j]) ^ flip;
  }
}

template <>
uint32_t LargestMagnitude(const double* x, size_t n) {
  uint32_t largest = 0;
  for (size_t i = 0; i < n; ++i) {
    largest = std::max(largest, std::bit_cast<uint32_t>(static_cast<float>(x[i])) & 0x7fffffffu);
  }
  return largest;
}
template <>
void RoundRow(const double* x, size_t n, float inverse, uint8_t flip, uint8_t* q) {
  for (size_t i = 0; i < n; ++i) {
    const auto rounded = static_cast<int8_t>(std::nearbyint(static_cast<float>(x[i]) * inverse));
    q[i] = static_cast<uint8_t>(rounded) ^ flip;
  }
}

// One row to bytes, in blocks of A (kernels/dot/dot.h); returns its scale (linear_int8.h). What a NaN or an infinity
// becomes does not matter: the scale is NaN.
template <class T>
float QuantiseRow(const T* x, size_t n, uint8_t flip, size_t steps, uint32_t* out, size_t block) {
  const float amax = std::bit_cast<float>(LargestMagnitude(x, n));
  const bool finite = amax < std::numeric_limits<float>::infinity(), zero = !(amax >= 0x1p-100f);
  const float inverse = zero || !finite ? 0 : 127.0f / amax;
  for (size_t first = 0; first < steps; first += kBlockSteps, out += block) {
    const size_t at = first * sizeof(uint32_t), bytes = std::min(kBlockSteps, steps - first) * sizeof(uint32_t);
    const size_t count = std::min(bytes, n - std::min(n, at));
    auto* to = reinterpret_cast<uint8_t*>(out);
    finite ? RoundRow(x + at, count, inverse, flip, to) : static_cast<void>(std::memset(to, flip, count));
    std::memset(to + count, 0, bytes - count);
  }
  if (!finite) return std::numeric_limits<float>::quiet_NaN();
  return zero ? 0 : amax / 127.0f;
}

// Rows [row, row + rows) of x; each one's scale lies behind its first block.
void QuantiseInt8(const TensorView& x, size_t row, size_t rows, uint8_t flip, size_t steps, uint32_t* out,
                  size_t block) {
  const auto n = static_cast<size_t>(x.size(-1));
  DispatchFloat(x.dtype, [&](auto type) {
    for (size_t r = 0; r < rows; ++r, out += kRowSteps) {
      const float scale = QuantiseRow(x.In<decltype(type)>() + (row + r) * n, n, flip, steps, out, block);
      std::memcpy(out + kBlockSteps, &scale, sizeof scale);
    }
  });
}

// Integers to what y is computed in.
template <class D>
HWY_INLINE hn::Vec<D> FromInts(D d, const int32_t* p) {
  const hn::Rebind<int32_t, D> di;
  if constexpr (sizeof(hn::TFromD<D>) == 8) {
    return hn::PromoteTo(d, hn::LoadU(di, p));
  } else {
    return hn::ConvertTo(d, hn::LoadU(di, p));
  }
}
template <class D>
HWY_INLINE hn::Vec<D> FromFloats(D d, const float* p) {
  if constexpr (sizeof(hn::TFromD<D>) == 8) {
    return hn::PromoteTo(d, hn::LoadU(hn::Rebind<float, D>(), p));
  } else {
    return hn::LoadU(d, p);
  }
}

template <class T>
void Finish(const DotSums& sums, const float* scale, const T* bias, Activation activation, T* y, size_t width) {
  using F = ComputeType<T>;
  const hn::ScalableTag<F> d;
  // Sums are there to a panel's end; of the scales a copy is, where it matters.
  HWY_ALIGN float padded[kMostTilePanels * kPanelColumns];
  const float* scales = scale + sums.column;
  if (sums.columns % kPanelColumns != 0) {
    std::fill(std::copy_n(scales, sums.columns, padded), std::end(padded), 0.0f);
    scales = padded;
  }
  const T* add = bias == nullptr ? nullptr : bias + sums.column;
  for (size_t r = 0; r < sums.rows; ++r) {
    const auto* from = reinterpret_cast<const int32_t*>(sums.sums) + r * sums.stride;
    const auto row_scale = hn::Set(d, static_cast<F>(std::bit_cast<float>(sums.a[r * kRowSteps + kBlockSteps])));
    Map(d, sums.columns, y + (sums.row + r) * width + sums.column, [&](auto at) HWY_ATTR {
      auto v = hn::Mul(FromInts(d, from + at.i), hn::Mul(row_scale, FromFloats(d, scales + at.i)));
      if (add != nullptr) v = hn::Add(v, at(add));
      return activation == Activation::kNone ? v : Activate(d, activation, RoundTo<T>(d, v));
    });
  }
}

void FinishInt8(const DotSums& sums, const float* scale, const TensorView* bias, Activation activation,
                const TensorView& y) {
  DispatchFloat(y.dtype, [&](auto type) {
    using T = decltype(type);
    Finish(sums, scale, bias == nullptr ? nullptr : bias->In<T>(), activation, y.Out<T>(),
           static_cast<size_t>(y.size(-1)));
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(QuantiseInt8);
HWY_EXPORT(FinishInt8);

namespace {

size_t Size(const TensorView& view, int dim) { return static_cast<size_t>(view.size(dim)); }

PackPanelFn PackPanel() { return Cpu().avx512 ? PackPanelAvx512 : PackPanelPlain; }

// Where the sums of outputs [begin, end) start if A's bytes are 128 too large.
void StartSums(const TensorView& weight, size_t begin, size_t end, int32_t* init) {
  const size_t in = Size(weight, 1);
  for (size_t o = begin; o < end; ++o) {
    int32_t sum = 0;
    if (o < Size(weight, 0)) {
      const int8_t* row = weight.In<int8_t>() + o * in;
      for (size_t k = 0; k < in; ++k) sum += row[k];
    }
    init[o] = -128 * sum;
  }
}

void Forward(const OpContext& context, const DotKernel& kernel, const TensorView& x, const TensorView& weight,
             const TensorView& scale, const TensorView* bias, Activation activation, const TensorView& y) {
  const size_t out = Size(weight, 0), in = Size(weight, 1);
  const DotShape shape{static_cast<size_t>(x.rows()), out, DotSteps(in, 4)};
  if (shape.m == 0 || shape.n == 0) return;
  const size_t start_bytes = LinearInt8StartBytes(weight);
  const bool few = DotReadsPlain(shape.m, weight.prepared != nullptr);
  const auto* packed = static_cast<const uint32_t*>(weight.prepared);
  const int32_t* start = nullptr;
  if (kernel.unsigned_a && packed != nullptr) {
    start = reinterpret_cast<const int32_t*>(packed + DotPackedBytes(out, shape.steps) / sizeof(uint32_t));
  } else if (kernel.unsigned_a && !few) {
    const size_t columns = RoundUp(out, kPanelColumns);
    auto* init = reinterpret_cast<int32_t*>(context.workspace);
    const int64_t grain = std::max<int64_t>(1, (int64_t{1} << 17) / static_cast<int64_t>(in + 1));
    ParallelChunks(*context.parallel, static_cast<int64_t>(columns), grain, [&](int, int64_t begin, int64_t end) {
      StartSums(weight, static_cast<size_t>(begin), static_cast<size_t>(end), init);
    });
    start = init;
  }
  const auto pack_a = [&](size_t row, size_t rows, uint32_t* to, size_t block) {
    HWY_DYNAMIC_DISPATCH(QuantiseInt8)(x, row, rows, kernel.unsigned_a && !few ? 0x80 : 0, shape.steps, to, block);
  };
  const auto pack_b = [&](size_t column, size_t first, size_t steps, uint32_t* to) {
    PackPanel()(weight.In<int8_t>() + column * in, in, std::min(kPanelColumns, out - column), in, first, steps, to);
  };
  const auto finish = [&](const DotSums& sums) {
    HWY_DYNAMIC_DISPATCH(FinishInt8)(sums, scale.In<float>(), bias, activation, y);
  };
  const DotOutput place{y.data, out * SizeOf(y.dtype), SizeOf(y.dtype)};
  const DotSource source{x.data, in * SizeOf(x.dtype)};
  // The usual case needs no pass over the sums.
  const bool plain = y.dtype == DType::kF32 && activation == Activation::kNone;
  const bool lines = reinterpret_cast<uintptr_t>(y.data) % 64 == 0 && place.row_bytes % 64 == 0;
  const DotScaled scaled{.row_scales = nullptr,  // with the rows
                         .column_scales = scale.In<float>(),
                         .bias = plain && bias != nullptr ? bias->In<float>() : nullptr,
                         .y = plain ? y.Out<float>() : nullptr,
                         .width = out,
                         .stream = plain && lines && WorthStreaming(y.numel() * int64_t{sizeof(float)})};
  DotGemm(context, kernel, shape,
          {pack_a, packed, pack_b, start, finish, place, {weight.data, in}, {}, source, plain ? &scaled : nullptr},
          context.workspace + start_bytes);
}

}  // namespace

size_t LinearInt8StartBytes(const TensorView& weight) {
  return AlignUp(RoundUp(Size(weight, 0), kPanelColumns) * sizeof(int32_t));
}

size_t LinearInt8PreparedBytes(const TensorView& weight) {
  return DotPackedBytes(Size(weight, 0), DotSteps(Size(weight, 1), 4)) +
         RoundUp(Size(weight, 0), kPanelColumns) * sizeof(int32_t);
}

// Panels, then where sums start.
void LinearInt8Prepare(const TensorView& weight, void* out) {
  const size_t n = Size(weight, 0), k = Size(weight, 1), steps = DotSteps(k, 4);
  auto* panels = static_cast<uint32_t*>(out);
  for (size_t column = 0; column < n; column += kPanelColumns) {
    PackPanel()(weight.In<int8_t>() + column * k, k, std::min(kPanelColumns, n - column), k, 0, steps,
                panels + column * steps);
  }
  StartSums(weight, 0, RoundUp(n, kPanelColumns),
            reinterpret_cast<int32_t*>(panels + DotPackedBytes(n, steps) / sizeof(uint32_t)));
}

void LinearInt8Amx(const OpContext& context, const TensorView& x, const TensorView& weight, const TensorView& scale,
                   const TensorView* bias, Activation activation, const TensorView& y) {
  Forward(context, Int8AmxKernel(), x, weight, scale, bias, activation, y);
}
void LinearInt8Vnni(const OpContext& context, const TensorView& x, const TensorView& weight, const TensorView& scale,
                    const TensorView* bias, Activation activation, const TensorView& y) {
  Forward(context, Int8VnniKernel(), x, weight, scale, bias, activation, y);
}
void LinearInt8VnniNarrow(const OpContext& context, const TensorView& x, const TensorView& weight,
                          const TensorView& scale, const TensorView* bias, Activation activation, const TensorView& y) {
  Forward(context, Int8VnniNarrowKernel(), x, weight, scale, bias, activation, y);
}
void LinearInt8AvxVnni(const OpContext& context, const TensorView& x, const TensorView& weight, const TensorView& scale,
                       const TensorView* bias, Activation activation, const TensorView& y) {
  Forward(context, Int8AvxVnniKernel(), x, weight, scale, bias, activation, y);
}
void LinearInt8Avx2(const OpContext& context, const TensorView& x, const TensorView& weight, const TensorView& scale,
                    const TensorView* bias, Activation activation, const TensorView& y) {
  Forward(context, Int8Avx2Kernel(), x, weight, scale, bias, activation, y);
}
void LinearInt8Plain(const OpContext& context, const TensorView& x, const TensorView& weight, const TensorView& scale,
                     const TensorView* bias, Activation activation, const TensorView& y) {
  Forward(context, Int8PlainKernel(), x, weight, scale, bias, activation, y);
}

}  // namespace strata
#endif  // HWY_ONCE
