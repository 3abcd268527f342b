#include <string>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/append_kv/append_kv.h"
#include "kernels/simd/attention_plan.h"

namespace strata {
namespace {

// Every new row has a place in its sequence's blocks.
Status CheckLengths(const Call& call) {
  const TensorView &cu_seqlens = call.inputs[4], &tables = call.inputs[5], &lengths = call.inputs[6];
  const int64_t block = call.inputs[0].size(1);
  for (int64_t b = 0; b < lengths.size(0); ++b) {
    const int64_t rows = OffsetAt(cu_seqlens, b + 1) - OffsetAt(cu_seqlens, b), keys = OffsetAt(lengths, b);
    if (keys >= rows && (keys == 0 || (keys - 1) / block < tables.size(1))) continue;
    return InvalidArgument("context_lens has " + std::to_string(keys) + " at position " + std::to_string(b) +
                           ", wanted " + std::to_string(rows) + " (the sequence's new rows) to " +
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
constinit const std::array<OpDef, 1> kOps = {{{.schema = &kAppendKv, .variants = kRows, .check_values = CheckLengths}}};
}  // namespace ops::append_kv

}  // namespace strata
