// Reads a Hugging Face `tokenizer.json`.
//
// For: the WordPiece family (BERT, MiniLM, ...), as docs/formats/tokenizer.md lists it. The bytes are untrusted: sizes,
// depth, types and ranges are checked, and a part that is not supported is an error that names it. Not for: writing
// one.
//
//   absl::StatusOr<TokenizerConfig> config = ParseTokenizerJson(bytes);
#ifndef STRATA_SYSTEMS_TEXT_TOKENIZER_JSON_H_
#define STRATA_SYSTEMS_TEXT_TOKENIZER_JSON_H_

#include <cstddef>
#include <string_view>

#include "absl/status/statusor.h"
#include "systems/text/tokenizer_config.h"

namespace strata::text {

inline constexpr size_t kMaxTokenizerJsonBytes = size_t{64} << 20;
inline constexpr size_t kMaxTokenBytes = 1024;  // of one vocabulary entry or added token
inline constexpr size_t kMaxAddedTokens = 100'000;
inline constexpr size_t kMaxTemplatePieces = 64;  // and ids of one special token

absl::StatusOr<TokenizerConfig> ParseTokenizerJson(std::string_view json);

}  // namespace strata::text

#endif  // STRATA_SYSTEMS_TEXT_TOKENIZER_JSON_H_
