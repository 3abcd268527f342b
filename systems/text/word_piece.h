// WordPiece: a word as the longest vocabulary entries that make it up, from left to right.
//
// For: one word of normalized, pre-tokenized text. Not for: finding words (bert_words.h).
//
//   auto model = WordPiece::Create(config); model->Tokenize("embedding", &ids);  // em ##bed ##ding
#ifndef STRATA_SYSTEMS_TEXT_WORD_PIECE_H_
#define STRATA_SYSTEMS_TEXT_WORD_PIECE_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "systems/text/byte_trie.h"
#include "systems/text/tokenizer_config.h"

namespace strata::text {

class WordPiece {
 public:
  // An error where the vocabulary lacks unk_token (tokenizers fails at the first unknown word instead) or is too large.
  static absl::StatusOr<WordPiece> Create(const WordPieceConfig& config);

  // Appends the ids of `word`: its pieces, or the id of unk_token where it cannot be made of pieces or has more than
  // max_input_chars_per_word code points. REQUIRES: `word` is valid UTF-8 and not empty.
  void Tokenize(std::string_view word, std::vector<int64_t>* ids) const;

  // The id of a vocabulary entry, -1 if there is none.
  int64_t TokenToId(std::string_view token) const { return token.empty() ? empty_id_ : trie_.Find(token); }

  int64_t vocab_size() const { return vocab_size_; }
  int64_t largest_id() const { return largest_id_; }

 private:
  WordPiece() = default;

  ByteTrie trie_;
  ByteTrie::Node continuing_ = ByteTrie::kNone;  // where the prefix of continuing pieces leads to
  int64_t unk_id_ = 0;
  size_t max_chars_ = 0;
  int64_t vocab_size_ = 0;
  int64_t largest_id_ = 0;
  int64_t empty_id_ = -1;  // an entry "" can be looked up, and matches no text
};

}  // namespace strata::text

#endif  // STRATA_SYSTEMS_TEXT_WORD_PIECE_H_
