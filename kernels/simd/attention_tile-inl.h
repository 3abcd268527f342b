// The pieces of attention that know nothing of attention: packing rows into panels, tiles of a product, 2^x. Included
// once per SIMD target. The order of sums: docs/design/numerics.md.
//
//   PackColumnsOf<12>(rows, first, 12, width, left);     // 12 rows, one below the other, as a tile's left side
//   Tile<12, 1>(left, 12, panel, kPanel<F>, width, Into::kSet, c, kPanel<F>);
#if defined(STRATA_KERNELS_SIMD_ATTENTION_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_ATTENTION_TILE_INL_H_
#undef STRATA_KERNELS_SIMD_ATTENTION_TILE_INL_H_
#else
#define STRATA_KERNELS_SIMD_ATTENTION_TILE_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <type_traits>

#include "kernels/core/scalar.h"
#include "kernels/simd/attention_plan.h"
#include "kernels/simd/math-inl.h"
#include "kernels/simd/row-inl.h"

// Accumulators must be unrolled to live in registers.
#undef STRATA_ATTENTION_UNROLL
#if defined(__clang__)
#define STRATA_ATTENTION_UNROLL _Pragma("unroll")
#else
#define STRATA_ATTENTION_UNROLL _Pragma("GCC unroll 16")
#endif

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// A panel has rows of 128 bytes: 32 float32, 16 float64.
template <class F>
inline constexpr size_t kPanel = kAttentionPanelBytes / sizeof(F);
template <class F>
constexpr size_t Padded(size_t width) {
  return AttentionPadded(width, sizeof(F));
}

// Two vectors a row in 12 rows where there are 32 registers, in 6 where there are 16.
inline constexpr size_t kHeight = HWY_TARGET == HWY_AVX2 ? 6 : 12;

// Calls visit(std::integral_constant<size_t, height>, row) for tiles that cover [0, rows), the tallest first.
template <class Visit>
HWY_INLINE void ForEachHeight(size_t rows, Visit visit) {
  size_t r = 0;
  for (; r + kHeight <= rows; r += kHeight) visit(std::integral_constant<size_t, kHeight>(), r);
  if (kHeight > 8 && r + 8 <= rows) visit(std::integral_constant<size_t, 8>(), r), r += 8;
  if (r + 4 <= rows) visit(std::integral_constant<size_t, 4>(), r), r += 4;
  if (r + 2 <= rows) visit(std::integral_constant<size_t, 2>(), r), r += 2;
  if (r < rows) visit(std::integral_constant<size_t, 1>(), r);
}

// What becomes of a tile's sums: they replace c, are added to it, or the chains go on from it.
enum class Into { kSet, kAdd, kContinue };

// Done at every step along k: nothing.
struct NoHook {
  HWY_INLINE void operator()() const {}
};

template <size_t kRows, size_t kRowStep, class D, class F, class Hook>
HWY_INLINE void TileHalf(D d, const F* HWY_RESTRICT a, size_t a_step, const F* HWY_RESTRICT b, size_t b_step,
                         size_t steps, Into into, F* HWY_RESTRICT c, size_t c_step, const Hook& hook) {
  constexpr size_t kLanes = hn::MaxLanes(D());
  hn::Vec<D> acc[kRows][2];
  STRATA_ATTENTION_UNROLL
  for (size_t r = 0; r < kRows; ++r) {
    STRATA_ATTENTION_UNROLL
    for (size_t v = 0; v < 2; ++v) {
      acc[r][v] = into == Into::kContinue ? hn::LoadU(d, c + r * c_step + v * kLanes) : hn::Zero(d);
    }
  }
  for (size_t k = 0; k < steps; ++k) {
    const auto b0 = hn::LoadU(d, b), b1 = hn::LoadU(d, b + kLanes);
    STRATA_ATTENTION_UNROLL
    for (size_t r = 0; r < kRows; ++r) {
      const auto value = hn::Set(d, a[r * kRowStep]);
      acc[r][0] = hn::MulAdd(value, b0, acc[r][0]);
      acc[r][1] = hn::MulAdd(value, b1, acc[r][1]);
    }
    a += a_step;
    b += b_step;
    hook();
  }
  STRATA_ATTENTION_UNROLL
  for (size_t r = 0; r < kRows; ++r) {
    STRATA_ATTENTION_UNROLL
    for (size_t v = 0; v < 2; ++v) {
      F* at = c + r * c_step + v * kLanes;
      if (into == Into::kAdd) acc[r][v] = hn::Add(hn::LoadU(d, at), acc[r][v]);
      hn::StoreU(acc[r][v], d, at);
    }
  }
}

