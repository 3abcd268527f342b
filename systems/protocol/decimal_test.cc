#include "systems/protocol/decimal.h"

#include <gtest/gtest.h>

#include <bit>
#include <cfloat>
#include <charconv>
#include <cmath>
#include <limits>
#include <random>
#include <string>

namespace strata::protocol {
namespace {

Decimal Read(std::string_view text) {
  JsonReader json(text, 1);
  Decimal number;
  EXPECT_TRUE(json.ReadNumber(&number) && json.Finish()) << text;
  return number;
}

float Float(std::string_view text) { return ToFloat(Read(text)).value_or(NAN); }

// What the C++ library makes of the text: correctly rounded, and written by other people.
template <class T>
T Reference(std::string_view text) {
  T value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

TEST(Decimal, FloatIsRoundedOnceFromTheText) {
  // 1 + 2^-24 is half-way between 1 and the next float; the double nearest to these texts is exactly that.
  EXPECT_EQ(Float("1.000000059604644775390625"), 1.0f);
  EXPECT_EQ(Float("1.00000005960464477539062500000000000000001"), 1.0f + FLT_EPSILON);
  EXPECT_EQ(Float("1.00000005960464477539062499999999999999999"), 1.0f);
  EXPECT_EQ(Float("-1.0000000596046447753906250000000000000001"), -1.0f - FLT_EPSILON);
  // The same half-way after an odd float goes up.
  EXPECT_EQ(Float("1.000000178813934326171875"), 1.0f + 2 * FLT_EPSILON);
  EXPECT_EQ(Float("1.00000017881393432617187499999999999999999"), 1.0f + FLT_EPSILON);
  EXPECT_EQ(Float("0.0100000005960464477539062500000000000000001e2"), 1.0f + FLT_EPSILON);
}

TEST(Decimal, FloatEqualsTheLibraryOnRandomTexts) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 200000; ++i) {
    const auto bits = static_cast<uint32_t>(random());
    const auto value = std::bit_cast<float>(bits);
    if (!std::isfinite(value)) continue;
    // The middle between two floats, written with 17 digits (so a little off), and the float itself.
    const double middle = (static_cast<double>(value) + std::nextafter(value, 0.0f)) / 2;
    char text[64];
    auto end = std::to_chars(text, text + sizeof(text), middle, std::chars_format::scientific, 8 + i % 10);
    const std::string_view written(text, static_cast<size_t>(end.ptr - text));
    ASSERT_EQ(Float(written), Reference<float>(written)) << written;
    end = std::to_chars(text, text + sizeof(text), value);
    ASSERT_EQ(std::bit_cast<uint32_t>(Float({text, static_cast<size_t>(end.ptr - text)})), bits);
  }
}

TEST(Decimal, DoubleEqualsTheLibrary) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 100000; ++i) {
    const auto value = std::bit_cast<double>(random());
    if (!std::isfinite(value)) continue;
    char text[64];
    const auto end = std::to_chars(text, text + sizeof(text), value, std::chars_format::scientific, 1 + i % 25);
    const std::string_view written(text, static_cast<size_t>(end.ptr - text));
    ASSERT_EQ(ToDouble(Read(written)).value_or(NAN), Reference<double>(written)) << written;
  }
}

TEST(Decimal, FloatEnds) {
  EXPECT_EQ(Float("3.4028234663852886e38"), FLT_MAX);
  // Half-way to 2^128 rounds to infinity, which is refused; anything below it rounds to the largest.
  EXPECT_EQ(Float("340282356779733661637539395458142568447"), FLT_MAX);
  EXPECT_FALSE(ToFloat(Read("340282356779733661637539395458142568448")));
  EXPECT_FALSE(ToFloat(Read("-1e39")));
  EXPECT_FALSE(ToFloat(Read("1e400")));
  EXPECT_FALSE(ToDouble(Read("1e309")));
  EXPECT_FALSE(ToDouble(Read("1e99999999999999999999")));
  EXPECT_EQ(Float("1e-45"), FLT_TRUE_MIN);
  EXPECT_EQ(Float("7.006492321624085e-46"), 0.0f);           // just below half of the smallest
  EXPECT_EQ(Float("7.0064923216240862e-46"), FLT_TRUE_MIN);  // just above
  EXPECT_EQ(Float("1e-400"), 0.0f);
  EXPECT_TRUE(std::signbit(Float("-1e-400")));
  EXPECT_TRUE(std::signbit(Float("-0")));
  EXPECT_TRUE(std::signbit(Float("-0.0e5")));
  EXPECT_EQ(Float("0e99999999999999999999"), 0.0f);
}

TEST(Decimal, LongTextsKeepTheirPlace) {
  const std::string zeros(400, '0');
  EXPECT_EQ(Float("0." + zeros + "1"), 0.0f);
  EXPECT_EQ(Float("0." + zeros + "15e401"), 1.5f);
  EXPECT_EQ(Float("1" + zeros + "e-400"), 1.0f);
  EXPECT_FALSE(ToFloat(Read("1" + zeros)));
  EXPECT_EQ(Float("100000000000000000000"), 1e20f);  // as JavaScript and Go write 1e20
}

