#include "systems/formats/signature.h"

#include <algorithm>

#include "systems/formats/text.h"

namespace strata::runtime {
namespace {

int FindSpec(const std::vector<TensorSpec>& specs, std::string_view name) {
  for (size_t i = 0; i < specs.size(); ++i) {
    if (specs[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

// "[B+1, 8] with B = 3"
std::string Wanted(const Signature& signature, const TensorSpec& spec, absl::Span<const int64_t> dims) {
  std::string text = ShapeText(spec.shape), known;
  for (size_t d = 0; d < dims.size(); ++d) {
    const bool mentioned = std::any_of(spec.shape.begin(), spec.shape.end(),
                                       [&](const SizeExpr& e) { return e.Mentions(static_cast<int>(d)); });
    if (mentioned && dims[d] >= 0)
      known += Cat(known.empty() ? " with " : ", ", signature.dims[d].name, " = ", dims[d]);
  }
  return text + known;
}

absl::Status ShapeError(const Signature& signature, size_t i, const TensorView& view, absl::Span<const int64_t> dims) {
  const TensorSpec& spec = signature.inputs[i];
  return Invalid("input ", Quote(spec.name), " has shape ", strata::ShapeText(view), ", wanted ",
                 Wanted(signature, spec, dims));
}

// All that needs no dims.
absl::Status CheckView(const TensorSpec& spec, const TensorView& view) {
  if (!view.present()) return Invalid("input ", Quote(spec.name), " is missing");
  if (view.dtype != spec.dtype) {
    return Invalid("input ", Quote(spec.name), " has dtype ", NameOf(view.dtype), ", wanted ", NameOf(spec.dtype));
  }
  if (view.rank != static_cast<int>(spec.shape.size())) {
    return Invalid("input ", Quote(spec.name), " has shape ", strata::ShapeText(view), ", wanted ",
                   ShapeText(spec.shape));
  }
  int64_t elements = 1;
  for (int i = 0; i < view.rank; ++i) {
    if (view.size(i) < 0 || __builtin_mul_overflow(elements, std::max<int64_t>(view.size(i), 1), &elements)) {
      return Invalid("input ", Quote(spec.name), " has the impossible shape ", strata::ShapeText(view));
    }
  }
  if (!IsContiguous(view)) return Invalid("input ", Quote(spec.name), " is not contiguous");
  if (view.numel() == 0) return absl::OkStatus();
  if (view.data == nullptr) return Invalid("input ", Quote(spec.name), " has no data");
  if (reinterpret_cast<uintptr_t>(view.data) % SizeOf(view.dtype) != 0) {
    return Invalid("input ", Quote(spec.name), " is not aligned to its elements");
  }
  return absl::OkStatus();
}

// Finds the dims that a size is linear in. False if `size` is none that the expression can have.
bool SolveDim(const SizeExpr& expr, int64_t size, absl::Span<int64_t> dims) {
  if (!expr.linear() || expr.linear()->dim < 0) return true;
  const SizeExpr::Linear& linear = *expr.linear();
  int64_t& dim = dims[static_cast<size_t>(linear.dim)];
  if (dim >= 0) return true;
  int64_t scaled = 0;
  if (__builtin_sub_overflow(size, linear.offset, &scaled) || scaled < 0 || scaled % linear.scale != 0) return false;
  dim = scaled / linear.scale;
  return true;
}

}  // namespace

int Signature::FindInput(std::string_view input) const { return FindSpec(inputs, input); }
int Signature::FindOutput(std::string_view output) const { return FindSpec(outputs, output); }

std::vector<int64_t> MetadataShape(const TensorSpec& spec) {
  std::vector<int64_t> shape;
  for (const SizeExpr& size : spec.shape) shape.push_back(size.constant().value_or(-1));
  return shape;
}

absl::Status BindInputs(const Signature& signature, absl::Span<const TensorView> inputs, absl::Span<int64_t> dims) {
  if (inputs.size() != signature.inputs.size()) {
    return Invalid("entry point ", Quote(signature.name), " got ", inputs.size(), " inputs, wanted ",
                   signature.inputs.size());
  }
  std::fill(dims.begin(), dims.end(), -1);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const TensorSpec& spec = signature.inputs[i];
    RUNTIME_RETURN_IF_ERROR(CheckView(spec, inputs[i]));
    for (size_t d = 0; d < spec.shape.size(); ++d) {
      if (!SolveDim(spec.shape[d], inputs[i].sizes[d], dims)) return ShapeError(signature, i, inputs[i], dims);
    }
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    const TensorSpec& spec = signature.inputs[i];
    for (size_t d = 0; d < spec.shape.size(); ++d) {
      if (spec.shape[d].Evaluate(dims) != inputs[i].sizes[d]) return ShapeError(signature, i, inputs[i], dims);
    }
  }
  for (size_t d = 0; d < dims.size(); ++d) {
    const Dim& dim = signature.dims[d];
    if (dims[d] >= dim.min && dims[d] <= dim.max) continue;
    return Invalid("the inputs of entry point ", Quote(signature.name), " have ", dim.name, " = ", dims[d], ", wanted ",
                   dim.min, " to ", dim.max);
  }
  return absl::OkStatus();
}

absl::Status CheckInputValues(const Signature& signature, absl::Span<const TensorView> inputs) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].dtype != DType::kBool) continue;
    const auto* bytes = static_cast<const uint8_t*>(inputs[i].data);
    for (int64_t at = 0, n = inputs[i].numel(); at < n; ++at) {
      if (bytes[at] <= 1) continue;
      return Invalid("input ", Quote(signature.inputs[i].name), " has ", int{bytes[at]}, " at position ", at,
                     ", wanted 0 or 1");
    }
  }
  return absl::OkStatus();
}

}  // namespace strata::runtime