// c[r, :] from sum over k of a[r * kRowStep + k * a_step] * b[k * b_step ...], a panel wide: one chain of multiply-adds
// along k for every output.
template <size_t kRows, size_t kRowStep, class F, class Hook = NoHook>
HWY_NOINLINE void Tile(const F* a, size_t a_step, const F* b, size_t b_step, size_t steps, Into into, F* c,
                       size_t c_step, const Hook& hook = {}) {
  const hn::ScalableTag<F> d;
  constexpr size_t kPass = 2 * hn::MaxLanes(hn::ScalableTag<F>());
  for (size_t i = 0; i < kPanel<F>; i += kPass) {
    TileHalf<kRows, kRowStep>(d, a, a_step, b + i, b_step, steps, into, c + i, c_step, hook);
  }
}

// Dot products of kRows packed rows with a panel of columns, in blocks of kSumBlock.
template <size_t kRows, class F, class Hook = NoHook>
void Dots(const F* left, const F* panel, size_t width, F* c, size_t c_step, const Hook& hook = {}) {
  size_t block = 0;
  do {
    Tile<kRows, 1>(left + block * kRows, kRows, panel + block * kPanel<F>, kPanel<F>,
                   std::min(kSumBlock, width - block), block == 0 ? Into::kSet : Into::kAdd, c, c_step, hook);
    block += kSumBlock;
  } while (block < width);
}

// Four rows by four columns (two by two of float64), transposed.
template <size_t kWidth, class T>
HWY_INLINE void PackSquare(const T* const (&rows)[4], size_t column, float* out) {
  const hn::CappedTag<float, 4> d;
  const hn::RepartitionToWide<decltype(d)> dw;
  const auto a = Read(d, rows[0] + column), b = Read(d, rows[1] + column);
  const auto c = Read(d, rows[2] + column), e = Read(d, rows[3] + column);
  const auto ab_low = hn::BitCast(dw, hn::InterleaveLower(d, a, b));
  const auto ab_high = hn::BitCast(dw, hn::InterleaveUpper(d, a, b));
  const auto ce_low = hn::BitCast(dw, hn::InterleaveLower(d, c, e));
  const auto ce_high = hn::BitCast(dw, hn::InterleaveUpper(d, c, e));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(dw, ab_low, ce_low)), d, out);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(dw, ab_low, ce_low)), d, out + kWidth);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(dw, ab_high, ce_high)), d, out + 2 * kWidth);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(dw, ab_high, ce_high)), d, out + 3 * kWidth);
}
template <size_t kWidth>
HWY_INLINE void PackSquare(const double* const (&rows)[2], size_t column, double* out) {
  const hn::CappedTag<double, 2> d;
  const auto a = hn::LoadU(d, rows[0] + column), b = hn::LoadU(d, rows[1] + column);
  hn::StoreU(hn::InterleaveLower(d, a, b), d, out);
  hn::StoreU(hn::InterleaveUpper(d, a, b), d, out + kWidth);
}

