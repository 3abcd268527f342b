#include "systems/text/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace strata::text {
namespace {

TEST(Utf8Test, EveryCodePointGoesThereAndBack) {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text = "a";
    AppendUtf8(c, &text);
    ASSERT_FALSE(FindInvalidUtf8(text).has_value()) << static_cast<uint32_t>(c);
    ASSERT_EQ(DecodeUtf8(text, 1).value, c);
    ASSERT_EQ(DecodeUtf8(text, 1).length, text.size() - 1);
    ASSERT_EQ(DecodeUtf8Before(text, text.size()).value, c);
    ASSERT_EQ(CountCodePoints(text), 2u);
  }
}

TEST(Utf8Test, NamesTheFirstByteThatStartsNoSequence) {
  for (const char* bad : {"\x80", "\xC0\x80", "\xC1\xBF", "\xC3", "\xC3(", "\xE0\x80\x80", "\xE0\x9F\xBF",
                          "\xED\xA0\x80", "\xED\xBF\xBF", "\xE2\x82", "\xE2\x82(", "\xF0\x80\x80\x80",
                          "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xF0\x9F\x98", "\xFF", "\xFE"}) {
    for (const std::string before : {"", "a", "1234567", "12345678", "é", "1234567é", "0123456789abcdef漢"}) {
      for (const std::string after : {"", "0123456789"}) {
        EXPECT_EQ(FindInvalidUtf8(before + bad + after), before.size()) << before << after;
      }
    }
  }
}

TEST(Utf8Test, AcceptsNothingAndNul) {
  EXPECT_FALSE(FindInvalidUtf8("").has_value());
  EXPECT_FALSE(FindInvalidUtf8(std::string(20, '\0')).has_value());
}

}  // namespace
}  // namespace strata::text
