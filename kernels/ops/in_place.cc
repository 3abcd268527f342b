#include "kernels/ops/in_place.h"

#include <algorithm>

namespace strata {
namespace {

// Element by element, or row by row with all of a row's sums taken before its first element is written. Not of
// `linear`, whose sums may wait where y will lie: its residual would be gone by then.
constexpr InPlacePair kPairs[] = {
    {"add", "x", "z"},
    {"add", "y", "z"},
    {"add_layer_norm", "residual", "sum"},
    {"add_layer_norm", "x", "sum"},
    {"add_rms_norm", "residual", "sum"},
    {"add_rms_norm", "x", "sum"},
    {"batch_norm", "residual", "y"},
    {"batch_norm", "x", "y"},
    {"gelu", "x", "y"},
    {"group_norm", "x", "y"},
    {"l2_normalize", "x", "y"},
    {"layer_norm", "x", "y"},
    {"log_softmax", "x", "y"},
    {"pointwise", "inputs", "outputs"},
    {"rms_norm", "x", "y"},
    {"softmax", "x", "y"},
};

}  // namespace

std::span<const InPlacePair> InPlacePairs() { return kPairs; }

bool MayOverwrite(const OpSchema& schema, int input, int output) {
  const std::string_view in = schema.inputs[static_cast<size_t>(input)].name;
  const std::string_view out = schema.outputs[static_cast<size_t>(output)].name;
  return std::any_of(std::begin(kPairs), std::end(kPairs), [&](const InPlacePair& pair) {
    return pair.op == schema.name && pair.input == in && pair.output == out;
  });
}

}  // namespace strata
