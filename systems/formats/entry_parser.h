// The parser of one entry point of plan.json. Not for use outside of plan_parser.cc.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "systems/formats/json.h"
#include "systems/formats/plan.h"
#include "systems/formats/plan_parser.h"

namespace strata::runtime {

class EntryParser {
 public:
  // REQUIRES: the arguments outlive the parser.
  EntryParser(const SafeTensors& weights, const OpHashes& hashes) : weights_(weights), hashes_(hashes) {}

  // `steps_left` is lowered by the number of steps.
  absl::StatusOr<EntryPlan> Parse(std::string_view name, Json json, size_t* steps_left);

 private:
  absl::Status ParseDims(Json json);
  absl::Status ParseInputs(Json json);
  absl::Status CheckDimsBind() const;
  absl::Status ParseOutputs(Json json);

  absl::Status ParseStep(Json json);
  absl::Status ParseOpStep(Json op, std::optional<Json> attrs, Step* step);
  absl::Status ParseAttrs(const OpSchema& schema, std::optional<Json> json, Step* step);
  absl::Status ParseViewStep(Json view, std::optional<Json> attrs, Step* step);
  absl::Status ParseSlice(std::optional<Json> attrs, Step* step);
  absl::Status ParsePermute(std::optional<Json> attrs, Step* step);
  absl::Status ParseList(Json json, Step* step);
  absl::Status ParseStepInputs(Json json, Step* step);
  absl::Status ParseStepOutputs(Json json, Step* step);
  absl::Status CheckArity(const Step& step) const;

  // Reads {"name", "dtype", "shape"} into a new value.
  absl::StatusOr<int> ParseValue(Json json, Value::Kind kind, int source);
  absl::StatusOr<SizeExpr> ParseSize(Json json) const;
  absl::Status ParseShape(Json json, std::vector<SizeExpr>* shape) const;
  // A value by its name; a weight becomes one when it is first named.
  absl::StatusOr<int> FindValue(std::string_view name);
  absl::Status Define(Value value);

  const SafeTensors& weights_;
  const OpHashes& hashes_;
  EntryPlan plan_;
  std::vector<std::string> dim_names_;
  std::unordered_map<std::string, int> values_;  // "$name" for a weight
};

}  // namespace strata::runtime
