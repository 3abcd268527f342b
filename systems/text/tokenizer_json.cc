#include "systems/text/tokenizer_json.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "systems/text/json_fields.h"
#include "systems/text/post_processor_json.h"
#include "systems/text/quoted.h"

namespace strata::text {
namespace {

constexpr size_t kMaxDepth = 32;
constexpr int64_t kMaxId = std::numeric_limits<int32_t>::max();

void ReadTruncation(const JsonFields& file, absl::Status* status, TokenizerConfig* config) {
  const auto element = file.Find("truncation");
  if (!element) return;
  const JsonFields fields(*element, "truncation", status);
  TruncationConfig truncation;
  truncation.max_length = fields.Int("max_length", kMaxId);
  truncation.stride = fields.Int("stride", kMaxId);
  if (const std::string_view strategy = fields.String("strategy");
      fields.ok() && strategy != "LongestFirst" && strategy != "OnlyFirst") {
    fields.Fail("strategy",
                absl::StrCat("is ", Quoted(strategy), "; this server supports \"LongestFirst\" and \"OnlyFirst\""));
  }
  if (fields.Find("direction")) {
    const std::string_view direction = fields.String("direction");
    truncation.keep_right = direction == "Left";
    if (direction != "Left" && direction != "Right") {
      fields.Fail("direction", absl::StrCat("is ", Quoted(direction), "; it may be \"Left\" or \"Right\""));
    }
  }
  config->truncation = truncation;
}

void ReadAddedTokens(const JsonFields& file, absl::Status* status, TokenizerConfig* config) {
  if (!file.Find("added_tokens")) return;
  for (const simdjson::dom::element element : file.Array("added_tokens", kMaxAddedTokens)) {
    const JsonFields fields(element, absl::StrCat("added_tokens[", config->added_tokens.size(), "]"), status);
    AddedTokenConfig token;
    fields.Int("id", kMaxId);  // has to be there, and does not count: see NumberAddedTokens
    token.content = std::string(fields.String("content"));
    token.single_word = fields.Bool("single_word");
    token.lstrip = fields.Bool("lstrip");
    token.rstrip = fields.Bool("rstrip");
    token.normalized = fields.Bool("normalized");
    token.special = fields.Bool("special");
    if (token.content.size() > kMaxTokenBytes) {
      fields.Fail("content",
                  absl::StrCat("has ", token.content.size(), " bytes; at most ", kMaxTokenBytes, " are read"));
    }
    if (!fields.ok()) return;
    config->added_tokens.push_back(std::move(token));
  }
}

void RequireType(const JsonFields& fields, std::string_view wanted) {
  const std::string_view type = fields.String("type");
  if (fields.ok() && type != wanted) {
    fields.Fail("type", absl::StrCat("is ", Quoted(type), "; this server supports ", Quoted(wanted)));
  }
}

void ReadNormalizer(const JsonFields& file, absl::Status* status, TokenizerConfig* config) {
  const auto element = file.Find("normalizer");
  if (!element) return;  // none: text stays as it is
  const JsonFields fields(*element, "normalizer", status);
  RequireType(fields, "BertNormalizer");
  config->normalizer.clean_text = fields.Bool("clean_text");
  config->normalizer.handle_chinese_chars = fields.Bool("handle_chinese_chars");
  config->normalizer.lowercase = fields.Bool("lowercase");
  config->normalizer.strip_accents = fields.OptionalBool("strip_accents").value_or(config->normalizer.lowercase);
}

void ReadPreTokenizer(const JsonFields& file, absl::Status* status) {
  const auto element = file.Find("pre_tokenizer");
  if (!element) return file.Fail("pre_tokenizer", "is missing; this server supports \"BertPreTokenizer\"");
  RequireType(JsonFields(*element, "pre_tokenizer", status), "BertPreTokenizer");
}

void ReadVocab(const JsonFields& fields, WordPieceConfig* model) {
  const auto vocab = fields.Object("vocab");
  if (!vocab) return;
  absl::flat_hash_set<std::string_view> seen;
  for (const auto field : *vocab) {
    int64_t id = -1;
    if (field.value.get(id) != simdjson::SUCCESS || id < 0 || id > kMaxId) {
      return fields.Fail("vocab",
                         absl::StrCat("gives ", Quoted(field.key), " something that is no id from 0 to ", kMaxId));
    }
    if (field.key.size() > kMaxTokenBytes) {
      return fields.Fail(
          "vocab", absl::StrCat("has a token of ", field.key.size(), " bytes; at most ", kMaxTokenBytes, " are read"));
    }
    if (!seen.insert(field.key).second) {
      return fields.Fail("vocab", absl::StrCat("has ", Quoted(field.key), " twice"));
    }
    model->vocab.emplace_back(field.key, static_cast<int32_t>(id));
  }
}

void ReadModel(const JsonFields& file, absl::Status* status, TokenizerConfig* config) {
  const auto element = file.Find("model");
  if (!element) return file.Fail("model", "is missing");
  const JsonFields fields(*element, "model", status);
  // Files from before 2020 have no type: there, WordPiece is what has max_input_chars_per_word.
  if (fields.Find("type") || !fields.Find("max_input_chars_per_word")) RequireType(fields, "WordPiece");
  if (!fields.ok()) return;
  config->model.unk_token = std::string(fields.String("unk_token"));
  config->model.continuing_subword_prefix = std::string(fields.String("continuing_subword_prefix"));
  config->model.max_input_chars_per_word = fields.Int("max_input_chars_per_word", kMaxId);
  ReadVocab(fields, &config->model);
}

}  // namespace

absl::StatusOr<TokenizerConfig> ParseTokenizerJson(std::string_view json) {
  if (json.size() > kMaxTokenizerJsonBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("tokenizer.json has ", json.size(), " bytes; at most ", kMaxTokenizerJsonBytes, " are read"));
  }
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  auto error = parser.allocate(json.size(), kMaxDepth);
  if (error == simdjson::SUCCESS) error = parser.parse(json.data(), json.size()).get(root);
  if (error != simdjson::SUCCESS) {
    return absl::InvalidArgumentError(
        absl::StrCat("tokenizer.json is not valid JSON: ", simdjson::error_message(error)));
  }
  absl::Status status;
  TokenizerConfig config;
  const JsonFields file(root, "", &status);
  if (file.Find("version") && file.String("version") != "1.0") {
    file.Fail("version", absl::StrCat("is ", Quoted(file.String("version")), ", wanted \"1.0\""));
  }
  ReadModel(file, &status, &config);
  ReadNormalizer(file, &status, &config);
  ReadPreTokenizer(file, &status);
  ReadPostProcessor(file, &status, &config);
  ReadAddedTokens(file, &status, &config);
  ReadTruncation(file, &status, &config);
  if (!status.ok()) return status;
  return config;
}

}  // namespace strata::text