// Eight rows by eight columns of float32 or bfloat16, transposed: two squares of four in the halves of a vector.
template <size_t kWidth>
HWY_INLINE void PackOctet(const float* const (&rows)[8], size_t column, float* out) {
  const hn::CappedTag<float, 8> d;
  const hn::RepartitionToWide<decltype(d)> dw;
  const hn::Half<decltype(d)> dh;
  STRATA_ATTENTION_UNROLL
  for (size_t half = 0; half < 8; half += 4) {
    const auto pair = [&](size_t i) HWY_ATTR {
      return hn::Combine(d, hn::LoadU(dh, rows[i + 4] + column + half), hn::LoadU(dh, rows[i] + column + half));
    };
    const auto a = pair(0), b = pair(1), c = pair(2), e = pair(3);
    const auto ab_low = hn::BitCast(dw, hn::InterleaveLower(d, a, b));
    const auto ab_high = hn::BitCast(dw, hn::InterleaveUpper(d, a, b));
    const auto ce_low = hn::BitCast(dw, hn::InterleaveLower(d, c, e));
    const auto ce_high = hn::BitCast(dw, hn::InterleaveUpper(d, c, e));
    float* at = out + half * kWidth;
    hn::StoreU(hn::BitCast(d, hn::InterleaveLower(dw, ab_low, ce_low)), d, at);
    hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(dw, ab_low, ce_low)), d, at + kWidth);
    hn::StoreU(hn::BitCast(d, hn::InterleaveLower(dw, ab_high, ce_high)), d, at + 2 * kWidth);
    hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(dw, ab_high, ce_high)), d, at + 3 * kWidth);
  }
}
// Columns 2k and 2k + 1 of a row are moved as one number of 32 bits, the even one in its lower half.
template <size_t kWidth>
HWY_INLINE void PackOctet(const BF16* const (&rows)[8], size_t column, float* out) {
  const hn::CappedTag<uint32_t, 8> d;
  const hn::RebindToFloat<decltype(d)> df;
  const hn::RepartitionToWide<decltype(d)> dw;
  const hn::Half<decltype(d)> dh;
  const hn::Repartition<uint16_t, decltype(dh)> d16;
  const auto pair = [&](size_t i) HWY_ATTR {
    const auto half = [&](const BF16* p)
                          HWY_ATTR { return hn::BitCast(dh, hn::LoadU(d16, reinterpret_cast<const uint16_t*>(p))); };
    return hn::Combine(d, half(rows[i + 4] + column), half(rows[i] + column));
  };
  const auto put = [&](auto wide, size_t k) HWY_ATTR {
    const auto v = hn::BitCast(d, wide);
    hn::StoreU(hn::BitCast(df, hn::ShiftLeft<16>(v)), df, out + k * kWidth);
    hn::StoreU(hn::BitCast(df, hn::And(v, hn::Set(d, 0xffff0000u))), df, out + (k + 1) * kWidth);
  };
  const auto a = pair(0), b = pair(1), c = pair(2), e = pair(3);
  const auto ab_low = hn::BitCast(dw, hn::InterleaveLower(d, a, b));
  const auto ab_high = hn::BitCast(dw, hn::InterleaveUpper(d, a, b));
  const auto ce_low = hn::BitCast(dw, hn::InterleaveLower(d, c, e));
  const auto ce_high = hn::BitCast(dw, hn::InterleaveUpper(d, c, e));
  put(hn::InterleaveLower(dw, ab_low, ce_low), 0);
  put(hn::InterleaveUpper(dw, ab_low, ce_low), 2);
  put(hn::InterleaveLower(dw, ab_high, ce_high), 4);
  put(hn::InterleaveUpper(dw, ab_high, ce_high), 6);
}

// kSide columns of `out` from as many rows.
template <size_t kWidth, size_t kSide, class T, class F, class Hook>
HWY_INLINE void PackRun(const T* const* rows, size_t width, F* out, const Hook& hook) {
  const T* at[kSide];
  for (size_t j = 0; j < kSide; ++j) at[j] = rows[j], hook();
  size_t k = 0;
  for (; k + kSide <= width; k += kSide) {
    if constexpr (kSide == 8) {
      PackOctet<kWidth>(at, k, out + k * kWidth);
    } else {
      PackSquare<kWidth>(at, k, out + k * kWidth);
    }
  }
  for (; k < width; ++k) {
    for (size_t j = 0; j < kSide; ++j) out[k * kWidth + j] = static_cast<F>(ToDouble(at[j][k]));
  }
}

// out[k * kWidth + i] = rows[i][k], widened; zeros where i >= count. Calls hook() once a row. REQUIRES: count <=
// kWidth. Compiled once for all callers: they say where rows lie by pointers.
template <size_t kWidth, class T, class F, class Hook = NoHook>
HWY_NOINLINE void PackColumns(const T* const* rows, size_t count, size_t width, F* out, const Hook& hook = {}) {
  constexpr size_t kSquare = 16 / sizeof(F);
  size_t i = 0;
  if constexpr (kWidth >= 8 && std::is_same_v<F, float> && hn::MaxLanes(hn::CappedTag<F, 8>()) == 8) {
    for (; i + 8 <= count; i += 8) PackRun<kWidth, 8>(rows + i, width, out + i, hook);
  }
  for (; i + kSquare <= count; i += kSquare) PackRun<kWidth, kSquare>(rows + i, width, out + i, hook);
  for (; i < count; ++i) {
    for (size_t k = 0; k < width; ++k) out[k * kWidth + i] = static_cast<F>(ToDouble(rows[i][k]));
    hook();
  }
  for (; i < kWidth; ++i) {
    for (size_t k = 0; k < width; ++k) out[k * kWidth + i] = F(0);
  }
}
// The same of rows(first), rows(first + 1), ..., of which there may be more than kWidth.
template <size_t kWidth, class Rows, class F>
HWY_INLINE void PackColumnsOf(const Rows& rows, size_t first, size_t count, size_t width, F* out) {
  decltype(rows(0)) at[kWidth];
  const size_t all = std::min(count, kWidth);
  for (size_t i = 0; i < all; ++i) at[i] = rows(first + i);
  PackColumns<kWidth>(at, all, width, out);
}

