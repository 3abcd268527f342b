// The steps of an entry point; its dims, inputs and outputs are in plan_parser.cc.
#include "systems/formats/entry_parser.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "kernels/core/schema_text.h"
#include "kernels/ops/registry.h"
#include "systems/formats/text.h"

namespace strata::runtime {
namespace {

constexpr size_t kMaxTextBytes = size_t{1} << 16;
constexpr size_t kMaxListLength = 1024;

// The index of `word` in "none|gelu|relu", or -1.
int64_t FindChoice(std::string_view choices, std::string_view word) {
  for (int64_t index = 0;; ++index) {
    const size_t bar = choices.find('|');
    if (choices.substr(0, bar) == word) return index;
    if (bar == std::string_view::npos) return -1;
    choices.remove_prefix(bar + 1);
  }
}

absl::StatusOr<AttrValue> ParseAttr(const AttrSpec& attr, Json json, Step* step) {
  AttrValue value{.i = 0};
  switch (attr.kind) {
    case AttrKind::kFloat: {
      const std::optional<double> number = json.AsNumber();
      if (!number) return Invalid(attr.name, " is ", json.KindText(), ", wanted a number");
      value.f = *number;
      return value;
    }
    case AttrKind::kInt: {
      RUNTIME_ASSIGN_OR_RETURN(value.i, IntegerOf(json, attr.name, -kMaxDimSize, kMaxDimSize));
      return value;
    }
    case AttrKind::kBool: {
      const std::optional<bool> flag = json.AsBool();
      if (!flag) return Invalid(attr.name, " is ", json.KindText(), ", wanted true or false");
      value.i = *flag;
      return value;
    }
    case AttrKind::kChoice: {
      RUNTIME_ASSIGN_OR_RETURN(const std::string word, StringOf(json, attr.name, 64));
      value.i = FindChoice(attr.choices, word);
      if (value.i < 0) return Invalid(attr.name, " is ", Quote(word), ", wanted one of ", attr.choices);
      return value;
    }
    case AttrKind::kText: {
      RUNTIME_ASSIGN_OR_RETURN(std::string text, StringOf(json, attr.name, kMaxTextBytes));
      step->texts.push_back(std::make_shared<const StepText>(std::move(text)));
      value.text = &step->texts.back()->view;
      return value;
    }
  }
  return Invalid(attr.name, " is of an unknown kind");
}

}  // namespace

absl::Status EntryParser::ParseStep(Json json) {
  std::optional<Json> op, view, inputs, attrs, outputs;
  RUNTIME_RETURN_IF_ERROR(ReadFields(json, {{"op", &op, kMayBeAbsent},
                                            {"view", &view, kMayBeAbsent},
                                            {"inputs", &inputs},
                                            {"attrs", &attrs, kMayBeAbsent},
                                            {"outputs", &outputs}}));
  if (op.has_value() == view.has_value()) return Invalid("wanted either \"op\" or \"view\"");
  Step step;
  if (view) RUNTIME_RETURN_IF_ERROR(ParseViewStep(*view, attrs, &step));
  if (op) RUNTIME_RETURN_IF_ERROR(ParseOpStep(*op, attrs, &step));
  RUNTIME_RETURN_IF_ERROR(ParseStepInputs(*inputs, &step));
  RUNTIME_RETURN_IF_ERROR(ParseStepOutputs(*outputs, &step));
  RUNTIME_RETURN_IF_ERROR(CheckArity(step));
  plan_.steps.push_back(std::move(step));
  return absl::OkStatus();
}

absl::Status EntryParser::ParseOpStep(Json json, std::optional<Json> attrs, Step* step) {
  RUNTIME_ASSIGN_OR_RETURN(const std::string name, StringOf(json, "op", 128));
  step->op = FindOp(name);
  if (step->op == nullptr) return Invalid("there is no operator ", Quote(name));
  const auto listed = hashes_.find(name);
  if (listed == hashes_.end()) return Invalid("the operator ", Quote(name), " is not in the manifest's \"ops\"");
  if (const std::string hash = SchemaHash(*step->op->schema); listed->second != hash) {
    return absl::FailedPreconditionError(Cat("the operator ", Quote(name),
                                             " has changed since the export: its schema hash is ", hash,
                                             ", the manifest has ", Quote(listed->second)));
  }
  const OpSchema& schema = *step->op->schema;
  for (const ArgSpec& arg : schema.inputs) {
    if (arg.mutated) return Invalid("the operator ", Quote(name), " writes to its arguments, which no plan does yet");
  }
  return ParseAttrs(schema, attrs, step);
}

absl::Status EntryParser::ParseAttrs(const OpSchema& schema, std::optional<Json> json, Step* step) {
  int found = 0;
  if (json) {
    RUNTIME_RETURN_IF_ERROR(WantObject(*json, "attrs"));
    RUNTIME_RETURN_IF_ERROR(json->ForEachMember([&](std::string_view name, Json value) -> absl::Status {
      const int index = schema.FindAttr(name);
      if (index < 0) return Invalid(schema.name, " has no attribute ", Quote(name));
      const size_t at = static_cast<size_t>(index);
      RUNTIME_ASSIGN_OR_RETURN(step->attrs[at], ParseAttr(schema.attrs[at], value, step));
      ++found;
      return absl::OkStatus();
    }));
  }
  if (found == schema.num_attrs) return absl::OkStatus();
  return Invalid(schema.name, " got ", found, " attributes, wanted all ", schema.num_attrs);
}

absl::Status EntryParser::ParseViewStep(Json json, std::optional<Json> attrs, Step* step) {
  RUNTIME_ASSIGN_OR_RETURN(const std::string kind, StringOf(json, "view", 32));
  if (kind == "slice") return ParseSlice(attrs, step);
  if (kind == "permute") return ParsePermute(attrs, step);
  if (kind != "reshape" && kind != "broadcast") {
    return Invalid("view is ", Quote(kind), ", wanted reshape, slice, permute or broadcast");
  }
  step->kind = kind == "reshape" ? Step::Kind::kReshape : Step::Kind::kBroadcast;
  return attrs ? ReadFields(*attrs, {}) : absl::OkStatus();
}

absl::Status EntryParser::ParseSlice(std::optional<Json> attrs, Step* step) {
  step->kind = Step::Kind::kSlice;
  std::optional<Json> dim, start, every;
  if (!attrs) return Invalid("the slice has no attrs");
  RUNTIME_RETURN_IF_ERROR(ReadFields(*attrs, {{"dim", &dim}, {"start", &start}, {"step", &every, kMayBeAbsent}}));
  RUNTIME_ASSIGN_OR_RETURN(const int64_t index, IntegerOf(*dim, "dim", 0, kMaxRank - 1));
  step->slice_dim = static_cast<int>(index);
  RUNTIME_ASSIGN_OR_RETURN(step->slice_start, ParseSize(*start));
  if (!every) return absl::OkStatus();
  RUNTIME_ASSIGN_OR_RETURN(step->slice_step, ParseSize(*every));
  return absl::OkStatus();
}

absl::Status EntryParser::ParsePermute(std::optional<Json> attrs, Step* step) {
  step->kind = Step::Kind::kPermute;
  std::optional<Json> dims;
  if (!attrs) return Invalid("the permute has no attrs");
  RUNTIME_RETURN_IF_ERROR(ReadFields(*attrs, {{"dims", &dims}}));
  RUNTIME_RETURN_IF_ERROR(WantArray(*dims, "dims"));
  step->permutation.fill(-1);
  size_t count = 0;
  return dims->ForEachElement([&](Json element) -> absl::Status {
    RUNTIME_ASSIGN_OR_RETURN(const int64_t dim, IntegerOf(element, "a dim", 0, kMaxRank - 1));
    const auto end = step->permutation.begin() + static_cast<std::ptrdiff_t>(count);
    if (std::find(step->permutation.begin(), end, dim) != end) return Invalid("dims names ", dim, " twice");
    // kMaxRank different numbers below kMaxRank: no more can come.
    step->permutation[count++] = static_cast<int>(dim);
    return absl::OkStatus();
  });
}

absl::Status EntryParser::ParseStepInputs(Json json, Step* step) {
  RUNTIME_RETURN_IF_ERROR(WantArray(json, "inputs"));
  return json.ForEachElement([&](Json input) -> absl::Status {
    if (step->inputs.size() == kMaxInputs) return Invalid("there are more than ", kMaxInputs, " inputs");
    if (input.is_array()) return ParseList(input, step);
    if (input.is_null()) {
      step->inputs.push_back(-1);
      return absl::OkStatus();
    }
    RUNTIME_ASSIGN_OR_RETURN(const std::string name, StringOf(input, "an input", 600));
    RUNTIME_ASSIGN_OR_RETURN(const int value, FindValue(name));
    step->inputs.push_back(value);
    return absl::OkStatus();
  });
}

absl::Status EntryParser::ParseList(Json json, Step* step) {
  step->lists.resize(kMaxInputs);
  std::vector<int>& list = step->lists[step->inputs.size()];
  step->inputs.push_back(-1);
  return json.ForEachElement([&](Json element) -> absl::Status {
    if (list.size() == kMaxListLength) return Invalid("a list has more than ", kMaxListLength, " values");
    RUNTIME_ASSIGN_OR_RETURN(const std::string name, StringOf(element, "an input", 600));
    RUNTIME_ASSIGN_OR_RETURN(const int value, FindValue(name));
    list.push_back(value);
    return absl::OkStatus();
  });
}

absl::Status EntryParser::ParseStepOutputs(Json json, Step* step) {
  RUNTIME_RETURN_IF_ERROR(WantArray(json, "outputs"));
  const bool is_view = step->kind != Step::Kind::kOp;
  if (is_view && (step->inputs.size() != 1 || step->inputs[0] < 0)) return Invalid("a view has one input");
  RUNTIME_RETURN_IF_ERROR(json.ForEachElement([&](Json output) -> absl::Status {
    if (step->outputs.size() == kMaxOutputs) return Invalid("there are more than ", kMaxOutputs, " outputs");
    const auto kind = is_view ? Value::Kind::kView : Value::Kind::kResult;
    RUNTIME_ASSIGN_OR_RETURN(const int index, ParseValue(output, kind, static_cast<int>(plan_.steps.size())));
    step->outputs.push_back(index);
    return absl::OkStatus();
  }));
  if (!is_view) return absl::OkStatus();
  if (step->outputs.size() != 1) return Invalid("a view has one output");
  const Value& from = plan_.values[static_cast<size_t>(step->inputs[0])];
  Value& to = plan_.values[static_cast<size_t>(step->outputs[0])];
  if (to.dtype != from.dtype) {
    return Invalid("the view ", Quote(to.name), " has dtype ", NameOf(to.dtype), ", wanted ", NameOf(from.dtype));
  }
  to.root = from.root;
  to.partial = from.partial || step->kind != Step::Kind::kReshape;
  return absl::OkStatus();
}

absl::Status EntryParser::CheckArity(const Step& step) const {
  if (step.op == nullptr) return absl::OkStatus();
  const OpSchema& schema = *step.op->schema;
  if (step.inputs.size() != static_cast<size_t>(schema.num_inputs)) {
    return Invalid(schema.name, " got ", step.inputs.size(), " inputs, wanted ", schema.num_inputs);
  }
  const bool any_outputs = schema.num_outputs == 1 && schema.outputs[0].list;  // CheckSteps counts them
  if (!any_outputs && step.outputs.size() != static_cast<size_t>(schema.num_outputs)) {
    return Invalid(schema.name, " got ", step.outputs.size(), " outputs, wanted ", schema.num_outputs);
  }
  for (size_t i = 0; i < step.inputs.size(); ++i) {
    const bool is_list = i < step.lists.size() && !step.lists[i].empty();
    if (is_list != schema.inputs[i].list && !(schema.inputs[i].list && schema.inputs[i].optional)) {
      return Invalid(schema.name, ": ", schema.inputs[i].name, " is ", is_list ? "a list" : "no list of values",
                     ", wanted ", schema.inputs[i].list ? "a list of values" : "one value");
    }
    if (step.inputs[i] < 0 && !schema.inputs[i].optional && !is_list) {
      return Invalid(schema.name, ": ", schema.inputs[i].name, " is null, wanted a value");
    }
  }
  return absl::OkStatus();
}

}  // namespace strata::runtime
