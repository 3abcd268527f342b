// The members of one JSON object, each read with the type that it must have.
//
// For: the .cc files that read tokenizer.json (it includes simdjson, which is heavy). The first error stays in the
// Status that all readers of one file share, later reads give empty values: so code reads everything and checks once.
// Not for: objects whose keys are data (a vocabulary).
//
//   absl::Status status; JsonFields model(element, "model", &status);
//   std::string_view type = model.String("type"); if (!status.ok()) return status;
#ifndef STRATA_SYSTEMS_TEXT_JSON_FIELDS_H_
#define STRATA_SYSTEMS_TEXT_JSON_FIELDS_H_

#include <simdjson.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace strata::text {

class JsonFields {
 public:
  // `path` names the object in messages ("" is the file). An error where `element` is no object or has a key twice:
  // readers of JSON disagree about which one counts.
  JsonFields(simdjson::dom::element element, std::string path, absl::Status* status);

  // Nothing where the key is missing or null.
  std::optional<simdjson::dom::element> Find(std::string_view key) const;

  bool Bool(std::string_view key) const;
  std::optional<bool> OptionalBool(std::string_view key) const;
  int64_t Int(std::string_view key, int64_t max) const;  // from 0 to max
  std::string_view String(std::string_view key) const;   // lives as long as the parser
  std::vector<simdjson::dom::element> Array(std::string_view key, size_t max_size) const;
  std::optional<simdjson::dom::object> Object(std::string_view key) const;

  const std::string& path() const { return path_; }
  bool ok() const { return status_->ok(); }

  // Records "tokenizer.json: <path>.<key> <problem>", unless there is an error already.
  void Fail(std::string_view key, std::string_view problem) const;

 private:
  std::optional<simdjson::dom::element> Require(std::string_view key) const;

  simdjson::dom::object object_;
  bool is_object_ = false;
  std::string path_;
  absl::Status* status_;
};

// What a value is, in a word, for messages.
const char* JsonTypeName(simdjson::dom::element element);

}  // namespace strata::text

#endif  // STRATA_SYSTEMS_TEXT_JSON_FIELDS_H_
