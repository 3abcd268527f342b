// Whether what the manifest says about batching agrees with the plan's shapes: a wrong layout would mix requests.
#include <algorithm>
#include <string_view>

#include "systems/formats/manifest.h"
#include "systems/formats/text.h"

namespace strata::runtime {
namespace {

absl::StatusOr<int> FindDim(const Signature& signature, std::string_view name, std::string_view what) {
  if (name.empty()) return -1;
  for (size_t d = 0; d < signature.dims.size(); ++d) {
    if (signature.dims[d].name == name) return static_cast<int>(d);
  }
  return Invalid(what, " is ", name, ", which is no dim of the plan");
}

// Dims 1 and on must be the same for every request of a batch.
bool RestIsFixed(const Signature& signature, const TensorSpec& spec) {
  return std::none_of(spec.shape.begin() + 1, spec.shape.end(), [&](const SizeExpr& size) {
    return (signature.batch_dim >= 0 && size.Mentions(signature.batch_dim)) ||
           (signature.ragged_dim >= 0 && size.Mentions(signature.ragged_dim));
  });
}

absl::Status CheckLayout(const Signature& signature, const TensorSpec& spec, bool is_input) {
  const auto error = [&](std::string_view layout, std::string_view wanted) {
    return Invalid(Quote(spec.name), " is ", layout, " and has shape ", ShapeText(spec.shape), ", wanted ", wanted);
  };
  const int batch = signature.batch_dim, ragged = signature.ragged_dim;
  switch (spec.layout) {
    case Layout::kWhole:
      return absl::OkStatus();
    case Layout::kStacked:
      if (!spec.shape.empty() && spec.shape[0].IsDim(batch) && RestIsFixed(signature, spec)) return absl::OkStatus();
      return error("stacked", "the batch dim at the front, and there alone");
    case Layout::kRagged:
      if (ragged >= 0 && !spec.shape.empty() && spec.shape[0].IsDim(ragged) && RestIsFixed(signature, spec)) {
        return absl::OkStatus();
      }
      return error("ragged", "the ragged dim at the front, and there alone");
    case Layout::kOffsets:
      if (is_input && ragged >= 0 && spec.shape.size() == 1 && spec.shape[0].IsDimPlusOne(batch) &&
          (spec.dtype == DType::kI64 || spec.dtype == DType::kI32)) {
        return absl::OkStatus();
      }
      return error("offsets", "an input of int32 or int64 of the batch dim + 1, beside a ragged dim");
  }
  return absl::OkStatus();
}

absl::Status Apply(const EntryManifest& entry, const Signature& signature, bool is_input, TensorSpec* spec,
                   size_t* used) {
  const auto found = entry.layouts.find(spec->name);
  if (found == entry.layouts.end()) return Invalid("layouts has none for ", Quote(spec->name));
  ++*used;
  spec->layout = found->second;
  return CheckLayout(signature, *spec, is_input);
}

bool Has(const std::vector<TensorSpec>& specs, Layout layout) {
  return std::any_of(specs.begin(), specs.end(), [&](const TensorSpec& s) { return s.layout == layout; });
}

}  // namespace

absl::Status ApplyLayouts(const EntryManifest& entry, Signature* signature) {
  RUNTIME_ASSIGN_OR_RETURN(signature->batch_dim, FindDim(*signature, entry.batch_dim, "batch_dim"));
  RUNTIME_ASSIGN_OR_RETURN(signature->ragged_dim, FindDim(*signature, entry.ragged_dim, "ragged_dim"));
  if (signature->batch_dim < 0) {
    if (signature->ragged_dim < 0 && entry.layouts.empty()) return absl::OkStatus();
    return Invalid("there are layouts or a ragged_dim, but no batch_dim");
  }
  if (signature->batch_dim == signature->ragged_dim) return Invalid("batch_dim and ragged_dim are the same");
  size_t used = 0;
  for (TensorSpec& spec : signature->inputs) RUNTIME_RETURN_IF_ERROR(Apply(entry, *signature, true, &spec, &used));
  for (TensorSpec& spec : signature->outputs) RUNTIME_RETURN_IF_ERROR(Apply(entry, *signature, false, &spec, &used));
  // An input and an output of one name share their layout.
  for (const TensorSpec& spec : signature->inputs) used -= signature->FindOutput(spec.name) >= 0 ? 1 : 0;
  if (used != entry.layouts.size()) return Invalid("layouts names what is neither an input nor an output");
  if (signature->ragged_dim >= 0 &&
      !(Has(signature->inputs, Layout::kRagged) && Has(signature->inputs, Layout::kOffsets))) {
    return Invalid("there is a ragged_dim, but not both a ragged input and its offsets");
  }
  return absl::OkStatus();
}

}  // namespace strata::runtime
