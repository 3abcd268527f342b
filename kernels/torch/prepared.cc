#include "kernels/torch/prepared.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "kernels/core/schema_text.h"
#include "kernels/ops/registry.h"
#include "kernels/simd/fingerprint.h"
#include "kernels/torch/torch_parallel.h"

namespace strata::torch_adapter {
namespace {

// What a prepared form was made of; it lies behind the form itself.
struct Origin {
  Fingerprint values;
  DType dtype;
  int rank;
  std::array<int64_t, kMaxRank> sizes;
};

size_t BytesOf(const TensorView& view) { return static_cast<size_t>(view.numel()) * SizeOf(view.dtype); }

bool SameShape(const Origin& origin, const TensorView& view) {
  return origin.dtype == view.dtype && origin.rank == view.rank &&
         std::equal(view.sizes.begin(), view.sizes.begin() + view.rank, origin.sizes.begin());
}

// The memory of `prepared` if it was made of these very values, else nullptr.
const void* Matching(const OpDef& op, const TensorView& prepared, const TensorView& argument) {
  const ArgSpec& arg = op.schema->inputs[static_cast<size_t>(op.prepare.input)];
  const size_t form = argument.rank == arg.rank ? op.prepare.bytes(argument) : 0;
  if (form == 0 || BytesOf(prepared) != form + sizeof(Origin)) return nullptr;
  Origin origin;
  std::memcpy(&origin, static_cast<const std::byte*>(prepared.data) + form, sizeof origin);
  if (!SameShape(origin, argument)) return nullptr;
  return FingerprintOf(TorchThreads(), argument.data, BytesOf(argument)) == origin.values ? prepared.data : nullptr;
}

}  // namespace

bool PreparedPays(const OpDef& op, const Call& call) { return op.prepare.pays == nullptr || op.prepare.pays(call); }

void UsePrepared(const OpDef& op, const TensorView& form, Call& call) {
  TensorView& argument = call.inputs[static_cast<size_t>(op.prepare.input)];
  if (PreparedPays(op, call)) argument.prepared = Matching(op, form, argument);
}

void RunPrepare(const OpDef& op, StableIValue* stack) {
  Handle tensor(std::bit_cast<AtenTensorHandle>(stack[0]));
  const ArgSpec& arg = op.schema->inputs[static_cast<size_t>(op.prepare.input)];
  TensorView argument, out;
  ReadTensor(*op.schema, arg, {}, tensor, argument);
  const size_t form = argument.rank == arg.rank ? op.prepare.bytes(argument) : 0;
  out.dtype = DType::kU8;
  out.SetSizes({form == 0 ? 0 : static_cast<int64_t>(form + sizeof(Origin))});
  Handle made = Empty(out, 0, -1);
  if (form != 0) {
    if (std::bit_cast<uintptr_t>(out.data) % kAlignment != 0) {
      throw std::runtime_error("strata: torch's memory is not on a 64-byte boundary");
    }
    op.prepare.run(argument, out.data);
    const Origin origin = {FingerprintOf(TorchThreads(), argument.data, BytesOf(argument)), argument.dtype,
                           argument.rank, argument.sizes};
    std::memcpy(static_cast<std::byte*>(out.data) + form, &origin, sizeof origin);
  }
  stack[0] = std::bit_cast<StableIValue>(made.release());
}

void RunPrepared(const OpDef& op, const DeviceHooks& hooks, StableIValue* stack) {
  Handle prepared(std::bit_cast<AtenTensorHandle>(stack[0]));
  TensorView form;
  ReadTensor(*op.schema, kForm, {}, prepared, form);
  RunBoxed(op, hooks, stack + 1, [&](Call& call) { UsePrepared(op, form, call); });
  std::copy_n(stack + 1, op.schema->num_outputs, stack);
}

void DefinePrepared(TorchLibraryHandle schemas) {
  for (const OpDef* op : AllOps()) {
    if (op->prepare.input < 0) continue;
    const std::string text = TorchSchema(*op->schema), name = "_" + std::string(op->schema->name);
    const auto& argument = op->schema->inputs[static_cast<size_t>(op->prepare.input)];
    const std::string prepare = name + "_prepare(Tensor " + std::string(argument.name) + ") -> Tensor";
    Check(aoti_torch_library_def(schemas, prepare.c_str()), "library_def");
    const std::string prepared = name + "_prepared(Tensor prepared, " + text.substr(op->schema->name.size() + 1);
    Check(aoti_torch_library_def(schemas, prepared.c_str()), "library_def");
  }
}

}  // namespace strata::torch_adapter
