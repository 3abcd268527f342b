#include "kernels/ops/registry_cuda.h"

#include <vector>

#include "kernels/ops/registry_cuda_headers.inc"

namespace strata {
namespace {

template <class Ops>
void Append(const Ops& ops, std::vector<const OpDef*>& all) {
  for (const OpDef& op : ops) all.push_back(&op);
}

}  // namespace

std::span<const OpDef* const> AllCudaOps() {
  static const std::vector<const OpDef*> all = [] {
    std::vector<const OpDef*> made;
#define STRATA_OP(folder) Append(ops::folder::kCudaOps, made);
#include "kernels/ops/registry_cuda.inc"
#undef STRATA_OP
    return made;
  }();
  return all;
}

}  // namespace strata
