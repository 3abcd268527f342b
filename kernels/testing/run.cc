#include "kernels/testing/run.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <utility>

#include "kernels/base/check.h"
#include "kernels/base/thread_pool.h"
#include "kernels/core/invoke.h"
#include "kernels/simd/stream.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

constexpr size_t kGuard = 128, kLine = 64;

// Kept for the next run: starting threads for each takes longer than the run, and an emulator never frees theirs.
ThreadPool& PoolOf(int threads) {
  static std::map<int, ThreadPool> pools;
  return pools.try_emplace(threads, threads).first->second;
}

// A mutated argument is copied for the run and counted among its outputs, after those of the schema.
void CopyMutated(const ArgSpec& arg, TensorView& view, Outputs* out) {
  if (!arg.mutated || !view.present()) return;
  const size_t bytes = static_cast<size_t>(view.numel()) * SizeOf(view.dtype);
  out->memory.emplace_back(bytes + kGuard, std::byte{0});
  if (bytes > 0) std::memcpy(out->memory.back().data(), view.data, bytes);
  view.data = out->memory.back().data();
  out->views.push_back(view);
}

// What one run finds before it. A kernel that skips an element leaves `fill` there, one that reads what nobody wrote
// gives another answer.
struct Before {
  std::byte fill;   // in the outputs, and in what there is of scratch memory
  bool line_start;  // outputs that are worth streaming begin with a line, as torch's do: else few kernels stream them
};

// The input that an output is to be written over, moved into memory of its own; nullptr: every output has its own.
TensorView* Overwritten(const RunOptions& options, Call& call, std::array<std::vector<TensorView>, kMaxInputs>& lists) {
  if (options.overwrite.input < 0) return nullptr;
  const auto input = static_cast<size_t>(options.overwrite.input);
  return call.inputs[input].present() ? &call.inputs[input] : &lists[input][options.overwrite.element];
}

Status RunFrom(const OpDef& op, const OwnedCall& sample, const RunOptions& options, const Before& before,
               AlignedBuffer& scratch, Outputs* out) {
  const std::byte fill = before.fill;
  std::fill_n(scratch.data(), scratch.capacity(), fill);
  AlignedBuffer prepared;
  OpContext context;
  context.parallel = &PoolOf(options.threads);
  context.scratch = &scratch;
  context.row = options.row;
  Call call = sample.call;
  if (options.prepared && op.prepare.input >= 0) {
    TensorView& argument = call.inputs[static_cast<size_t>(op.prepare.input)];
    if (const size_t bytes = op.prepare.bytes(argument); bytes > 0) {
      argument.prepared = prepared.Reserve(bytes);
      op.prepare.run(argument, prepared.data());
    }
  }
  *out = {};
  Outputs mutated;
  auto lists = sample.lists;  // of this run
  for (size_t i = 0; i < static_cast<size_t>(op.schema->num_inputs); ++i) {
    const ArgSpec& arg = op.schema->inputs[i];
    CopyMutated(arg, call.inputs[i], &mutated);
    for (TensorView& view : lists[i]) CopyMutated(arg, view, &mutated);
    call.lists[i] = lists[i];
  }
  TensorView* const overwritten = Overwritten(options, call, lists);
  const Status status = Invoke(op, context, call, [&](Call& c) {
    for (int i = 0; i < c.num_outputs; ++i) {
      TensorView& view = c.outputs[static_cast<size_t>(i)];
      const size_t bytes = static_cast<size_t>(view.numel()) * SizeOf(view.dtype);
      out->memory.emplace_back(bytes + kLine + kGuard, fill);
      view.data = out->memory.back().data();
      if (before.line_start && WorthStreaming(static_cast<int64_t>(bytes))) {
        const auto at = reinterpret_cast<uintptr_t>(view.data);
        view.data = out->memory.back().data() + (kLine - at % kLine) % kLine;
      }
      if (overwritten != nullptr && i == options.overwrite.output) {
        if (bytes > 0) std::memcpy(view.data, overwritten->data, bytes);
        overwritten->data = view.data;
      }
      out->views.push_back(view);
    }
    return Status();
  });
  if (!status.ok()) return status;
  for (size_t i = 0; i < mutated.views.size(); ++i) {
    auto& memory = mutated.memory[i];
    for (size_t g = memory.size() - kGuard; g < memory.size(); ++g) {
      STRATA_CHECK(memory[g] == std::byte{0}, "a kernel wrote past the end of a mutated argument");
      memory[g] = fill;
    }
    out->memory.push_back(std::move(memory));
    out->views.push_back(mutated.views[i]);
  }
  for (size_t i = 0; i < out->memory.size(); ++i) {
    auto& memory = out->memory[i];
    TensorView& view = out->views[i];
    const auto* written = static_cast<const std::byte*>(view.data);
    const size_t bytes = static_cast<size_t>(view.numel()) * SizeOf(view.dtype);
    for (size_t g = bytes; g < bytes + kGuard; ++g) {
      STRATA_CHECK(written[g] == fill, "a kernel wrote past the end of an output");
    }
    if (bytes > 0) std::memmove(memory.data(), written, bytes);
    memory.resize(bytes);
    view.data = memory.data();
  }
  return {};
}

}  // namespace

Status TrySample(const OpDef& op, const OwnedCall& sample, const RunOptions& options, Outputs* outputs) {
  STRATA_CHECK(ForceSimdTargetForTest(options.target), "no such SIMD target");
  AlignedBuffer scratch;
  Status status = RunFrom(op, sample, options, {std::byte{0xA5}, true}, scratch, outputs);
  Outputs again;
  if (status.ok()) {
    status = RunFrom(op, sample, options, {std::byte{0x5A}, false}, scratch, &again);
    STRATA_CHECK(again.memory == outputs->memory, "a kernel skips an element, reads what nobody wrote, or races");
  }
  ForceSimdTargetForTest("");
  return status;
}

Outputs RunSample(const OpDef& op, const OwnedCall& sample, const RunOptions& options) {
  Outputs outputs;
  const Status status = TrySample(op, sample, options, &outputs);
  STRATA_CHECK(status.ok(), status.message().c_str());
  return outputs;
}

}  // namespace strata
