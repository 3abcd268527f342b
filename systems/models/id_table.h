// How many ids a model's tables have, found in its plan. For: refusing a token id before it reaches a batch.
#pragma once

#include <cstdint>
#include <optional>

#include "systems/formats/plan.h"

namespace strata::models {

// The fewest rows of the tables that `input`'s values index directly; nothing if they index none.
// REQUIRES: 0 <= input < plan.signature.inputs.size().
std::optional<int64_t> NumIds(const runtime::EntryPlan& plan, size_t input);

}  // namespace strata::models
