#include "systems/text/word_piece.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "systems/text/quoted.h"
#include "systems/text/utf8.h"

namespace strata::text {

absl::StatusOr<WordPiece> WordPiece::Create(const WordPieceConfig& config) {
  WordPiece model;
  for (const auto& [token, id] : config.vocab) {
    model.largest_id_ = std::max<int64_t>(model.largest_id_, id);
    if (token.empty()) {
      model.empty_id_ = id;
    } else if (!model.trie_.Insert(token, id)) {
      return absl::InvalidArgumentError(absl::StrCat("tokenizer.json: model.vocab is too large: its ",
                                                     config.vocab.size(), " tokens have more than ",
                                                     ByteTrie::kMaxNodes, " distinct beginnings"));
    }
  }
  model.vocab_size_ = static_cast<int64_t>(config.vocab.size());
  model.max_chars_ = static_cast<size_t>(config.max_input_chars_per_word);
  model.continuing_ = model.trie_.Walk(config.continuing_subword_prefix);
  model.unk_id_ = model.TokenToId(config.unk_token);
  if (model.unk_id_ < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("tokenizer.json: model.unk_token ", Quoted(config.unk_token), " is not in model.vocab"));
  }
  return model;
}

void WordPiece::Tokenize(std::string_view word, std::vector<int64_t>* ids) const {
  // No word has more code points than bytes: most are not counted.
  if (word.size() > max_chars_ && CountCodePoints(word) > max_chars_) {
    ids->push_back(unk_id_);
    return;
  }
  const size_t before = ids->size();
  ByteTrie::Node from = ByteTrie::kRoot;
  while (!word.empty()) {
    // Entries and word are valid UTF-8, so a match of bytes ends between code points.
    const ByteTrie::Match match = trie_.LongestMatch(from, word);
    if (match.length == 0) {
      ids->resize(before);
      ids->push_back(unk_id_);
      return;
    }
    ids->push_back(match.value);
    word.remove_prefix(match.length);
    from = continuing_;
  }
}

}  // namespace strata::text
