#include "systems/formats/json.h"

#include <unordered_set>
#include <utility>
#include <vector>

#include "systems/formats/json_node.h"
#include "systems/formats/text.h"

namespace strata::runtime {

using Kind = JsonNode::Kind;

bool Json::is_null() const { return node_->kind == Kind::kNull; }
bool Json::is_array() const { return node_->kind == Kind::kArray; }
bool Json::is_object() const { return node_->kind == Kind::kObject; }

std::optional<bool> Json::AsBool() const {
  return node_->kind == Kind::kBool ? std::optional(node_->flag) : std::nullopt;
}

std::optional<int64_t> Json::AsInteger() const {
  return node_->kind == Kind::kNumber && node_->whole ? std::optional(node_->number.integer) : std::nullopt;
}

std::optional<double> Json::AsNumber() const {
  return node_->kind == Kind::kNumber ? std::optional(node_->number.value) : std::nullopt;
}

std::optional<std::string_view> Json::AsString() const {
  return node_->kind == Kind::kString ? std::optional(node_->text) : std::nullopt;
}

absl::Status Json::ForEachElement(FunctionRef<absl::Status(Json)> f) const {
  if (!is_array()) return absl::InternalError("no JSON array");
  for (const JsonNode *at = node_ + 1, *end = node_ + node_->span; at != end; at += at->span) {
    RUNTIME_RETURN_IF_ERROR(f(Json(at)));
  }
  return absl::OkStatus();
}

absl::Status Json::ForEachMember(FunctionRef<absl::Status(std::string_view, Json)> f) const {
  if (!is_object()) return absl::InternalError("no JSON object");
  std::unordered_set<std::string_view> seen;
  for (const JsonNode *key = node_ + 1, *end = node_ + node_->span; key != end; key += 1 + key[1].span) {
    if (!seen.insert(key->text).second) return Invalid("the key ", Quote(key->text), " comes twice");
    RUNTIME_RETURN_IF_ERROR(f(key->text, Json(key + 1)));
  }
  return absl::OkStatus();
}

std::string_view Json::KindText() const {
  constexpr std::string_view kNames[] = {"null", "a boolean", "a number", "a string", "an array", "an object"};
  return kNames[static_cast<size_t>(node_->kind)];
}

struct JsonDocument::Impl {
  std::string text;  // strings point into it
  std::vector<JsonNode> nodes;
};

JsonDocument::JsonDocument(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;
JsonDocument::~JsonDocument() = default;

absl::StatusOr<JsonDocument> JsonDocument::Parse(std::string_view text, int max_depth) {
  auto impl = std::make_unique<Impl>();
  impl->text = std::string(text);
  RUNTIME_RETURN_IF_ERROR(ParseJson(&impl->text, max_depth, &impl->nodes));
  return JsonDocument(std::move(impl));
}

Json JsonDocument::root() const { return Json(impl_->nodes.data()); }

absl::Status ReadFields(Json object, std::initializer_list<Field> fields, UnknownKeys unknown) {
  if (!object.is_object()) {
    return Invalid("found ", object.KindText(), ", wanted an object");
  }
  RUNTIME_RETURN_IF_ERROR(object.ForEachMember([&](std::string_view key, Json value) {
    for (const Field& field : fields) {
      if (field.key != key) continue;
      *field.value = value;
      return absl::OkStatus();
    }
    if (unknown == kIgnoreUnknown) return absl::OkStatus();
    return Invalid("there is an unknown key ", Quote(key));
  }));
  for (const Field& field : fields) {
    if (field.rule == kMustBeThere && !field.value->has_value()) {
      return Invalid("the key ", Quote(field.key), " is missing");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> StringOf(Json json, std::string_view what, size_t max_bytes) {
  const std::optional<std::string_view> text = json.AsString();
  if (!text) {
    return Invalid(what, " is ", json.KindText(), ", wanted a string");
  }
  if (text->size() > max_bytes) {
    return Invalid(what, " has ", text->size(), " bytes, wanted at most ", max_bytes);
  }
  return std::string(*text);
}

absl::StatusOr<int64_t> IntegerOf(Json json, std::string_view what, int64_t min, int64_t max) {
  const std::optional<int64_t> value = json.AsInteger();
  if (value && *value >= min && *value <= max) return *value;
  const std::string had = value ? Cat(*value) : std::string(json.KindText());
  return Invalid(what, " is ", had, ", wanted an integer from ", min, " to ", max);
}

absl::Status WantArray(Json json, std::string_view what) {
  if (json.is_array()) return absl::OkStatus();
  return Invalid(what, " is ", json.KindText(), ", wanted an array");
}

absl::Status WantObject(Json json, std::string_view what) {
  if (json.is_object()) return absl::OkStatus();
  return Invalid(what, " is ", json.KindText(), ", wanted an object");
}

}  // namespace strata::runtime
