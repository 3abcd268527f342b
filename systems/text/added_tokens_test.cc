#include "systems/text/added_tokens.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace strata::text {
namespace {

using Pieces = std::vector<std::string>;

// Gaps as they are, ids as "<7>".
Pieces Split(const AddedTokenFinder& finder, std::string_view text) {
  Pieces pieces;
  AddedTokenFinder::Cursor cursor;
  while (const auto match = finder.Next(text, &cursor)) {
    if (!match->gap.empty()) pieces.emplace_back(match->gap);
    pieces.push_back("<" + std::to_string(match->id) + ">");
  }
  if (cursor.covered < text.size()) pieces.emplace_back(text.substr(cursor.covered));
  return pieces;
}

AddedTokenFinder Finder(const std::vector<AddedTokenConfig>& tokens) {
  AddedTokenFinder finder;
  for (size_t i = 0; i < tokens.size(); ++i) {
    EXPECT_TRUE(finder.Add(tokens[i].content, tokens[i], static_cast<int64_t>(i)).ok());
  }
  return finder;
}

TEST(AddedTokensTest, TakesTheLeftmostAndThenTheLongest) {
  const AddedTokenFinder finder = Finder({{.content = "foo"}, {.content = "foobar"}, {.content = "oba"}});
  EXPECT_EQ(Split(finder, "xfoobazfoobarfo"), (Pieces{"x", "<0>", "baz", "<1>", "fo"}));
  EXPECT_EQ(Split(finder, "foobafoo"), (Pieces{"<0>", "ba", "<0>"}));
  EXPECT_EQ(Split(finder, ""), Pieces{});
}

TEST(AddedTokensTest, SingleWordsAreNotFoundInWords) {
  const AddedTokenFinder finder = Finder({{.content = "cat", .single_word = true}});
  EXPECT_EQ(Split(finder, "cat,cat\u00E9 \u00E9cat cat_ 1cat"), (Pieces{"<0>", ",cat\u00E9 \u00E9cat cat_ 1cat"}));
  EXPECT_EQ(Split(finder, "(cat) cat\u3002"), (Pieces{"(", "<0>", ") ", "<0>", "\u3002"}));
}

TEST(AddedTokensTest, StripsTheSpaceAtItsSides) {
  const AddedTokenFinder finder = Finder({{.content = "L", .lstrip = true}, {.content = "R", .rstrip = true}});
  EXPECT_EQ(Split(finder, "a \u3000L b R\n\tc"), (Pieces{"a", "<0>", " b ", "<1>", "c"}));
  EXPECT_EQ(Split(finder, "R L"), (Pieces{"<1>", "<0>"}));
}

TEST(AddedTokensTest, SpaceThatIsATokenTakesLinearTime) {
  const AddedTokenFinder finder = Finder({{.content = " ", .lstrip = true, .rstrip = true}});
  EXPECT_EQ(Split(finder, std::string(300'000, ' ')).size(), 300'000u);
}

TEST(AddedTokensTest, RefusesEmptyAndRepeatedPatterns) {
  AddedTokenFinder finder;
  ASSERT_TRUE(finder.Add("foo", {.content = "Foo"}, 1).ok());
  EXPECT_EQ(finder.Add("foo", {.content = "FOO"}, 2).message(),
            "tokenizer.json: added_tokens: \"Foo\" and \"FOO\" both normalize to \"foo\"");
  EXPECT_FALSE(finder.Add("", {.content = "\u0301"}, 3).ok());
}

TEST(AddedTokensTest, NumbersAsTheReferenceDoes) {
  const auto vocab = [](std::string_view token) { return token == "[CLS]" ? 101 : -1; };
  const auto numbered = NumberAddedTokens({{.content = "new"},
                                           {.content = "[CLS]"},
                                           {.content = ""},
                                           {.content = "new", .special = true},
                                           {.content = "b"}},
                                          30'522, vocab);
  ASSERT_TRUE(numbered.ok());
  ASSERT_EQ(numbered->size(), 3u);
  EXPECT_EQ((*numbered)[0].id, 30'522);
  EXPECT_TRUE((*numbered)[0].token.special);
  EXPECT_EQ((*numbered)[1].id, 101);
  EXPECT_EQ((*numbered)[2].id, 30'523);
}

}  // namespace
}  // namespace strata::text
