// Our parser beside simdjson's: what one takes the other takes, and both read the same values. simdjson refuses
// integers beyond uint64, which ours reads as doubles.
#include <simdjson.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "kernels/base/check.h"
#include "systems/formats/json.h"

namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;
using strata::runtime::Json;

constexpr int kMaxDepth = 16;

// False where a key comes twice, which ends the walk.
bool Same(const Json& ours, const element& theirs);

bool SameMembers(const Json& ours, const simdjson::dom::object& theirs) {
  auto at = theirs.begin();
  size_t count = 0;
  bool same = true;
  const absl::Status status = ours.ForEachMember([&](std::string_view key, Json value) -> absl::Status {
    STRATA_CHECK(count++ < theirs.size() && key == at.key(), "both have the same keys");
    same = same && Same(value, at.value());
    ++at;
    return absl::OkStatus();
  });
  STRATA_CHECK(!status.ok() || count == theirs.size(), "both have as many members");
  return same && status.ok();
}

bool SameElements(const Json& ours, const simdjson::dom::array& theirs) {
  auto at = theirs.begin();
  size_t count = 0;
  bool same = true;
  const absl::Status status = ours.ForEachElement([&](Json value) -> absl::Status {
    STRATA_CHECK(count++ < theirs.size(), "both have as many elements");
    same = same && Same(value, *at);
    ++at;
    return absl::OkStatus();
  });
  STRATA_CHECK(status.ok() && count == theirs.size(), "both have as many elements");
  return same;
}

bool Same(const Json& ours, const element& theirs) {
  switch (theirs.type()) {
    case element_type::OBJECT:
      STRATA_CHECK(ours.is_object(), "an object");
      return SameMembers(ours, theirs.get_object());
    case element_type::ARRAY:
      STRATA_CHECK(ours.is_array(), "an array");
      return SameElements(ours, theirs.get_array());
    case element_type::STRING:
      STRATA_CHECK(ours.AsString() == std::string_view(theirs.get_string()), "a string");
      return true;
    case element_type::BOOL:
      STRATA_CHECK(ours.AsBool() == bool(theirs), "a boolean");
      return true;
    case element_type::NULL_VALUE:
      STRATA_CHECK(ours.is_null(), "null");
      return true;
    case element_type::INT64:
      STRATA_CHECK(ours.AsInteger() == int64_t(theirs), "an integer");
      return true;
    default:
      break;
  }
  const double value = theirs.get_double();
  STRATA_CHECK(ours.AsNumber() && !ours.AsInteger(), "a number that is no int64");
  STRATA_CHECK(std::bit_cast<uint64_t>(*ours.AsNumber()) == std::bit_cast<uint64_t>(value), "a number's bits");
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto ours = strata::runtime::JsonDocument::Parse(text, kMaxDepth);
  simdjson::dom::parser parser;
  // simdjson counts what is in the innermost container as a level.
  simdjson::error_code error = parser.allocate(size, kMaxDepth + 1);
  element root;
  if (error == simdjson::SUCCESS) error = parser.parse(text).get(root);
  if (error != simdjson::SUCCESS) {
    STRATA_CHECK(!ours.ok() || error == simdjson::NUMBER_ERROR, "ours takes what simdjson refuses");
    return 0;
  }
  STRATA_CHECK(ours.ok(), "simdjson takes what ours refuses");
  Same(ours->root(), root);
  return 0;
}
