#include "systems/text/byte_trie.h"

#include <utility>

namespace strata::text {
namespace {
constexpr int kFirstBits = 8;
}  // namespace

ByteTrie::ByteTrie() : values_(2, -1), edges_(size_t{1} << kFirstBits), shift_(64 - kFirstBits) {}

bool ByteTrie::Insert(std::string_view key, int32_t value) {
  if (values_.size() + key.size() > kMaxNodes) return false;
  Node node = kRoot;
  for (char c : key) {
    const auto byte = static_cast<uint8_t>(c);
    Node next = Step(node, byte);
    if (next == kNone) {
      next = static_cast<Node>(values_.size());
      values_.push_back(-1);
      AddEdge(node << 8 | byte, next);
    }
    node = next;
  }
  values_[node] = value;
  return true;
}

int32_t ByteTrie::Find(std::string_view key) const { return values_[Walk(key)]; }

ByteTrie::Node ByteTrie::Walk(std::string_view key) const {
  Node node = kRoot;
  for (size_t i = 0; i < key.size() && node != kNone; ++i) node = Step(node, static_cast<uint8_t>(key[i]));
  return node;
}

void ByteTrie::AddEdge(uint32_t key, Node child) {
  if (2 * (num_edges_ + 1) > edges_.size()) Grow();
  size_t slot = SlotOf(key);
  while (edges_[slot].key != 0) slot = (slot + 1) & (edges_.size() - 1);
  edges_[slot] = {key, child};
  ++num_edges_;
}

void ByteTrie::Grow() {
  std::vector<Edge> old = std::exchange(edges_, std::vector<Edge>(edges_.size() * 2));
  --shift_;
  num_edges_ = 0;
  for (const Edge& edge : old) {
    if (edge.key != 0) AddEdge(edge.key, edge.child);
  }
}

}  // namespace strata::text
