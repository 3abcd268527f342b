#include "kernels/testing/compare.h"

#include <cmath>
#include <cstring>
#include <sstream>

#include "kernels/core/scalar.h"

namespace strata {
namespace {

bool IsFloat(DType dtype) { return Contains(kFloatDTypes | SetOf(DType::kF16), dtype); }

// "y", "y[1]" of a list, or the mutated argument that stands after the outputs.
std::string OutputName(const OpSchema& schema, size_t at) {
  if (schema.num_outputs > 0 && schema.outputs[0].list)
    return std::string(schema.outputs[0].name) + "[" + std::to_string(at) + "]";
  if (at < static_cast<size_t>(schema.num_outputs)) return std::string(schema.outputs[at].name);
  return "mutated tensor " + std::to_string(at - static_cast<size_t>(schema.num_outputs));
}

double ValueAt(const TensorView& view, int64_t i) {
  switch (view.dtype) {
    case DType::kF32:
      return view.In<float>()[i];
    case DType::kBF16:
      return ToDouble(view.In<BF16>()[i]);
    case DType::kF64:
      return view.In<double>()[i];
    case DType::kI32:
      return view.In<int32_t>()[i];
    case DType::kI64:
      return static_cast<double>(view.In<int64_t>()[i]);
    case DType::kF16:
      return ToDouble(view.In<F16>()[i]);
    case DType::kI8:
      return view.In<int8_t>()[i];
    default:
      return view.In<uint8_t>()[i];
  }
}

std::string Describe(const std::string& what, int64_t at, double got, double want) {
  std::ostringstream text;
  text.precision(17);
  text << what << " at " << at << ": got " << got << ", wanted " << want;
  return text.str();
}

double MeanMagnitude(const TensorView& view) {
  double sum = 0;
  int64_t finite = 0;
  for (int64_t i = 0, n = view.numel(); i < n; ++i) {
    const double v = std::abs(ValueAt(view, i));
    if (std::isfinite(v)) sum += v, ++finite;
  }
  return finite > 0 ? sum / static_cast<double>(finite) : 0;
}

std::string TooFarIn(const TensorView& got, const TensorView& want, double scale) {
  const int64_t n = want.numel();
  const double magnitude = MeanMagnitude(want) + scale;
  const double tolerance = IsFloat(want.dtype) ? Tolerance(want.dtype) : 0;
  for (int64_t i = 0; i < n; ++i) {
    const double g = ValueAt(got, i), w = ValueAt(want, i);
    if (std::isnan(w) ? std::isnan(g) : g == w) continue;
    if (std::isfinite(w) && std::abs(g - w) <= tolerance * (std::abs(w) + magnitude)) continue;
    return Describe("too far from the reference", i, g, w);
  }
  return "";
}

}  // namespace

double Tolerance(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return 2e-5;
    case DType::kF64:
      return 1e-13;
    default:
      return 8e-3;
  }
}

std::string DifferentBits(const TensorView& got, const TensorView& want) {
  if (ShapeText(got) != ShapeText(want)) return "shape " + ShapeText(got) + ", wanted " + ShapeText(want);
  const size_t size = SizeOf(want.dtype);
  for (int64_t i = 0; i < want.numel(); ++i) {
    const size_t at = static_cast<size_t>(i) * size;
    if (std::memcmp(static_cast<const char*>(got.data) + at, static_cast<const char*>(want.data) + at, size) == 0) {
      continue;
    }
    const double g = ValueAt(got, i), w = ValueAt(want, i);
    if (std::isnan(g) && std::isnan(w)) continue;
    return Describe("other bits", i, g, w);
  }
  return "";
}

std::string DifferentBits(const OpSchema& schema, const Outputs& got, const Outputs& want) {
  for (size_t at = 0; at < want.views.size(); ++at) {
    const std::string difference = DifferentBits(got.views[at], want.views[at]);
    if (!difference.empty()) return OutputName(schema, at) + ": " + difference;
  }
  return "";
}

std::string TooFar(const OwnedCall& sample, const Outputs& got, const Outputs& want) {
  const OpSchema& schema = *sample.schema;
  const double scale = schema.name.ends_with("_backward") ? MeanMagnitude(Compact(sample).call.inputs[0]) : 0;
  for (size_t at = 0; at < want.views.size(); ++at) {
    const std::string difference = TooFarIn(got.views[at], want.views[at], scale);
    if (!difference.empty()) return OutputName(schema, at) + ": " + difference;
  }
  return "";
}

}  // namespace strata
