// Random numbers on a tile of elements: a function of seed, stream and the element's position among those that share
// the seed. Included once per
// SIMD target.
//
//   const StepFn run = FindRandom(Code::kUniform);
#if defined(STRATA_KERNELS_OPS_POINTWISE_RANDOM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_OPS_POINTWISE_RANDOM_INL_H_
#undef STRATA_KERNELS_OPS_POINTWISE_RANDOM_INL_H_
#else
#define STRATA_KERNELS_OPS_POINTWISE_RANDOM_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/ops/pointwise/program.h"
#include "kernels/ops/pointwise/tile.h"
#include "kernels/simd/math-inl.h"
#include "kernels/simd/philox-inl.h"
#include "kernels/simd/trig-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The stream of an instruction's second word, which the first one's number cannot be.
inline constexpr uint64_t kSecondWord = uint64_t{1} << 63;

HWY_INLINE void FillBits(const pointwise::Tile& tile, uint64_t flip, size_t from, size_t count, uint32_t* out) {
  const auto* seeds = static_cast<const int64_t*>(tile.in[0]);
  const auto stream = static_cast<uint64_t>(*static_cast<const int64_t*>(tile.in[1])) ^ flip;
  size_t done = 0;
  for (const size_t end = std::min(count, tile.drawn - std::min(tile.drawn, from)); done < end;) {
    const uint64_t at = tile.position + from + done, within = at % tile.block;
    const auto length = static_cast<size_t>(std::min<uint64_t>(end - done, tile.block - within));
    FillPhilox(static_cast<uint64_t>(seeds[at / tile.block]), stream, within, length, out + done);
    done += length;
  }
  std::fill(out + done, out + count, 0u);
}

inline void RandomBits(const pointwise::Tile& tile) {
  FillBits(tile, 0, 0, tile.count, static_cast<uint32_t*>(tile.out));
}

inline void Uniform(const pointwise::Tile& tile) {
  const hn::ScalableTag<float> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  uint32_t bits[pointwise::kTileStep];
  for (size_t from = 0; from < tile.count; from += pointwise::kTileStep) {
    FillBits(tile, 0, from, pointwise::kTileStep, bits);
    for (size_t i = 0; i < pointwise::kTileStep; i += hn::Lanes(d)) {
      hn::StoreU(UniformFloats(d, hn::LoadU(du, bits + i)), d, static_cast<float*>(tile.out) + from + i);
    }
  }
}

// Box and Muller: sqrt(-2 log(1 - u)) cos(2 pi v).
inline void Normal(const pointwise::Tile& tile) {
  const hn::ScalableTag<float> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  uint32_t first[pointwise::kTileStep], second[pointwise::kTileStep];
  for (size_t from = 0; from < tile.count; from += pointwise::kTileStep) {
    FillBits(tile, 0, from, pointwise::kTileStep, first);
    FillBits(tile, kSecondWord, from, pointwise::kTileStep, second);
    for (size_t i = 0; i < pointwise::kTileStep; i += hn::Lanes(d)) {
      const auto u = UniformFloats(d, hn::LoadU(du, first + i)), v = UniformFloats(d, hn::LoadU(du, second + i));
      const auto radius = hn::Sqrt(hn::Mul(hn::Set(d, -2.0f), Log(d, hn::Sub(hn::Set(d, 1.0f), u))));
      // cos(2 pi v) of v - round(v), which is exact.
      const auto turn = Cos(d, hn::Mul(hn::Sub(v, hn::Round(v)), hn::Set(d, 6.28318530717958648f)));
      hn::StoreU(hn::Mul(radius, turn), d, static_cast<float*>(tile.out) + from + i);
    }
  }
}

inline pointwise::StepFn FindRandom(pointwise::Code code) {
  return code == pointwise::Code::kUniform ? Uniform : code == pointwise::Code::kNormal ? Normal : RandomBits;
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
