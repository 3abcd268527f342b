#include "kernels/ops/registry.h"

#include <vector>

#include "kernels/ops/registry_headers.inc"

namespace strata {
namespace {

template <class Ops>
void Append(const Ops& ops, std::vector<const OpDef*>& all) {
  for (const OpDef& op : ops) all.push_back(&op);
}

}  // namespace

std::span<const OpDef* const> AllOps() {
  static const std::vector<const OpDef*> all = [] {
    std::vector<const OpDef*> made;
#define STRATA_OP(folder) Append(ops::folder::kOps, made);
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
