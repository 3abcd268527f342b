// What follows a group_norm, for the schemas of group_norm and add_group_norm.
#pragma once

namespace strata {

enum class NormActivation { kNone, kSilu };

}  // namespace strata
