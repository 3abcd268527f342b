#include "systems/text/word_piece_tokenizer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "systems/text/bert_words.h"
#include "systems/text/tokenizer_json.h"
#include "systems/text/utf8.h"

namespace strata::text {
namespace {

// Long texts are normalized in parts of about this size, so that one that will be cut is not normalized to its end and
// the buffer stays in the first-level cache.
constexpr size_t kPartBytes = 4096;

// Where the first part of `text` ends: at white space, which separates words whatever the normalizer does.
size_t PartEnd(std::string_view text) {
  if (text.size() <= kPartBytes) return text.size();
  const size_t space = text.find_first_of(" \t\n\r", kPartBytes);
  return space == std::string_view::npos ? text.size() : space;
}

}  // namespace

// Collects a text's ids, without the template's, until there are more than `limit`.
class WordPieceTokenizer::Body {
 public:
  Body(const WordPieceTokenizer& tokenizer, size_t limit) : tokenizer_(tokenizer), limit_(limit) {}

  void AddText(std::string_view text) {
    Split(tokenizer_.raw_tokens_, text, [this](std::string_view gap) { AddGap(gap); });
  }

  std::vector<int64_t>& ids() { return ids_; }

 private:
  bool Full() const { return ids_.size() > limit_; }

  // Gives what lies between added tokens to `add_gap`, in order with the tokens' ids.
  template <typename AddGap>
  void Split(const AddedTokenFinder& finder, std::string_view text, const AddGap& add_gap) {
    AddedTokenFinder::Cursor cursor;
    while (!Full() && !finder.empty()) {
      const auto match = finder.Next(text, &cursor);
      if (!match) break;
      if (!match->gap.empty()) add_gap(match->gap);
      ids_.push_back(match->id);
    }
    if (!Full() && cursor.covered < text.size()) add_gap(text.substr(cursor.covered));
  }

  void AddGap(std::string_view gap) {
    while (!gap.empty() && !Full()) {
      // An added token may hold white space: where such are looked for, the text must stay whole.
      const size_t end = tokenizer_.normalized_tokens_.empty() ? PartEnd(gap) : gap.size();
      normalized_.clear();
      tokenizer_.normalizer_.Normalize(gap.substr(0, end), &normalized_);
      Split(tokenizer_.normalized_tokens_, normalized_, [this](std::string_view text) { AddWords(text); });
      gap.remove_prefix(end);
    }
  }

  void AddWords(std::string_view text) {
    BertWords words(text);
    std::string_view word;
    while (!Full() && words.Next(&word)) tokenizer_.model_.Tokenize(word, &ids_);
  }

  const WordPieceTokenizer& tokenizer_;
  size_t limit_;
  std::vector<int64_t> ids_;
  std::string normalized_;
};

absl::StatusOr<std::unique_ptr<WordPieceTokenizer>> WordPieceTokenizer::Create(std::string_view tokenizer_json,
                                                                               Options options) {
  const absl::StatusOr<TokenizerConfig> config = ParseTokenizerJson(tokenizer_json);
  if (!config.ok()) return config.status();
  absl::StatusOr<WordPiece> model = WordPiece::Create(config->model);
  if (!model.ok()) return model.status();
  std::unique_ptr<WordPieceTokenizer> tokenizer(new WordPieceTokenizer(*config, *std::move(model)));
  if (absl::Status status = tokenizer->AddTokens(config->added_tokens); !status.ok()) return status;
  if (absl::Status status = tokenizer->SetTruncation(*config, options); !status.ok()) return status;
  for (const TemplatePiece& piece : config->post_processor) {
    for (int64_t id : piece.ids) tokenizer->largest_id_ = std::max(tokenizer->largest_id_, id);
  }
  return tokenizer;
}

WordPieceTokenizer::WordPieceTokenizer(const TokenizerConfig& config, WordPiece model)
    : normalizer_(config.normalizer),
      model_(std::move(model)),
      post_processor_(config.post_processor),
      largest_id_(model_.largest_id()) {}

absl::Status WordPieceTokenizer::AddTokens(const std::vector<AddedTokenConfig>& tokens) {
  const auto numbered = NumberAddedTokens(tokens, model_.vocab_size(),
                                          [this](std::string_view token) { return model_.TokenToId(token); });
  if (!numbered.ok()) return numbered.status();
  for (const auto& [token, id] : *numbered) {
    const absl::Status status = token.normalized ? normalized_tokens_.Add(NormalizeForTest(token.content), token, id)
                                                 : raw_tokens_.Add(token.content, token, id);
    if (!status.ok()) return status;
    largest_id_ = std::max(largest_id_, id);
  }
  return absl::OkStatus();
}

absl::Status WordPieceTokenizer::SetTruncation(const TokenizerConfig& config, const Options& options) {
  truncation_ = config.truncation;
  if (options.max_length) {
    if (*options.max_length == 0) {
      truncation_.reset();
      return absl::OkStatus();
    }
    if (!truncation_) truncation_.emplace();
    truncation_->max_length = *options.max_length;
    truncation_->stride = 0;  // of the pieces that are cut off, which are not given out
  }
  if (!truncation_) return absl::OkStatus();
  const int64_t room = truncation_->max_length - post_processor_.num_special();
  if (room < 0 || (truncation_->stride > 0 && truncation_->stride >= room)) {
    return absl::InvalidArgumentError(absl::StrCat("tokenizer.json: truncation to max_length ", truncation_->max_length,
                                                   " leaves no room: there are ", post_processor_.num_special(),
                                                   " special tokens and a stride of ", truncation_->stride));
  }
  return absl::OkStatus();
}

absl::Status WordPieceTokenizer::Encode(std::string_view text, bool add_special_tokens, std::vector<int64_t>* ids,
                                        bool* truncated) const {
  if (const auto bad = FindInvalidUtf8(text)) {
    return absl::InvalidArgumentError(absl::StrFormat("the text is not valid UTF-8: byte 0x%02X at offset %d",
                                                      static_cast<uint8_t>(text[*bad]), *bad));
  }
  size_t room = std::numeric_limits<size_t>::max();
  if (truncation_) {
    room = static_cast<size_t>(truncation_->max_length - (add_special_tokens ? post_processor_.num_special() : 0));
  }
  const bool keep_right = truncation_ && truncation_->keep_right;
  Body body(*this, keep_right ? std::numeric_limits<size_t>::max() : room);
  body.AddText(text);
  const bool too_long = body.ids().size() > room;
  if (too_long) {
    const auto excess = static_cast<std::ptrdiff_t>(body.ids().size() - room);
    const auto first = keep_right ? body.ids().begin() : body.ids().end() - excess;
    body.ids().erase(first, first + excess);
  }
  post_processor_.Apply(add_special_tokens, body.ids(), ids);
  if (truncated != nullptr) *truncated = too_long;
  return absl::OkStatus();
}

std::optional<int64_t> WordPieceTokenizer::max_length() const {
  return truncation_ ? std::optional<int64_t>(truncation_->max_length) : std::nullopt;
}

std::string WordPieceTokenizer::NormalizeForTest(std::string_view text) const {
  std::string out;
  normalizer_.Normalize(text, &out);
  return out;
}

}  // namespace strata::text
