#include "systems/formats/plan_parser.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "systems/formats/entry_parser.h"
#include "systems/formats/json.h"
#include "systems/formats/text.h"

namespace strata::runtime {
namespace {

constexpr int kMaxJsonDepth = 32;
constexpr size_t kMaxDims = 64;
constexpr size_t kMaxArguments = 64;  // inputs or outputs of an entry point

}  // namespace

std::string StepLabel(const EntryPlan& plan, size_t i) {
  constexpr const char* kViews[] = {"", "reshape", "slice", "permute", "broadcast"};
  const Step& step = plan.steps[i];
  const std::string_view what = step.op ? step.op->schema->name : kViews[static_cast<size_t>(step.kind)];
  return Cat("step ", i, " (", what, ")");
}

absl::StatusOr<std::vector<EntryPlan>> ParsePlan(std::string_view text, const SafeTensors& weights,
                                                 const OpHashes& hashes) {
  RUNTIME_ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::Parse(text, kMaxJsonDepth));
  std::optional<Json> version, entries;
  RUNTIME_RETURN_IF_ERROR(ReadFields(document.root(), {{"plan", &version}, {"entry_points", &entries}}));
  if (version->AsInteger() != 1) return Invalid("this reader knows plan version 1 alone");
  RUNTIME_RETURN_IF_ERROR(WantObject(*entries, "entry_points"));

  std::vector<EntryPlan> plans;
  size_t steps_left = kMaxSteps;
  RUNTIME_RETURN_IF_ERROR(entries->ForEachMember([&](std::string_view name, Json json) -> absl::Status {
    if (plans.size() == kMaxEntryPoints) return Invalid("there are more than ", kMaxEntryPoints, " entry points");
    if (!IsValueName(name)) return Invalid("the entry point ", Quote(name), " has a name that is not allowed");
    absl::StatusOr<EntryPlan> plan = EntryParser(weights, hashes).Parse(name, json, &steps_left);
    if (!plan.ok()) return Annotate(plan.status(), Cat("entry point ", Quote(name)));
    plans.push_back(*std::move(plan));
    return absl::OkStatus();
  }));
  if (plans.empty()) return Invalid("there is no entry point");
  return plans;
}

absl::StatusOr<EntryPlan> EntryParser::Parse(std::string_view name, Json json, size_t* steps_left) {
  std::optional<Json> dims, inputs, steps, outputs;
  RUNTIME_RETURN_IF_ERROR(
      ReadFields(json, {{"dims", &dims}, {"inputs", &inputs}, {"steps", &steps}, {"outputs", &outputs}}));
  plan_.signature.name = std::string(name);
  RUNTIME_RETURN_IF_ERROR(ParseDims(*dims));
  RUNTIME_RETURN_IF_ERROR(ParseInputs(*inputs));
  RUNTIME_RETURN_IF_ERROR(CheckDimsBind());
  RUNTIME_RETURN_IF_ERROR(WantArray(*steps, "steps"));
  RUNTIME_RETURN_IF_ERROR(steps->ForEachElement([&](Json step) -> absl::Status {
    if ((*steps_left)-- == 0) return Invalid("the plan has more than ", kMaxSteps, " steps");
    return Annotate(ParseStep(step), Cat("step ", plan_.steps.size()));
  }));
  RUNTIME_RETURN_IF_ERROR(ParseOutputs(*outputs));
  return std::move(plan_);
}

absl::Status EntryParser::ParseDims(Json json) {
  RUNTIME_RETURN_IF_ERROR(WantObject(json, "dims"));
  return json.ForEachMember([&](std::string_view name, Json range) -> absl::Status {
    if (!IsDimName(name)) return Invalid("the dim ", Quote(name), " has a name that is not allowed");
    if (dim_names_.size() == kMaxDims) return Invalid("there are more than ", kMaxDims, " dims");
    RUNTIME_RETURN_IF_ERROR(WantArray(range, "the range of a dim"));
    std::vector<int64_t> ends;
    RUNTIME_RETURN_IF_ERROR(range.ForEachElement([&](Json end) -> absl::Status {
      RUNTIME_ASSIGN_OR_RETURN(const int64_t value, IntegerOf(end, Cat("the range of dim ", name), 0, kMaxDimSize));
      ends.push_back(value);
      return absl::OkStatus();
    }));
    if (ends.size() != 2 || ends[0] > ends[1]) return Invalid("the range of dim ", name, " is not [least, most]");
    plan_.signature.dims.push_back({std::string(name), ends[0], ends[1]});
    dim_names_.emplace_back(name);
    return absl::OkStatus();
  });
}

absl::Status EntryParser::ParseInputs(Json json) {
  RUNTIME_RETURN_IF_ERROR(WantArray(json, "inputs"));
  return json.ForEachElement([&](Json input) -> absl::Status {
    const size_t index = plan_.inputs.size();
    if (index == kMaxArguments) return Invalid("there are more than ", kMaxArguments, " inputs");
    absl::StatusOr<int> value = ParseValue(input, Value::Kind::kInput, static_cast<int>(index));
    if (!value.ok()) return Annotate(value.status(), Cat("input ", index));
    plan_.inputs.push_back(*value);
    const Value& v = plan_.values[static_cast<size_t>(*value)];
    plan_.signature.inputs.push_back({v.name, v.dtype, v.shape});
    return absl::OkStatus();
  });
}

