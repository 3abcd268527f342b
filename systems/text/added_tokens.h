// Added tokens ("[CLS]", "<|user|>"): strings that are found in the text itself and stand for one id.
//
// For: one kind of them: those looked for in the raw text, or those looked for in the normalized one. As in Hugging
// Face `tokenizers`, the leftmost, then longest match counts, and single_word, lstrip and rstrip apply to a match
// afterwards: one that is no single word is passed over with all its characters. Not for: deciding which ids they have.
//
//   AddedTokenFinder::Cursor cursor;
//   while (auto match = finder.Next(text, &cursor)) { use(match->gap); emit(match->id); }
#ifndef STRATA_SYSTEMS_TEXT_ADDED_TOKENS_H_
#define STRATA_SYSTEMS_TEXT_ADDED_TOKENS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "systems/text/byte_trie.h"
#include "systems/text/tokenizer_config.h"

namespace strata::text {

class AddedTokenFinder {
 public:
  struct Match {
    std::string_view gap;  // the text since the last match, may be empty
    int64_t id;
  };
  struct Cursor {
    size_t search = 0;   // where to look on
    size_t covered = 0;  // up to where the text has been given out
  };

  // Looks for `pattern`: the token's content, or its normalized form. An error for an empty or repeated pattern.
  absl::Status Add(std::string_view pattern, const AddedTokenConfig& token, int64_t id);

  bool empty() const { return tokens_.empty(); }

  // REQUIRES: `text` is valid UTF-8 and the same from call to call. After the last match, text.substr(cursor.covered)
  // is the rest.
  std::optional<Match> Next(std::string_view text, Cursor* cursor) const;

 private:
  struct Token {
    AddedTokenConfig config;
    int64_t id;
  };

  ByteTrie trie_;
  std::array<bool, 256> first_byte_{};
  std::vector<Token> tokens_;
};

struct NumberedToken {
  AddedTokenConfig token;
  int64_t id;
};

// The ids of added tokens as `tokenizers` gives them out (the file's own "id" does not count there): the vocabulary's
// where it has the string, else the next ones after vocab_size. Empty tokens are left out; the last of several with one
// content counts. `token_to_id` looks in the vocabulary, -1 for no entry. An error where two contents get one id.
absl::StatusOr<std::vector<NumberedToken>> NumberAddedTokens(const std::vector<AddedTokenConfig>& tokens,
                                                             int64_t vocab_size,
                                                             absl::FunctionRef<int64_t(std::string_view)> token_to_id);

}  // namespace strata::text

#endif  // STRATA_SYSTEMS_TEXT_ADDED_TOKENS_H_
