// plan.json -> EntryPlans. All names are resolved and all that can be said without sizes is checked: single definition
// before use, operators and their hashes, arity, attributes, dtypes of weights, dims that the inputs bind.
//
//   absl::StatusOr<std::vector<EntryPlan>> plans = ParsePlan(text, weights, hashes);
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "systems/formats/plan.h"
#include "systems/formats/safetensors.h"

namespace strata::runtime {

// The manifest's `ops`: schema hashes by the operator's name.
using OpHashes = std::map<std::string, std::string, std::less<>>;

inline constexpr int kMaxEntryPoints = 64;
// Of all entry points together. It bounds the time of memory planning, which is quadratic.
inline constexpr size_t kMaxSteps = 16384;
inline constexpr int64_t kMaxDimSize = int64_t{1} << 40;

absl::StatusOr<std::vector<EntryPlan>> ParsePlan(std::string_view text, const SafeTensors& weights,
                                                 const OpHashes& hashes);

}  // namespace strata::runtime
