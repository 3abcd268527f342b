// A trie over bytes: the longest stored string that starts at a place in a text.
//
// For: a vocabulary (100,000 strings) and added tokens. Edges lie in one open-addressed table, so that building is
// linear whatever the strings are and a step is one multiplication and mostly one load. Not for: removal, or more than
// 2^24 nodes.
//
//   ByteTrie trie; trie.Insert("play", 7); auto m = trie.LongestMatch(trie.kRoot, "playing");  // {4, 7}
#ifndef STRATA_SYSTEMS_TEXT_BYTE_TRIE_H_
#define STRATA_SYSTEMS_TEXT_BYTE_TRIE_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace strata::text {

class ByteTrie {
 public:
  using Node = uint32_t;
  static constexpr Node kRoot = 1;
  static constexpr Node kNone = 0;
  static constexpr Node kMaxNodes = 1u << 24;  // a node and a byte make a 32-bit key

  struct Match {
    size_t length = 0;  // 0: nothing matched
    int32_t value = -1;
  };

  ByteTrie();

  // Stores `value` under `key`, in place of the value it had. False, and nothing stored, where kMaxNodes would be
  // passed. REQUIRES: value >= 0, key not empty.
  bool Insert(std::string_view key, int32_t value);

  // The value under `key`, or -1.
  int32_t Find(std::string_view key) const;

  // The node that `key` leads to, kNone where no stored string starts with it.
  Node Walk(std::string_view key) const;

  // The longest non-empty prefix of `text` that, after the string that leads to `from`, is stored. `from` may be kNone.
  Match LongestMatch(Node from, std::string_view text) const {
    Match best;
    Node node = from;
    for (size_t i = 0; i < text.size() && node != kNone; ++i) {
      node = Step(node, static_cast<uint8_t>(text[i]));
      if (const int32_t value = values_[node]; value >= 0) best = {i + 1, value};
    }
    return best;
  }

 private:
  struct Edge {
    uint32_t key = 0;  // node << 8 | byte; 0 is free, since node 0 has no edges
    Node child = kNone;
  };

  size_t SlotOf(uint32_t key) const { return (key * uint64_t{0x9E3779B97F4A7C15u}) >> shift_; }

  Node Step(Node node, uint8_t byte) const {
    const uint32_t key = node << 8 | byte;
    for (size_t slot = SlotOf(key);; slot = (slot + 1) & (edges_.size() - 1)) {
      const Edge& edge = edges_[slot];
      if (edge.key == key) return edge.child;
      if (edge.key == 0) return kNone;
    }
  }

  void AddEdge(uint32_t key, Node child);
  void Grow();

  std::vector<int32_t> values_;  // by node; of kNone, -1
  std::vector<Edge> edges_;      // a power of two, at most half full
  size_t num_edges_ = 0;
  int shift_;
};

}  // namespace strata::text

#endif  // STRATA_SYSTEMS_TEXT_BYTE_TRIE_H_
