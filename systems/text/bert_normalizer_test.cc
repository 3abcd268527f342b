// The comparison with the reference, over every code point, is integration/tokenizer; here is what a reader should
// know.
#include "systems/text/bert_normalizer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "systems/text/bert_words.h"

namespace strata::text {
namespace {

constexpr NormalizerConfig kUncased = {
    .clean_text = true, .handle_chinese_chars = true, .strip_accents = true, .lowercase = true};

std::string Normalize(NormalizerConfig config, std::string_view text) {
  std::string out;
  BertNormalizer(config).Normalize(text, &out);
  return out;
}

std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words;
  BertWords splitter(text);
  for (std::string_view word; splitter.Next(&word);) words.emplace_back(word);
  return words;
}

TEST(BertNormalizerTest, LeavesTextAloneWithEverythingOff) {
  const std::string text("A\0\t\u00C9\u4E2D\u00AD\u212B", 14);
  EXPECT_EQ(Normalize({}, text), text);
}

TEST(BertNormalizerTest, StripsAccentsOfComposedAndDecomposedLetters) {
  EXPECT_EQ(Normalize(kUncased, "\u00C9lan E\u0301lan \u1E69 \u212B"), "elan elan s a");
}

TEST(BertNormalizerTest, CleansControlsAndSpaces) {
  EXPECT_EQ(Normalize(kUncased, std::string_view("a\0b\vc\td\u00A0e\u3000f\u200Bg\uFFFDh", 22)), "abc d e fgh");
}

TEST(BertNormalizerTest, PutsSpacesAroundIdeographsAndThenDecomposesThem) {
  EXPECT_EQ(Normalize(kUncased, "a\u4E2Db"), "a \u4E2D b");
  EXPECT_EQ(Normalize(kUncased, "\uF900"), " \u8C48 ");  // a compatibility ideograph
  EXPECT_EQ(Normalize(kUncased, "\u3042\uAC00"), "\u3042\u1100\u1161");
}

TEST(BertNormalizerTest, LowercasesWithoutContextAsRustDoes) {
  const NormalizerConfig lower = {.lowercase = true};
  EXPECT_EQ(Normalize(lower, "\u039F\u03A3"), "\u03BF\u03C3");  // no final sigma
  EXPECT_EQ(Normalize(lower, "\u0130I\u1E9E"), "i\u0307i\u00DF");
  EXPECT_EQ(Normalize(kUncased, "\u0130"), "i");
}

TEST(BertNormalizerTest, OrdersMarksThatAreKept) {
  const NormalizerConfig strip = {.strip_accents = true};
  // Spacing marks: U+302E has class 224, U+1D165 has 216. U+0301, class 230, goes; U+0E31, class 0, goes and separates.
  EXPECT_EQ(Normalize(strip, "a\u302E\u0301\U0001D165"), "a\U0001D165\u302E");
  EXPECT_EQ(Normalize(strip, "a\u302E\u0E31\U0001D165"), "a\u302E\U0001D165");
}

TEST(BertNormalizerTest, CutsBeforeAsciiChangeNothing) {
  const std::string text = "\u0301\u302E\u1D165x\u0301\U0001D165\u302E y\u00C9\u4E2Dz\uAC01 \u0130";
  const std::string whole = Normalize(kUncased, text);
  for (size_t i = 0; i < text.size(); ++i) {
    if (static_cast<uint8_t>(text[i]) >= 0x80) continue;
    EXPECT_EQ(Normalize(kUncased, text.substr(0, i)) + Normalize(kUncased, text.substr(i)), whole);
  }
}

TEST(BertWordsTest, SplitsAtSpaceAndAroundPunctuation) {
  EXPECT_EQ(Words("  don't stop!?\u3002 $5\u2028x_y\u00A0"),
            (std::vector<std::string>{"don", "'", "t", "stop", "!", "?", "\u3002", "$", "5", "x", "_", "y"}));
  EXPECT_TRUE(Words("").empty());
  EXPECT_TRUE(Words(" \n\u2003").empty());
}

}  // namespace
}  // namespace strata::text
