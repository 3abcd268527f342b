#include "systems/text/added_tokens.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "systems/text/quoted.h"
#include "systems/text/unicode_tables.h"
#include "systems/text/utf8.h"

namespace strata::text {
namespace {

bool IsSpace(char32_t c) { return (UnicodeTables::Get().Flags(c) & kWhitespace) != 0; }

bool IsSingleWord(std::string_view text, size_t begin, size_t end) {
  if (begin > 0 && IsWordCharacter(DecodeUtf8Before(text, begin).value)) return false;
  return end == text.size() || !IsWordCharacter(DecodeUtf8(text, end).value);
}

size_t SkipSpaceBefore(std::string_view text, size_t at, size_t floor) {
  while (at > floor) {
    const CodePoint c = DecodeUtf8Before(text, at);
    if (!IsSpace(c.value)) break;
    at -= c.length;
  }
  return at;
}

size_t SkipSpace(std::string_view text, size_t at) {
  while (at < text.size()) {
    const CodePoint c = DecodeUtf8(text, at);
    if (!IsSpace(c.value)) break;
    at += c.length;
  }
  return at;
}

}  // namespace

absl::Status AddedTokenFinder::Add(std::string_view pattern, const AddedTokenConfig& token, int64_t id) {
  if (pattern.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("tokenizer.json: added_tokens: ", Quoted(token.content),
                                                   " normalizes to nothing, so it can match nothing"));
  }
  if (const int32_t other = trie_.Find(pattern); other >= 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("tokenizer.json: added_tokens: ", Quoted(tokens_[other].config.content), " and ",
                     Quoted(token.content), " both normalize to ", Quoted(pattern)));
  }
  if (!trie_.Insert(pattern, static_cast<int32_t>(tokens_.size()))) {
    return absl::InvalidArgumentError("tokenizer.json: added_tokens are too many or too long");
  }
  first_byte_[static_cast<uint8_t>(pattern[0])] = true;
  tokens_.push_back({token, id});
  return absl::OkStatus();
}

std::optional<AddedTokenFinder::Match> AddedTokenFinder::Next(std::string_view text, Cursor* cursor) const {
  while (cursor->search < text.size()) {
    const size_t found = cursor->search;
    if (!first_byte_[static_cast<uint8_t>(text[found])]) {
      ++cursor->search;
      continue;
    }
    const ByteTrie::Match match = trie_.LongestMatch(ByteTrie::kRoot, text.substr(found));
    if (match.length == 0) {
      ++cursor->search;
      continue;
    }
    cursor->search = found + match.length;
    const Token& token = tokens_[match.value];
    size_t begin = found, end = cursor->search;
    if (token.config.single_word && !IsSingleWord(text, begin, end)) continue;
    // No space is walked over twice, so that a token that is itself white space costs no quadratic time: up to
    // `covered` a match before this one has stripped.
    if (token.config.lstrip) begin = SkipSpaceBefore(text, begin, cursor->covered);
    if (token.config.rstrip) end = SkipSpace(text, std::max(end, cursor->covered));
    const size_t covered = std::exchange(cursor->covered, end);
    return Match{begin > covered ? text.substr(covered, begin - covered) : std::string_view(), token.id};
  }
  return std::nullopt;
}

absl::StatusOr<std::vector<NumberedToken>> NumberAddedTokens(const std::vector<AddedTokenConfig>& tokens,
                                                             int64_t vocab_size,
                                                             absl::FunctionRef<int64_t(std::string_view)> token_to_id) {
  std::vector<NumberedToken> numbered;
  absl::flat_hash_map<std::string_view, size_t> by_content;
  absl::flat_hash_map<int64_t, std::string_view> by_id;
  int64_t next_id = vocab_size;
  for (const AddedTokenConfig& token : tokens) {
    if (token.content.empty()) continue;
    const auto [place, is_new] = by_content.try_emplace(token.content, numbered.size());
    if (!is_new) {
      numbered[place->second].token = token;
      continue;
    }
    const int64_t known = token_to_id(token.content);
    const int64_t id = known >= 0 ? known : next_id++;
    if (const auto [other, free] = by_id.try_emplace(id, token.content); !free) {
      return absl::InvalidArgumentError(absl::StrCat("tokenizer.json: added_tokens: ", Quoted(other->second), " and ",
                                                     Quoted(token.content), " both get the id ", id));
    }
    numbered.push_back({token, id});
  }
  return numbered;
}

}  // namespace strata::text
