// A manifest and a plan in one input, separated by a NUL byte, over fixed weights. What loads is run at small sizes.
// A `@name@` in the text stands for the schema hash of an operator, so that the corpus need not change with it.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "kernels/core/schema_text.h"
#include "kernels/ops/registry.h"
#include "systems/runtime/bundle.h"
#include "systems/runtime/executor.h"
#include "systems/runtime/testing.h"

namespace {

using namespace strata;           // NOLINT: a program of its own
using namespace strata::runtime;  // NOLINT

const std::string& Weights() {
  static const std::string& bytes = *new std::string([] {
    TensorBag bag;
    bag.Floats("a", {8}, SomeFloats(8, 1));
    bag.Floats("b", {8}, SomeFloats(8, 2));
    bag.Floats("w", {6, 8}, SomeFloats(48, 2));
    bag.Floats("table", {20, 8}, SomeFloats(160, 1));
    return bag.Bytes();
  }());
  return bytes;
}

std::string WithHashes(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t at = text.find('@'), end = at == text.npos ? text.npos : text.find('@', at + 1);
    const OpDef* op = end == text.npos ? nullptr : FindOp(text.substr(at + 1, end - at - 1));
    const size_t upto = op != nullptr ? at : at == text.npos ? text.size() : at + 1;
    out += text.substr(0, upto);
    if (op != nullptr) out += SchemaHash(*op->schema);
    text.remove_prefix(op != nullptr ? end + 1 : upto);
  }
  return out;
}

void RunSmall(const Bundle& bundle) {
  for (const Program& program : bundle.programs()) {
    const Signature& signature = program.signature();
    std::vector<int64_t> dims;
    for (const Dim& dim : signature.dims) dims.push_back(std::min<int64_t>(dim.max, dim.min + 2));
    std::vector<TensorView> inputs, outputs(signature.outputs.size());
    std::vector<std::vector<int64_t>> memory;
    for (const TensorSpec& spec : signature.inputs) {
      TensorView view;
      view.dtype = spec.dtype;
      view.rank = 0;
      for (const SizeExpr& size : spec.shape)
        view.sizes[static_cast<size_t>(view.rank++)] = size.Evaluate(dims).value_or(0);
      view.MakeContiguous();
      if (view.numel() > 4096) return;
      view.data = memory.emplace_back(static_cast<size_t>(view.numel()) + 1).data();
      inputs.push_back(view);
    }
    if (program.largest_arena_bytes() > (1 << 20)) continue;
    Executor executor(bundle.program(signature.name), Serial());
    if (executor.Run(inputs, absl::MakeSpan(outputs)).ok() && outputs[0].numel() > 0) {
      volatile const char first = *static_cast<const char*>(outputs[0].data);
      (void)first;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text = WithHashes({reinterpret_cast<const char*>(data), size});
  const size_t middle = text.find('\0');
  const std::string_view manifest = std::string_view(text).substr(0, middle);
  const std::string_view plan = middle == std::string::npos ? "" : std::string_view(text).substr(middle + 1);
  const auto bundle = Bundle::FromBytes(manifest, plan, AsBytes(Weights()), {.max_arena_bytes = 64 << 20});
  if (bundle.ok()) RunSmall(**bundle);
  return 0;
}
