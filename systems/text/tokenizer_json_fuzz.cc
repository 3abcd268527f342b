// Any bytes as tokenizer.json: an error or a tokenizer that works. What it must never do: crash, hang or give out an id
// past largest_id.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "systems/text/word_piece_tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  const auto tokenizer = strata::text::WordPieceTokenizer::Create(json, {});
  if (!tokenizer.ok()) return 0;
  for (const bool special : {false, true}) {
    std::vector<int64_t> ids;
    bool truncated = false;
    // The file is text too: its own words and added tokens are in it.
    const std::string_view text = (*tokenizer)->Encode(json, special, &ids).ok() ? json : "a [CLS] b";
    ids.clear();
    if (!(*tokenizer)->Encode(text, special, &ids, &truncated).ok()) std::abort();
    for (const int64_t id : ids) {
      if (id < 0 || id > (*tokenizer)->largest_id()) std::abort();
    }
  }
  return 0;
}
