#include "systems/protocol/json_fields.h"

#include <algorithm>

#include "systems/protocol/decimal.h"
#include "systems/protocol/quote.h"
#include "systems/protocol/text.h"

namespace strata::protocol {
namespace {

using Kind = JsonReader::Kind;

bool FailWith(JsonReader* json, std::string message) {
  json->Fail(absl::InvalidArgumentError(message));
  return false;
}

// A value that is not even JSON is left to the reader, which says where.
bool Wants(JsonReader* json, Kind kind, std::string_view what, std::string_view wanted) {
  static constexpr std::string_view kNames[] = {"an object", "an array", "a string", "a number", "a bool", "null"};
  const Kind found = json->Peek();
  if (found == kind) return true;
  if (found == Kind::kNone) return json->SkipValue();
  return FailWith(json, Cat(what, " is ", kNames[static_cast<size_t>(found)], ", but wanted ", wanted));
}

}  // namespace

bool FieldSet::Has(std::string_view name) const {
  return std::find(seen_.begin(), seen_.begin() + count_, name) != seen_.begin() + count_;
}

bool FieldSet::Is(std::string_view key, std::string_view name) {
  if (key != name) return false;
  if (Has(name)) {
    FailWith(&json_, Cat(owner_, " has the field \"", name, "\" twice"));
  } else {
    seen_[count_++] = name;
  }
  return true;
}

void FieldSet::Unknown(std::string_view key) {
  FailWith(&json_, Cat(owner_, " has the field ", Quote(key), ", which is not part of the protocol"));
}

bool FieldSet::Require(std::string_view name) {
  return Has(name) || FailWith(&json_, Cat(owner_, " has no field \"", name, "\""));
}

bool ReadShortString(JsonReader* json, std::string_view what, size_t max_bytes, std::string* value) {
  std::string_view text;
  if (!Wants(json, Kind::kString, what, "a string") || !json->ReadString(&text)) return false;
  if (text.size() > max_bytes) {
    return FailWith(json, Cat(what, " has ", text.size(), " bytes, but the limit is ", max_bytes));
  }
  value->assign(text);
  return true;
}

bool ReadName(JsonReader* json, std::string_view what, size_t max_bytes, std::string* value) {
  if (!ReadShortString(json, what, max_bytes, value)) return false;
  return !value->empty() || FailWith(json, Cat(what, " is empty"));
}

bool ReadFlag(JsonReader* json, std::string_view what, bool* value) {
  return Wants(json, Kind::kBool, what, "true or false") && json->ReadBool(value);
}

bool ReadInteger(JsonReader* json, std::string_view what, int64_t min, int64_t max, int64_t* value) {
  Decimal number;
  if (!Wants(json, Kind::kNumber, what, "an integer") || !json->ReadNumber(&number)) return false;
  const std::optional<int64_t> integer = ToInt64(number);
  if (!integer || *integer < min || *integer > max) {
    return FailWith(json, Cat(what, " is ", Quote(number.text), ", but wanted an integer from ", min, " to ", max));
  }
  *value = *integer;
  return true;
}

bool SkipNull(JsonReader* json) { return json->Peek() == Kind::kNull && json->ReadNull(); }

}  // namespace strata::protocol
