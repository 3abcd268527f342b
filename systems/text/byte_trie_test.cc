#include "systems/text/byte_trie.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>

namespace strata::text {
namespace {

std::string RandomString(std::mt19937& rng, size_t max_size) {
  std::string s(rng() % (max_size + 1), ' ');
  for (char& c : s) c = static_cast<char>(rng() % 3 == 0 ? rng() : 'a' + rng() % 3);
  return s;
}

TEST(ByteTrieTest, AgreesWithAMapOnRandomStrings) {
  std::mt19937 rng(1);
  ByteTrie trie;
  std::map<std::string, int32_t> map;
  for (int32_t i = 0; i < 3000; ++i) {
    const std::string key = "k" + RandomString(rng, 8);
    ASSERT_TRUE(trie.Insert(key, i));
    map[key] = i;
  }
  for (int i = 0; i < 3000; ++i) {
    const std::string text = "k" + RandomString(rng, 10);
    const auto found = map.find(text);
    EXPECT_EQ(trie.Find(text), found == map.end() ? -1 : found->second);
    ByteTrie::Match longest;
    for (size_t size = 1; size <= text.size(); ++size) {
      if (const auto it = map.find(text.substr(0, size)); it != map.end()) longest = {size, it->second};
    }
    const ByteTrie::Match match = trie.LongestMatch(ByteTrie::kRoot, text);
    EXPECT_EQ(match.length, longest.length);
    EXPECT_EQ(match.value, longest.value);
  }
}

TEST(ByteTrieTest, MatchesBehindAPrefixTakeAtLeastOneByte) {
  ByteTrie trie;
  ASSERT_TRUE(trie.Insert("##", 1));
  ASSERT_TRUE(trie.Insert("##ing", 2));
  const ByteTrie::Node node = trie.Walk("##");
  EXPECT_EQ(trie.LongestMatch(node, "").length, 0u);
  EXPECT_EQ(trie.LongestMatch(node, "in").length, 0u);
  EXPECT_EQ(trie.LongestMatch(node, "ings").length, 3u);
  EXPECT_EQ(trie.Walk("#!"), ByteTrie::kNone);
  EXPECT_EQ(trie.LongestMatch(ByteTrie::kNone, "ing").length, 0u);
}

TEST(ByteTrieTest, RefusesMoreNodesThanKeysCanName) {
  ByteTrie trie;
  const std::string long_key(ByteTrie::kMaxNodes, 'x');
  EXPECT_FALSE(trie.Insert(long_key, 1));
  EXPECT_TRUE(trie.Insert("x", 1));
}

}  // namespace
}  // namespace strata::text