// The left side of tiles: [tile][k][row of the tile].
template <class Rows, class F>
void PackLeft(const Rows& rows, size_t first, size_t count, size_t width, F* out) {
  ForEachHeight(count, [&](auto height, size_t r) {
    PackColumnsOf<height()>(rows, first + r, height(), width, out + r * width);
  });
}

// The right side: [panel of rows][k][row of the panel].
template <class Rows, class F>
void PackRight(const Rows& rows, size_t first, size_t count, size_t width, F* out) {
  for (size_t i = 0; i < count; i += kPanel<F>) {
    PackColumnsOf<kPanel<F>>(rows, first + i, count - i, width, out + i * width);
  }
}

// Rows as they are, zeros behind their ends: [panel of columns][row][column of the panel], panels `room` rows apart.
template <class Rows, class F>
HWY_NOINLINE void PackRows(const Rows& rows, size_t first, size_t count, size_t width, size_t room, F* out) {
  const hn::ScalableTag<F> d;
  constexpr size_t kLanes = hn::MaxLanes(hn::ScalableTag<F>());
  for (size_t r = 0; r < count; ++r) {
    const auto* from = rows(first + r);
    for (size_t i = 0; i < Padded<F>(width); i += kLanes) {
      const auto v = i + kLanes <= width ? Read(d, from + i) : i < width ? ReadN(d, from + i, width - i) : hn::Zero(d);
      hn::StoreU(v, d, out + (i / kPanel<F> * room + r) * kPanel<F> + i % kPanel<F>);
    }
  }
}

// 2^x = 2^n 2^r with |r| <= 1/2; (2^r - 1) / r is a polynomial fitted at Chebyshev's points: 9e-9 and 1e-19 off.
template <class F>
struct Exp2Constants;
template <>
struct Exp2Constants<float> {
  static constexpr float kLow = -127, kHigh = 128, kLog2E = 0x1.715476p+0f, kLn2 = 0x1.62e43p-1f;
  static constexpr std::array<float, 6> kPolynomial = {0.00015453163f, 0.0013390863f, 0.009618083f,
                                                       0.05550357f,    0.2402265f,    0.6931472f};
};
template <>
struct Exp2Constants<double> {
  static constexpr double kLow = -1023, kHigh = 1024, kLog2E = 0x1.71547652b82fep+0, kLn2 = 0x1.62e42fefa39efp-1;
  static constexpr std::array<double, 12> kPolynomial = {
      2.5729324177362305e-11, 4.4558179083360645e-10, 7.0548973041554995e-09, 1.0178057087733941e-07,
      1.3215486808705563e-06, 1.5252733841556773e-05, 0.00015403530393370734, 0.001333355814640647,
      0.00961812910762848,    0.055504108664821625,   0.24022650695910072,    0.6931471805599453};
};

// 2^x for x <= 0; 0 below 2^-127 (2^-1023), so that -inf gives 0, and NaN stays.
template <class D>
HWY_INLINE hn::Vec<D> Exp2(D d, hn::Vec<D> x) {
  using F = hn::TFromD<D>;
  using K = Exp2Constants<F>;
  const auto magic = hn::Set(d, ExpConstants<F>::kMagic);
  x = AtLeast(hn::Set(d, K::kLow), x);  // a NaN passes
  const auto n_plus_magic = hn::Add(x, magic);
  const auto r = hn::Sub(x, hn::Sub(n_plus_magic, magic));
  const auto e = hn::MulAdd(Polynomial<K::kPolynomial>(d, r), r, hn::Set(d, F(1)));
  return hn::Mul(e, PowerOfTwo(d, n_plus_magic));
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // STRATA_KERNELS_SIMD_ATTENTION_TILE_INL_H_
