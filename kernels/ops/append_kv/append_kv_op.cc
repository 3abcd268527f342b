#include <string>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/append_kv/append_kv.h"
#include "kernels/simd/attention_plan.h"

namespace strata {
namespace {

// Every new row has a place in its sequence's blocks. (Offsets and tables themselves are checked after this.)
Status CheckLengths(Call& call) {
  const TensorView &cu_seqlens = call.inputs[4], &tables = call.inputs[5], &lengths = call.inputs[6];
  const int64_t block = call.inputs[0].size(1);
  if (cu_seqlens.data == nullptr || lengths.data == nullptr) return {};  // a plan's, which has none yet
  for (int64_t b = 0; b < lengths.size(0); ++b) {
    const int64_t begin = OffsetAt(cu_seqlens, b), end = OffsetAt(cu_seqlens, b + 1), keys = OffsetAt(lengths, b);
    if (begin < 0 || end < begin) return {};  // CheckValues has the words for it
    if (keys >= end - begin && (keys == 0 || (keys - 1) / block < tables.size(1))) continue;
    return InvalidArgument("context_lens has " + std::to_string(keys) + " at position " + std::to_string(b) +
                           ", wanted " + std::to_string(end - begin) + " (the sequence's new rows) to " +
                           std::to_string(tables.size(1) * block) + " (what its blocks hold)");
  }
  return {};
}

constexpr Variant kRows[] = {
    {.name = "cpu", .run = Typed<kAppendKv, AppendKvCpu>},
    {.name = "ref", .run = Typed<kAppendKv, AppendKvRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::append_kv {
constinit const std::array<OpDef, 1> kOps = {{{.schema = &kAppendKv, .variants = kRows, .infer = CheckLengths}}};
}  // namespace ops::append_kv

}  // namespace strata
