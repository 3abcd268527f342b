// Whether what the manifest says about state agrees with the plan: a caller copies these outputs over those inputs.
#include <algorithm>
#include <set>
#include <string_view>

#include "systems/formats/manifest.h"
#include "systems/formats/text.h"

namespace strata::runtime {
namespace {

std::string SpecText(const TensorSpec& spec) { return Cat(NameOf(spec.dtype), " ", ShapeText(spec.shape)); }

bool SameShape(const TensorSpec& a, const TensorSpec& b) {
  return std::equal(a.shape.begin(), a.shape.end(), b.shape.begin(), b.shape.end(),
                    [](const SizeExpr& x, const SizeExpr& y) { return x.text() == y.text(); });
}

bool IsFixed(const TensorSpec& spec) {
  return std::all_of(spec.shape.begin(), spec.shape.end(), [](const SizeExpr& size) { return size.constant(); });
}

absl::Status CheckWeight(const TensorSpec& spec, std::string_view name, const SafeTensors& weights) {
  const SafeTensors::Entry* weight = weights.Find(name);
  if (weight == nullptr) return Invalid("its first value is the weight ", Quote(name), ", which is not there");
  const TensorView& view = weight->view;
  const bool same = view.dtype == spec.dtype && view.rank == static_cast<int>(spec.shape.size()) &&
                    std::equal(spec.shape.begin(), spec.shape.end(), view.sizes.begin(),
                               [](const SizeExpr& size, int64_t have) { return size.constant() == have; });
  if (same) return absl::OkStatus();
  return Invalid("its first value is ", NameOf(view.dtype), " ", strata::ShapeText(view), ", the input is ",
                 SpecText(spec));
}

absl::Status CheckOne(const Signature& signature, std::string_view name, const StateInfo& state,
                      const SafeTensors& weights) {
  const int input = signature.FindInput(name), output = signature.FindOutput(state.output);
  if (input < 0) return Invalid("there is no such input");
  if (output < 0) return Invalid("there is no output ", Quote(state.output));
  const TensorSpec& in = signature.inputs[static_cast<size_t>(input)];
  const TensorSpec& out = signature.outputs[static_cast<size_t>(output)];
  if (in.dtype != out.dtype || !SameShape(in, out)) {
    return Invalid("the output ", Quote(state.output), " is ", SpecText(out), ", the input is ", SpecText(in));
  }
  if (!state.initial) return absl::OkStatus();
  if (!IsFixed(in)) return Invalid("it has a first value, but its shape ", ShapeText(in.shape), " is not fixed");
  return state.initial->empty() ? absl::OkStatus() : CheckWeight(in, *state.initial, weights);
}

}  // namespace

absl::Status CheckState(const EntryManifest& entry, const Signature& signature, const SafeTensors& weights) {
  std::set<std::string_view> outputs;
  for (const auto& [name, state] : entry.state) {
    RUNTIME_RETURN_IF_ERROR(Annotate(CheckOne(signature, name, state, weights), Cat("state ", Quote(name))));
    if (!outputs.insert(state.output).second) return Invalid("two states share the output ", Quote(state.output));
  }
  return absl::OkStatus();
}

}  // namespace strata::runtime