TEST(Decimal, Fp16KnownValues) {
  const auto half = [](std::string_view text) { return ToFloatBits(Read(text), kFp16Format); };
  EXPECT_EQ(half("1"), 0x3C00u);
  EXPECT_EQ(half("-2"), 0xC000u);
  EXPECT_EQ(half("65504"), 0x7BFFu);
  EXPECT_EQ(half("65519.99"), 0x7BFFu);
  EXPECT_EQ(half("65520"), std::nullopt);
  EXPECT_EQ(half("5.9604644775390625e-8"), 0x0001u);
  EXPECT_EQ(half("2.98023223876953125e-8"), 0x0000u);  // half of the smallest: to even
  EXPECT_EQ(half("2.98023223876953125000000000000000001e-8"), 0x0001u);
  EXPECT_EQ(half("0.1"), 0x2E66u);
  EXPECT_EQ(half("2049"), 0x6800u);  // half-way between 2048 and 2050
  EXPECT_EQ(half("2049.00000000000000000000000000001"), 0x6801u);
  EXPECT_EQ(half("2051"), 0x6802u);
}

// Every half-way point of FP16 and BF16, exactly and a little to either side, in short and in long texts.
TEST(Decimal, SmallFloatsAreRoundedOnceAtEveryHalfWayPoint) {
  for (const FloatFormat format : {kFp16Format, kBf16Format}) {
    const uint32_t infinity = ((1u << format.exponent_bits) - 1) << format.fraction_bits;
    for (uint32_t bits = 0; bits + 1 < infinity; bits += 1 + bits % 7) {
      const double middle = (static_cast<double>(FloatFromBits(bits, format)) + FloatFromBits(bits + 1, format)) / 2;
      char text[160];
      const auto end = std::to_chars(text, text + sizeof(text), middle, std::chars_format::scientific, 110);
      const std::string exact(text, end.ptr);
      const size_t e = exact.find('e');
      std::string above = exact, below = exact, brief = exact;
      above[e - 1] = '1';  // the digits before it are zeros: the middle has less than 100
      const size_t last = exact.find_last_not_of('0', e - 1);
      below.replace(last + 1, e - last - 1, e - last - 1, '9');
      --below[exact[last] == '.' ? last - 1 : last];
      const size_t brief_end = exact[last] == '.' ? last : last + 1;
      brief.erase(brief_end, e - brief_end);
      ASSERT_EQ(ToFloatBits(Read(exact), format), bits + bits % 2) << exact;
      ASSERT_EQ(ToFloatBits(Read(brief), format), bits + bits % 2) << brief;
      ASSERT_EQ(ToFloatBits(Read(above), format), bits + 1) << above;
      ASSERT_EQ(ToFloatBits(Read(below), format), bits) << below;
    }
  }
}

TEST(Decimal, Bf16KnownValues) {
  const auto bf16 = [](std::string_view text) { return ToFloatBits(Read(text), kBf16Format); };
  EXPECT_EQ(bf16("1"), 0x3F80u);
  EXPECT_EQ(bf16("-0.0"), 0x8000u);
  EXPECT_EQ(bf16("3.140625"), 0x4049u);
  EXPECT_EQ(bf16("257"), 0x4380u);  // half-way between 256 and 258
  EXPECT_EQ(bf16("257.000000000000000000000000000000001"), 0x4381u);
  EXPECT_EQ(bf16("3.3895313892515355e38"), 0x7F7Fu);
  EXPECT_EQ(bf16("3.4028234663852886e38"), std::nullopt);
}

TEST(Decimal, SmallFloatsRoundTripThroughText) {
  for (const FloatFormat format : {kFp16Format, kBf16Format}) {
    for (uint32_t bits = 0; bits < 65536; ++bits) {
      const float value = FloatFromBits(bits, format);
      if (!std::isfinite(value)) continue;
      if (format.exponent_bits == 8) {
        ASSERT_EQ(std::bit_cast<uint32_t>(value), bits << 16);
      }
      char text[64];
      const auto end = std::to_chars(text, text + sizeof(text), value);
      ASSERT_EQ(ToFloatBits(Read({text, static_cast<size_t>(end.ptr - text)}), format), bits) << value;
    }
  }
}

TEST(Decimal, IntegersAreExactAtTheirEnds) {
  EXPECT_EQ(ToUint64(Read("18446744073709551615")), std::numeric_limits<uint64_t>::max());
  EXPECT_FALSE(ToUint64(Read("18446744073709551616")));
  EXPECT_FALSE(ToUint64(Read("-1")));
  EXPECT_EQ(ToUint64(Read("-0")), 0u);
  EXPECT_EQ(ToInt64(Read("9223372036854775807")), std::numeric_limits<int64_t>::max());
  EXPECT_FALSE(ToInt64(Read("9223372036854775808")));
  EXPECT_EQ(ToInt64(Read("-9223372036854775808")), std::numeric_limits<int64_t>::min());
  EXPECT_FALSE(ToInt64(Read("-9223372036854775809")));
  EXPECT_FALSE(ToInt64(Read("-99999999999999999999999")));
  EXPECT_FALSE(ToInt64(Read("1.0")));
  EXPECT_FALSE(ToInt64(Read("1e2")));
}

}  // namespace
}  // namespace strata::protocol
