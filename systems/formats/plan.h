// EntryPlan: the steps of one entry point, as plan.json has them, with every name resolved. Plain data.
// Parsed by plan_parser.h; what sizes it has for given dims is in shapes.h; it runs in executor.h.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/core/op_def.h"
#include "systems/formats/signature.h"

namespace strata::runtime {

struct Value {
  enum class Kind : uint8_t { kInput, kWeight, kResult, kView };
  std::string name;
  DType dtype = DType::kF32;
  std::vector<SizeExpr> shape;
  Kind kind = Kind::kInput;
  int source = 0;  // the input, the weight (SafeTensors::entries), or the step that makes it
  int root = 0;    // the value whose memory it lies in: itself, but for a view
  // A view that is not just a reshape of all of its root.
  bool partial = false;
};

// The text of an attribute, at an address that stays.
struct StepText {
  explicit StepText(std::string given) : text(std::move(given)), view(text) {}
  StepText(const StepText&) = delete;
  StepText& operator=(const StepText&) = delete;
  const std::string text;
  const std::string_view view;
};

struct Step {
  enum class Kind : uint8_t { kOp, kReshape, kSlice, kPermute, kBroadcast };
  Kind kind = Kind::kOp;
  const OpDef* op = nullptr;
  std::vector<int> inputs;              // values; -1: an optional one that is absent, or a list
  std::vector<std::vector<int>> lists;  // by input; empty where the operator takes no list
  std::vector<int> outputs;
  std::array<AttrValue, kMaxAttrs> attrs = {};
  std::vector<std::shared_ptr<const StepText>> texts;  // what text attributes point to
  int slice_dim = 0;
  SizeExpr slice_start, slice_step = SizeExpr(1);
  std::array<int, kMaxRank> permutation = {};
};

// Calls visit(value) for every value that a step reads.
template <class Visit>
void ForEachInput(const Step& step, Visit visit) {
  for (const int value : step.inputs) {
    if (value >= 0) visit(value);
  }
  for (const std::vector<int>& list : step.lists) {
    for (const int value : list) visit(value);
  }
}

struct EntryPlan {
  Signature signature;  // layouts are the manifest's and are filled in by the bundle
  std::vector<Value> values;
  std::vector<Step> steps;
  std::vector<int> inputs;   // values
  std::vector<int> outputs;  // values
};

// `step 12 (linear)`, for messages.
std::string StepLabel(const EntryPlan& plan, size_t step);

}  // namespace strata::runtime