absl::Status EntryParser::CheckDimsBind() const {
  for (size_t d = 0; d < dim_names_.size(); ++d) {
    bool binds = false;
    for (const TensorSpec& input : plan_.signature.inputs) {
      for (const SizeExpr& size : input.shape) {
        binds |= size.linear() && size.linear()->dim == static_cast<int>(d);
      }
    }
    if (!binds) {
      return Invalid("the dim ", dim_names_[d], " cannot be told from the inputs, wanted a size like ", dim_names_[d],
                     " or ", dim_names_[d], "+1 in one of them");
    }
  }
  return absl::OkStatus();
}

absl::Status EntryParser::ParseOutputs(Json json) {
  RUNTIME_RETURN_IF_ERROR(WantArray(json, "outputs"));
  RUNTIME_RETURN_IF_ERROR(json.ForEachElement([&](Json output) -> absl::Status {
    if (plan_.outputs.size() == kMaxArguments) return Invalid("there are more than ", kMaxArguments, " outputs");
    std::optional<Json> name, value;
    RUNTIME_RETURN_IF_ERROR(ReadFields(output, {{"name", &name}, {"value", &value}}));
    RUNTIME_ASSIGN_OR_RETURN(const std::string text, StringOf(*name, "an output's name", 256));
    RUNTIME_ASSIGN_OR_RETURN(const std::string of, StringOf(*value, "an output's value", 600));
    if (!IsValueName(text)) return Invalid("the output ", Quote(text), " has a name that is not allowed");
    if (plan_.signature.FindOutput(text) >= 0) return Invalid("the output ", Quote(text), " is there twice");
    RUNTIME_ASSIGN_OR_RETURN(const int index, FindValue(of));
    plan_.outputs.push_back(index);
    const Value& v = plan_.values[static_cast<size_t>(index)];
    plan_.signature.outputs.push_back({text, v.dtype, v.shape});
    return absl::OkStatus();
  }));
  if (plan_.outputs.empty()) return Invalid("there is no output");
  return absl::OkStatus();
}

absl::StatusOr<SizeExpr> EntryParser::ParseSize(Json json) const {
  if (const std::optional<std::string_view> text = json.AsString()) return SizeExpr::Parse(*text, dim_names_);
  RUNTIME_ASSIGN_OR_RETURN(const int64_t size, IntegerOf(json, "a size", 0, kMaxDimSize));
  return SizeExpr(size);
}

absl::Status EntryParser::ParseShape(Json json, std::vector<SizeExpr>* shape) const {
  RUNTIME_RETURN_IF_ERROR(WantArray(json, "shape"));
  return json.ForEachElement([&](Json element) -> absl::Status {
    if (shape->size() == kMaxRank) return Invalid("shape has more than ", kMaxRank, " dims");
    RUNTIME_ASSIGN_OR_RETURN(SizeExpr size, ParseSize(element));
    shape->push_back(std::move(size));
    return absl::OkStatus();
  });
}

absl::StatusOr<int> EntryParser::ParseValue(Json json, Value::Kind kind, int source) {
  std::optional<Json> name, dtype, shape;
  RUNTIME_RETURN_IF_ERROR(ReadFields(json, {{"name", &name}, {"dtype", &dtype}, {"shape", &shape}}));
  Value value;
  value.kind = kind;
  value.source = source;
  RUNTIME_ASSIGN_OR_RETURN(value.name, StringOf(*name, "a value's name", 256));
  if (!IsValueName(value.name)) return Invalid("the value ", Quote(value.name), " has a name that is not allowed");
  RUNTIME_ASSIGN_OR_RETURN(const std::string type, StringOf(*dtype, "dtype", 16));
  const std::optional<DType> parsed = DTypeFromName(type);
  if (!parsed) return Invalid("the value ", Quote(value.name), " has the unknown dtype ", Quote(type));
  value.dtype = *parsed;
  RUNTIME_RETURN_IF_ERROR(ParseShape(*shape, &value.shape));
  RUNTIME_RETURN_IF_ERROR(Define(std::move(value)));
  return static_cast<int>(plan_.values.size()) - 1;
}

absl::Status EntryParser::Define(Value value) {
  const int index = static_cast<int>(plan_.values.size());
  value.root = index;
  const std::string key = value.kind == Value::Kind::kWeight ? "$" + value.name : value.name;
  if (!values_.emplace(key, index).second) return Invalid("the value ", Quote(key), " is defined twice");
  plan_.values.push_back(std::move(value));
  return absl::OkStatus();
}

absl::StatusOr<int> EntryParser::FindValue(std::string_view name) {
  const auto found = values_.find(std::string(name));
  if (found != values_.end()) return found->second;
  if (name.empty() || name[0] != '$') return Invalid("the value ", Quote(name), " is not defined before it is used");
  const SafeTensors::Entry* weight = weights_.Find(name.substr(1));
  if (weight == nullptr) return Invalid("there is no weight ", Quote(name.substr(1)));
  Value value;
  value.kind = Value::Kind::kWeight;
  value.name = weight->name;
  value.dtype = weight->view.dtype;
  value.source = static_cast<int>(weight - weights_.entries().data());
  for (int i = 0; i < weight->view.rank; ++i) value.shape.emplace_back(weight->view.size(i));
  RUNTIME_RETURN_IF_ERROR(Define(std::move(value)));
  return static_cast<int>(plan_.values.size()) - 1;
}

}  // namespace strata::runtime
