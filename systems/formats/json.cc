#include "systems/formats/json.h"

#include <simdjson.h>

#include <cstring>
#include <unordered_set>
#include <utility>

#include "systems/formats/text.h"

namespace strata::runtime {
namespace {

using Element = simdjson::dom::element;
static_assert(sizeof(Element) == 16 && std::is_trivially_copyable_v<Element>, "Json holds one by value");

}  // namespace

struct JsonAccess {
  static Element Get(const Json& json) {
    Element element;
    std::memcpy(&element, json.element_, sizeof element);
    return element;
  }
  static Json Make(const Element& element) {
    Json json;
    std::memcpy(json.element_, &element, sizeof element);
    return json;
  }
};

bool Json::is_null() const { return JsonAccess::Get(*this).is_null(); }
bool Json::is_array() const { return JsonAccess::Get(*this).is_array(); }
bool Json::is_object() const { return JsonAccess::Get(*this).is_object(); }

std::optional<bool> Json::AsBool() const {
  bool value;
  if (JsonAccess::Get(*this).get(value) != simdjson::SUCCESS) return std::nullopt;
  return value;
}

std::optional<int64_t> Json::AsInteger() const {
  int64_t value;
  if (JsonAccess::Get(*this).get(value) != simdjson::SUCCESS) return std::nullopt;
  return value;
}

std::optional<double> Json::AsNumber() const {
  double value;
  if (JsonAccess::Get(*this).get(value) != simdjson::SUCCESS) return std::nullopt;
  return value;
}

std::optional<std::string_view> Json::AsString() const {
  std::string_view value;
  if (JsonAccess::Get(*this).get(value) != simdjson::SUCCESS) return std::nullopt;
  return value;
}

absl::Status Json::ForEachElement(FunctionRef<absl::Status(Json)> f) const {
  simdjson::dom::array array;
  if (JsonAccess::Get(*this).get(array) != simdjson::SUCCESS) return absl::InternalError("no JSON array");
  for (const Element element : array) RUNTIME_RETURN_IF_ERROR(f(JsonAccess::Make(element)));
  return absl::OkStatus();
}

absl::Status Json::ForEachMember(FunctionRef<absl::Status(std::string_view, Json)> f) const {
  simdjson::dom::object object;
  if (JsonAccess::Get(*this).get(object) != simdjson::SUCCESS) return absl::InternalError("no JSON object");
  std::unordered_set<std::string_view> seen;
  for (const auto member : object) {
    if (!seen.insert(member.key).second) {
      return Invalid("the key ", Quote(member.key), " comes twice");
    }
    RUNTIME_RETURN_IF_ERROR(f(member.key, JsonAccess::Make(member.value)));
  }
  return absl::OkStatus();
}

std::string_view Json::KindText() const {
  switch (JsonAccess::Get(*this).type()) {
    case simdjson::dom::element_type::ARRAY:
      return "an array";
    case simdjson::dom::element_type::OBJECT:
      return "an object";
    case simdjson::dom::element_type::STRING:
      return "a string";
    case simdjson::dom::element_type::BOOL:
      return "a boolean";
    case simdjson::dom::element_type::NULL_VALUE:
      return "null";
    default:
      return "a number";
  }
}

struct JsonDocument::Impl {
  simdjson::dom::parser parser;
  Element root;
};

JsonDocument::JsonDocument(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;
JsonDocument::~JsonDocument() = default;

absl::StatusOr<JsonDocument> JsonDocument::Parse(std::string_view text, int max_depth) {
  auto impl = std::make_unique<Impl>();
  simdjson::error_code error = impl->parser.allocate(text.size(), static_cast<size_t>(max_depth));
  if (error == simdjson::SUCCESS) error = impl->parser.parse(text.data(), text.size()).get(impl->root);
  if (error == simdjson::DEPTH_ERROR) {
    return Invalid("the JSON is nested deeper than ", max_depth, " levels");
  }
  if (error != simdjson::SUCCESS) {
    return Invalid("the JSON is not valid: ", simdjson::error_message(error));
  }
  return JsonDocument(std::move(impl));
}

Json JsonDocument::root() const { return JsonAccess::Make(impl_->root); }

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
