// Text to token ids, exactly as Hugging Face `tokenizers` gives them for the same `tokenizer.json`.
//
// For: the embedding service: WordPiece models with BERT's normalizer, one text at a time, laid end to end in a ragged
// batch (a file's `padding` is therefore not applied). Not for: BPE or Unigram, pairs of texts, offsets, decoding.
//
//   auto tokenizer = WordPieceTokenizer::Create(json, {.max_length = 256});
//   std::vector<int64_t> ids;
//   bool truncated = false;
//   absl::Status status = (*tokenizer)->Encode("Hello, world", /*add_special_tokens=*/true, &ids, &truncated);
#ifndef STRATA_SYSTEMS_TEXT_WORD_PIECE_TOKENIZER_H_
#define STRATA_SYSTEMS_TEXT_WORD_PIECE_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "systems/text/added_tokens.h"
#include "systems/text/bert_normalizer.h"
#include "systems/text/post_processor.h"
#include "systems/text/tokenizer_config.h"
#include "systems/text/word_piece.h"

namespace strata::text {

class WordPieceTokenizer {
 public:
  struct Options {
    // The most ids of a text, special tokens included, in place of the file's truncation.max_length (whose direction
    // stays). Unset: as the file says. 0: no text is cut.
    std::optional<int64_t> max_length;
  };

  // `tokenizer_json` is untrusted; it is not needed afterwards. An error names the part that is wrong or not supported.
  static absl::StatusOr<std::unique_ptr<WordPieceTokenizer>> Create(std::string_view tokenizer_json, Options options);

  // Appends the ids of `text` to *ids, so that a ragged batch is built by one call per text. *truncated, where given,
  // says whether ids were cut off. On an error, which is a text that is not valid UTF-8 (it names the offset), nothing
  // is appended. Thread-safe: nothing in the tokenizer changes after Create.
  absl::Status Encode(std::string_view text, bool add_special_tokens, std::vector<int64_t>* ids,
                      bool* truncated = nullptr) const;

  // The most ids that Encode appends, special tokens included, or nothing where texts are never cut.
  std::optional<int64_t> max_length() const;

  // Every id is from 0 to this: to be compared with the rows of the model's embedding.
  int64_t largest_id() const { return largest_id_; }

  // The text as the words are made from it: for tests against the reference.
  std::string NormalizeForTest(std::string_view text) const;

 private:
  class Body;  // one call's state: see the .cc

  WordPieceTokenizer(const TokenizerConfig& config, WordPiece model);
  absl::Status SetTruncation(const TokenizerConfig& config, const Options& options);
  absl::Status AddTokens(const std::vector<AddedTokenConfig>& tokens);

  BertNormalizer normalizer_;
  WordPiece model_;
  TemplateProcessor post_processor_;
  AddedTokenFinder raw_tokens_;         // looked for in the text
  AddedTokenFinder normalized_tokens_;  // looked for in the normalized text
  std::optional<TruncationConfig> truncation_;
  int64_t largest_id_ = 0;
};

}  // namespace strata::text

#endif  // STRATA_SYSTEMS_TEXT_WORD_PIECE_TOKENIZER_H_
