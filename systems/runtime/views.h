// View steps of a plan at concrete sizes: where the elements of a reshape, slice, permute or broadcast lie in the
// memory of what it looks at. Pure; for shapes.cc.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/types/span.h"
#include "kernels/core/tensor_view.h"
#include "systems/formats/plan.h"

namespace strata::runtime {

// Fills the strides of `view`, whose sizes are set, and gives its offset in `in` in bytes. Nothing where `in` cannot be
// seen so: the sizes do not fit, a slice leaves `in`, a reshape would need other strides than memory has.
std::optional<size_t> LookAt(const Step& step, const TensorView& in, absl::Span<const int64_t> dims, TensorView* view);

}  // namespace strata::runtime
