#include "kernels/ops/registry.h"

#include <vector>

#include "kernels/ops/registry_headers.inc"

namespace strata {

std::span<const OpDef* const> AllOps() {
  static const std::vector<const OpDef*> all = [] {
    std::vector<const OpDef*> made;
#define STRATA_OP(folder) \
  for (const OpDef& op : ops::folder::kOps) made.push_back(&op);
#include "kernels/ops/registry.inc"
#undef STRATA_OP
    return made;
  }();
  return all;
}

const OpDef* FindOp(std::string_view name) {
  for (const OpDef* op : AllOps()) {
    if (op->schema->name == name) return op;
  }
  return nullptr;
}

}  // namespace strata
