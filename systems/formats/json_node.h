// What a JSON text is made of, one after the other as they stand in it, and the parser that makes them. Inside of
// json.cc.
//
//   ParseJson(text, 32, &nodes) -> nodes[0] is the root
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace strata::runtime {

struct JsonNode {
  enum class Kind : uint8_t { kNull, kBool, kNumber, kString, kArray, kObject };
  Kind kind = Kind::kNull;
  bool whole = false;  // of a number: written without fraction or exponent, and within int64
  bool flag = false;   // of a boolean
  // Nodes that it takes, itself included. What an array holds follows it; of an object: key, value, key, value.
  uint32_t span = 1;
  union {
    struct {
      double value;
      int64_t integer;
    } number;
    std::string_view text;
  };

  JsonNode() : text() {}
};

// Parses `text`, which is changed (escapes become what they mean) and must outlive the nodes. kInvalidArgument, with
// the place, for what is not one JSON value in UTF-8 (RFC 8259), for numbers beyond double, and beyond `max_depth`
// levels of arrays and objects.
absl::Status ParseJson(std::string* text, int max_depth, std::vector<JsonNode>* nodes);

}  // namespace strata::runtime
