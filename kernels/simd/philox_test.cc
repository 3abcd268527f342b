// The published vectors, and the same bits from the scalar and the SIMD form on every target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/philox_test.cc"
#include <hwy/foreach_target.h>

#include "kernels/simd/philox-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

void Fill(uint64_t seed, uint64_t stream, uint64_t first, size_t count, uint32_t* out) {
  FillPhilox(seed, stream, first, count, out);
}
void Uniform(const uint32_t* bits, size_t count, float* out) {
  const hn::ScalableTag<float> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  for (size_t i = 0; i < count; i += hn::Lanes(d)) {
    hn::StoreU(UniformFloats(d, hn::LoadU(du, bits + i)), d, out + i);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <gtest/gtest.h>

#include <vector>

#include "kernels/simd/targets.h"

namespace strata {
namespace {

HWY_EXPORT(Fill);
HWY_EXPORT(Uniform);

using Words = std::array<uint32_t, 4>;

// Random123's known-answer tests of philox4x32 with 10 rounds.
static_assert(Philox4x32({0, 0, 0, 0}, {0, 0}) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
static_assert(Philox4x32({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}) == Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
static_assert(Philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
              Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});

TEST(PhiloxTest, EveryTargetGivesTheScalarBits) {
  constexpr uint64_t kSeed = 0x123456789abcdef0u, kStream = 0xfedcba9876543210u;
  for (const std::string& target : SimdTargets()) {
    ASSERT_TRUE(ForceSimdTargetForTest(target));
    for (const uint64_t first : {uint64_t{0}, uint64_t{1}, uint64_t{63}, uint64_t{640}, (uint64_t{1} << 34) - 70}) {
      for (const size_t count : {0u, 1u, 64u, 65u, 200u}) {
        std::vector<uint32_t> bits(count + 1, 42);
        HWY_DYNAMIC_DISPATCH(Fill)(kSeed, kStream, first, count, bits.data());
        for (size_t i = 0; i < count; ++i) ASSERT_EQ(bits[i], PhiloxBits(kSeed, kStream, first + i)) << target << i;
        EXPECT_EQ(bits[count], 42u) << "wrote past the end";
      }
    }
  }
  ForceSimdTargetForTest("");
}

TEST(PhiloxTest, NoTwoPositionsShareAWord) {
  std::vector<uint32_t> bits(1024);
  HWY_DYNAMIC_DISPATCH(Fill)(7, 0, 0, bits.size(), bits.data());
  std::sort(bits.begin(), bits.end());
  EXPECT_EQ(std::adjacent_find(bits.begin(), bits.end()), bits.end());
}

TEST(PhiloxTest, UniformsAreBelowOneAndTheSameFromBothForms) {
  const std::vector<uint32_t> bits = {0, 255, 256, 0x7fffffff, 0x80000000, 0xffffff00, 0xffffffff, 1u << 31 | 77,
                                      1, 2,   3,   4,          5,          6,          7,          8};
  std::vector<float> got(bits.size());
  for (const std::string& target : SimdTargets()) {
    ASSERT_TRUE(ForceSimdTargetForTest(target));
    HWY_DYNAMIC_DISPATCH(Uniform)(bits.data(), bits.size(), got.data());
    for (size_t i = 0; i < bits.size(); ++i) EXPECT_EQ(got[i], UniformFloat(bits[i])) << target;
  }
  ForceSimdTargetForTest("");
  EXPECT_EQ(UniformFloat(0xffffffffu), 1 - 0x1p-24f);
  EXPECT_EQ(UniformDouble(0xffffffffu, 0xffffffffu), 1 - 0x1p-53);
  EXPECT_EQ(UniformDouble(0x80000000u, 0), 0.5);
}

}  // namespace
}  // namespace strata
#endif  // HWY_ONCE
