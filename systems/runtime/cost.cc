#include "systems/runtime/cost.h"

namespace strata::runtime {
namespace {

double Elements(const TensorView& view) { return static_cast<double>(view.numel()); }

double BytesOf(const TensorView& view) {
  double elements = 1;
  for (int d = 0; d < view.rank; ++d) {
    if (view.stride(d) != 0 || view.size(d) == 0) elements *= static_cast<double>(view.size(d));
  }
  return elements * static_cast<double>(SizeOf(view.dtype));
}

// Of every element of y a sum of so many products.
double ProductsOf(std::string_view op, const TensorView& x, const TensorView& weight) {
  if (op == "linear" || op == "linear_int8" || op == "linear_int4" || op == "linear_half" || op == "matmul") {
    return static_cast<double>(x.size(-1));
  }
  if (op != "convolution" || weight.rank < 2 || weight.size(0) == 0) return 0;
  return Elements(weight) / static_cast<double>(weight.size(0));
}

}  // namespace

Cost CostOf(const Step& step, const Shapes& shapes) {
  const auto view = [&](int v) -> const TensorView& { return shapes.views[static_cast<size_t>(v)]; };
  Cost cost;
  ForEachInput(step, [&](int v) { cost.bytes += BytesOf(view(v)); });
  for (const int v : step.outputs) cost.bytes += BytesOf(view(v));
  if (step.inputs.size() < 2 || step.inputs[0] < 0 || step.inputs[1] < 0) return cost;
  const TensorView &x = view(step.inputs[0]), &weight = view(step.inputs[1]);
  if (x.rank > 0) cost.flops = 2 * Elements(view(step.outputs[0])) * ProductsOf(step.op->schema->name, x, weight);
  return cost;
}

}  // namespace strata::runtime
