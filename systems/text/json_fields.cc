#include "systems/text/json_fields.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "systems/text/quoted.h"

namespace strata::text {

using simdjson::dom::element;

JsonFields::JsonFields(element element, std::string path, absl::Status* status)
    : path_(std::move(path)), status_(status) {
  if (element.get(object_) != simdjson::SUCCESS) {
    Fail("", absl::StrCat("is ", JsonTypeName(element), ", wanted an object"));
    return;
  }
  is_object_ = true;
  absl::flat_hash_set<std::string_view> keys;
  for (const auto field : object_) {
    if (!keys.insert(field.key).second) Fail(Quoted(field.key), "is there twice");
  }
}

std::optional<element> JsonFields::Find(std::string_view key) const {
  element value;
  if (!is_object_ || object_.at_key(key).get(value) != simdjson::SUCCESS || value.is_null()) return std::nullopt;
  return value;
}

std::optional<element> JsonFields::Require(std::string_view key) const {
  std::optional<element> value = Find(key);
  if (!value) Fail(key, "is missing");
  return value;
}

std::optional<bool> JsonFields::OptionalBool(std::string_view key) const {
  const std::optional<element> value = Find(key);
  if (!value) return std::nullopt;
  bool result = false;
  if (value->get(result) != simdjson::SUCCESS) {
    Fail(key, absl::StrCat("is ", JsonTypeName(*value), ", wanted true or false"));
  }
  return result;
}

bool JsonFields::Bool(std::string_view key) const { return Require(key) ? OptionalBool(key).value_or(false) : false; }

int64_t JsonFields::Int(std::string_view key, int64_t max) const {
  const std::optional<element> value = Require(key);
  if (!value) return 0;
  int64_t result = 0;
  if (value->get(result) == simdjson::SUCCESS && result >= 0 && result <= max) return result;
  Fail(key, absl::StrCat("is ", simdjson::minify(*value).substr(0, 40), ", wanted an integer from 0 to ", max));
  return 0;
}

std::string_view JsonFields::String(std::string_view key) const {
  const std::optional<element> value = Require(key);
  std::string_view result;
  if (value && value->get(result) != simdjson::SUCCESS) {
    Fail(key, absl::StrCat("is ", JsonTypeName(*value), ", wanted a string"));
  }
  return result;
}

std::vector<element> JsonFields::Array(std::string_view key, size_t max_size) const {
  std::vector<element> elements;
  const std::optional<element> value = Require(key);
  if (!value) return elements;
  simdjson::dom::array array;  // not to be walked before it is set
  if (value->get(array) != simdjson::SUCCESS) {
    Fail(key, absl::StrCat("is ", JsonTypeName(*value), ", wanted an array"));
    return elements;
  }
  for (const element e : array) {
    if (elements.size() == max_size) {
      Fail(key, absl::StrCat("has more than ", max_size, " elements"));
      return {};
    }
    elements.push_back(e);
  }
  return elements;
}

std::optional<simdjson::dom::object> JsonFields::Object(std::string_view key) const {
  const std::optional<element> value = Require(key);
  if (!value) return std::nullopt;
  simdjson::dom::object object;
  if (value->get(object) == simdjson::SUCCESS) return object;
  Fail(key, absl::StrCat("is ", JsonTypeName(*value), ", wanted an object"));
  return std::nullopt;
}

void JsonFields::Fail(std::string_view key, std::string_view problem) const {
  if (!status_->ok()) return;
  std::string name = path_;
  if (!path_.empty() && !key.empty()) name += '.';
  name += key;
  *status_ = absl::InvalidArgumentError(
      absl::StrCat("tokenizer.json: ", name.empty() ? "the file" : name, " ", std::string(problem)));
}

const char* JsonTypeName(element element) {
  switch (element.type()) {
    case simdjson::dom::element_type::ARRAY:
      return "an array";
    case simdjson::dom::element_type::OBJECT:
      return "an object";
    case simdjson::dom::element_type::STRING:
      return "a string";
    case simdjson::dom::element_type::BOOL:
      return "a truth value";
    case simdjson::dom::element_type::NULL_VALUE:
      return "null";
    default:
      return "a number";
  }
}

}  // namespace strata::text
