#include "kernels/ops/registry_cuda.h"

#include <vector>

#include "kernels/ops/registry_cuda_headers.inc"

namespace strata {

std::span<const OpDef* const> AllCudaOps() {
  static const std::vector<const OpDef*> all = [] {
    std::vector<const OpDef*> made;
#define STRATA_OP(folder) \
  for (const OpDef& op : ops::folder::kCudaOps) made.push_back(&op);
#include "kernels/ops/registry_cuda.inc"
#undef STRATA_OP
    return made;
  }();
  return all;
}

}  // namespace strata
