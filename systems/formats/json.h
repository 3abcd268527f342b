// A bundle's JSON: a parsed document to walk, and the strict reading of objects of a fixed form.
// The parser is our own (json_node.h), so that strata-run can be one static file. Not for: requests (systems/protocol).
//
//   absl::StatusOr<JsonDocument> document = JsonDocument::Parse(text, /*max_depth=*/32);
//   std::optional<Json> name, shape;
//   RUNTIME_RETURN_IF_ERROR(ReadFields(document->root(), {{"name", &name}, {"shape", &shape, kMayBeAbsent}}));
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/base/function_ref.h"

namespace strata::runtime {

struct JsonNode;

// One value of a document. REQUIRES: its JsonDocument is alive.
class Json {
 public:
  bool is_null() const;
  bool is_array() const;
  bool is_object() const;
  std::optional<bool> AsBool() const;
  std::optional<int64_t> AsInteger() const;  // nothing for 1.0, and beyond int64
  std::optional<double> AsNumber() const;
  std::optional<std::string_view> AsString() const;

  // Calls `f` for every element of an array or member of an object, until one is not ok. REQUIRES: it is one.
  absl::Status ForEachElement(FunctionRef<absl::Status(Json)> f) const;
  // A key that comes twice is an error: which of the two would count is for nobody to guess.
  absl::Status ForEachMember(FunctionRef<absl::Status(std::string_view, Json)> f) const;

  // What it is, for messages: `a string`, `an object`...
  std::string_view KindText() const;

 private:
  friend class JsonDocument;
  explicit Json(const JsonNode* node) : node_(node) {}
  const JsonNode* node_;
};

class JsonDocument {
 public:
  // kInvalidArgument for what is not one JSON value in UTF-8, and beyond `max_depth`.
  static absl::StatusOr<JsonDocument> Parse(std::string_view text, int max_depth);
  JsonDocument(JsonDocument&&) noexcept;
  JsonDocument& operator=(JsonDocument&&) noexcept;
  ~JsonDocument();

  Json root() const;

 private:
  struct Impl;
  explicit JsonDocument(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

enum FieldRule : uint8_t { kMustBeThere, kMayBeAbsent };
enum UnknownKeys : uint8_t { kRefuseUnknown, kIgnoreUnknown };

struct Field {
  std::string_view key;
  std::optional<Json>* value;  // set if the key is there
  FieldRule rule = kMustBeThere;
};

// Reads an object whose keys are known.
absl::Status ReadFields(Json object, std::initializer_list<Field> fields, UnknownKeys unknown = kRefuseUnknown);

// Each fails with "<what> is <kind>, wanted ...".
absl::StatusOr<std::string> StringOf(Json json, std::string_view what, size_t max_bytes);
absl::StatusOr<int64_t> IntegerOf(Json json, std::string_view what, int64_t min, int64_t max);
absl::Status WantArray(Json json, std::string_view what);
absl::Status WantObject(Json json, std::string_view what);

}  // namespace strata::runtime
