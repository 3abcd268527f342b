#include "systems/text/post_processor_json.h"

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "systems/text/quoted.h"
#include "systems/text/tokenizer_json.h"

namespace strata::text {
namespace {

using simdjson::dom::element;

constexpr int64_t kMaxId = std::numeric_limits<int32_t>::max();

using SpecialTokens = absl::flat_hash_map<std::string_view, std::vector<int64_t>>;

SpecialTokens ReadSpecialTokens(const JsonFields& fields, absl::Status* status) {
  SpecialTokens tokens;
  const auto object = fields.Object("special_tokens");
  if (!object) return tokens;
  for (const auto field : *object) {
    const JsonFields token(field.value, absl::StrCat("post_processor.special_tokens.", Quoted(field.key)), status);
    std::vector<int64_t> ids;
    for (const element value : token.Array("ids", kMaxTemplatePieces)) {
      int64_t id = -1;
      if (value.get(id) != simdjson::SUCCESS || id < 0 || id > kMaxId) {
        token.Fail("ids", absl::StrCat("has something that is no id from 0 to ", kMaxId));
      }
      ids.push_back(id);
    }
    if (!tokens.emplace(field.key, std::move(ids)).second) token.Fail("", "is there twice");
    if (!fields.ok()) break;
  }
  return tokens;
}

TemplatePiece ReadPiece(element value, const std::string& path, const SpecialTokens& tokens, absl::Status* status) {
  TemplatePiece piece;
  const JsonFields fields(value, path, status);
  if (const auto sequence = fields.Find("Sequence")) {
    const JsonFields body(*sequence, path + ".Sequence", status);
    piece.is_text = true;
    if (const std::string_view id = body.String("id"); body.ok() && id != "A") {
      body.Fail("id", absl::StrCat("is ", Quoted(id), "; a template for single texts has only \"A\""));
    }
  } else if (const auto special = fields.Find("SpecialToken")) {
    const JsonFields body(*special, path + ".SpecialToken", status);
    const std::string_view id = body.String("id");
    const auto token = tokens.find(id);
    if (token != tokens.end()) {
      piece.ids = token->second;
    } else if (body.ok()) {
      body.Fail("id", absl::StrCat("is ", Quoted(id), ", which special_tokens does not have"));
    }
  } else {
    fields.Fail("", "is neither a Sequence nor a SpecialToken");
  }
  return piece;
}

void ReadTemplate(const JsonFields& fields, absl::Status* status, TokenizerConfig* config) {
  const SpecialTokens tokens = ReadSpecialTokens(fields, status);
  config->post_processor.clear();
  for (const element value : fields.Array("single", kMaxTemplatePieces)) {
    const std::string path = absl::StrCat("post_processor.single[", config->post_processor.size(), "]");
    config->post_processor.push_back(ReadPiece(value, path, tokens, status));
    if (!fields.ok()) return;
  }
}

// A token as BertProcessing writes it: ["[CLS]", 101].
TemplatePiece ReadNamedId(const JsonFields& fields, std::string_view key) {
  const std::vector<element> pair = fields.Array(key, 2);
  std::string_view name;
  int64_t id = -1;
  if (pair.size() != 2 || pair[0].get(name) != simdjson::SUCCESS || pair[1].get(id) != simdjson::SUCCESS || id < 0 ||
      id > kMaxId) {
    fields.Fail(key, absl::StrCat("is no [token, id] with an id from 0 to ", kMaxId));
  }
  return {.is_text = false, .ids = {id}};
}

}  // namespace

void ReadPostProcessor(const JsonFields& file, absl::Status* status, TokenizerConfig* config) {
  const auto value = file.Find("post_processor");
  if (!value) return;
  const JsonFields fields(*value, "post_processor", status);
  const std::string_view type = fields.String("type");
  if (type == "TemplateProcessing") {
    ReadTemplate(fields, status, config);
  } else if (type == "BertProcessing") {
    config->post_processor = {ReadNamedId(fields, "cls"), {.is_text = true, .ids = {}}, ReadNamedId(fields, "sep")};
  } else {
    fields.Fail("type", absl::StrCat("is ", Quoted(type),
                                     "; this server supports \"TemplateProcessing\" and \"BertProcessing\""));
  }
}

}  // namespace strata::text
