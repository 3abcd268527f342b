// Reads the fields of JSON objects whose form is fixed by a protocol: each at most once, none unknown.
// Not for: tensors' data; tensor_json.h does that.
//
//   FieldSet fields(&json, "the request");
//   std::string_view key;
//   json.EnterObject();
//   while (json.NextKey(&key)) {
//     if (fields.Is(key, "id")) ReadShortString(&json, "id", 256, &id);
//     else fields.Unknown(key);
//   }
#ifndef STRATA_SYSTEMS_PROTOCOL_JSON_FIELDS_H_
#define STRATA_SYSTEMS_PROTOCOL_JSON_FIELDS_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "systems/protocol/json_reader.h"

namespace strata::protocol {

// Which fields of one object were there.
class FieldSet {
 public:
  // REQUIRES: `json` and `owner` outlive this; `owner` begins the messages.
  FieldSet(JsonReader* json, std::string_view owner) : json_(*json), owner_(owner) {}

  // Whether `key` is `name`. A second time is a failure: which of the two would count is for nobody to guess.
  // REQUIRES: `name` is a literal, and at most 8 different ones are asked for.
  bool Is(std::string_view key, std::string_view name);
  bool Has(std::string_view name) const;
  // Fails: a field that nobody reads would be a wish silently ignored.
  void Unknown(std::string_view key);
  // Fails unless `name` was there.
  bool Require(std::string_view name);

 private:
  JsonReader& json_;
  std::string_view owner_;
  std::array<std::string_view, 8> seen_;
  size_t count_ = 0;
};

// Each fails with "<what> is ..., but wanted ..." where the value is of another kind or beyond its limit.
bool ReadShortString(JsonReader* json, std::string_view what, size_t max_bytes, std::string* value);
bool ReadName(JsonReader* json, std::string_view what, size_t max_bytes, std::string* value);  // not empty
bool ReadFlag(JsonReader* json, std::string_view what, bool* value);
bool ReadInteger(JsonReader* json, std::string_view what, int64_t min, int64_t max, int64_t* value);

// If null comes next, reads it: an optional field that is null counts as absent.
bool SkipNull(JsonReader* json);

}  // namespace strata::protocol

#endif  // STRATA_SYSTEMS_PROTOCOL_JSON_FIELDS_H_
