// Running in place never changes a bit: each pair of kernels/ops/in_place.h that a call has, on every SIMD target and
// two numbers of threads, through the caches and past them.
#include <algorithm>

#include "kernels/core/invoke.h"
#include "kernels/ops/in_place.h"
#include "kernels/simd/stream.h"
#include "kernels/simd/targets.h"
#include "kernels/testing/compare.h"
#include "kernels/testing/conformance.h"

namespace strata {
namespace {

bool Fits(const TensorView& input, const TensorView& output) {
  return input.present() && input.rank == output.rank && SizeOf(input.dtype) == SizeOf(output.dtype) &&
         std::equal(input.sizes.begin(), input.sizes.begin() + input.rank, output.sizes.begin());
}

std::string CheckOne(const OpDef& op, const OwnedCall& sample, const Overwrite& overwrite, const Outputs& want) {
  for (const int64_t stream_from : {int64_t{1}, int64_t{1} << 40}) {
    const StreamFromForTest from(stream_from);
    for (const std::string& target : SimdTargets()) {
      for (const int threads : {1, 2}) {
        const Outputs got = RunSample(op, sample, {.threads = threads, .target = target, .overwrite = overwrite});
        const std::string bits = DifferentBits(*op.schema, got, want);
        if (bits.empty()) continue;
        const std::string_view input = op.schema->inputs[static_cast<size_t>(overwrite.input)].name;
        return target + ", over " + std::string(input) + (stream_from == 1 ? ", past the caches: " : ": ") + bits;
      }
    }
  }
  return "";
}

}  // namespace

std::string CheckInPlace(const OpDef& op, const OwnedCall& drawn) {
  const OpSchema& schema = *op.schema;
  const OwnedCall sample = Compact(drawn);
  Call inferred = sample.call;
  for (size_t i = 0; i < sample.lists.size(); ++i) inferred.lists[i] = sample.lists[i];
  if (const Status status = Infer(op, inferred); !status.ok()) return status.message();
  const Outputs want = RunSample(op, sample);
  for (int i = 0; i < schema.num_inputs; ++i) {
    const bool list = schema.inputs[static_cast<size_t>(i)].list;
    for (int o = 0; o < schema.num_outputs; ++o) {
      if (!MayOverwrite(schema, i, o) || (list && inferred.num_outputs != 1)) continue;
      const size_t elements = list ? inferred.lists[static_cast<size_t>(i)].size() : 1;
      for (size_t e = 0; e < elements; ++e) {
        const TensorView& input =
            list ? inferred.lists[static_cast<size_t>(i)][e] : inferred.inputs[static_cast<size_t>(i)];
        if (!Fits(input, inferred.outputs[static_cast<size_t>(o)])) continue;
        if (std::string wrong = CheckOne(op, sample, {i, e, o}, want); !wrong.empty()) return wrong;
      }
    }
  }
  return "";
}

}  // namespace strata
