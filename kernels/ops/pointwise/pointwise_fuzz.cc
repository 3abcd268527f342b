// Any text is refused with a reason, or is a program that reads back as itself and runs on tiny tensors, alone and
// broadcast (the sanitizers look on).
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/aligned_buffer.h"
#include "kernels/base/check.h"
#include "kernels/core/invoke.h"
#include "kernels/ops/pointwise/pointwise.h"
#include "kernels/ops/pointwise/program.h"

namespace strata {
namespace {

constexpr int64_t kElements = 67;  // a whole step and a part of one

void RunOn(std::string_view text, const pointwise::Program& program, bool broadcast) {
  std::vector<std::vector<std::byte>> memory;
  std::vector<TensorView> inputs;
  const auto make = [&](DType dtype, int64_t count, uint8_t fill) {
    std::vector<std::byte>& bytes = memory.emplace_back(static_cast<size_t>(count) * SizeOf(dtype));
    for (size_t i = 0; i < bytes.size(); ++i)
      bytes[i] = static_cast<std::byte>(dtype == DType::kBool ? i & 1 : i * fill);
    return MakeView(bytes.data(), dtype, {count});
  };
  for (int i = 0; i < program.num_inputs; ++i) {
    const bool one = (program.seeds >> i & 1) != 0 || (broadcast && i % 2 != 0);
    inputs.push_back(make(program.inputs[static_cast<size_t>(i)], one ? 1 : kElements, static_cast<uint8_t>(37 + i)));
  }
  Call call(kPointwise);
  call.lists[0] = inputs;
  call.attrs[0].text = &text;
  AlignedBuffer scratch;
  OpContext context;
  context.scratch = &scratch;
  const Status status = Invoke(ops::pointwise::kOps[0], context, call, [&](Call& c) {
    for (int o = 0; o < c.num_outputs; ++o) {
      TensorView& view = c.outputs[static_cast<size_t>(o)];
      view.data = make(view.dtype, std::max<int64_t>(1, view.numel()), 0).data;
    }
    return Status();
  });
  STRATA_CHECK(status.ok(), status.message().c_str());
}

void Check(std::string_view text) {
  pointwise::Program program;
  std::string error;
  if (!pointwise::Parse(text, &program, &error)) {
    STRATA_CHECK(error.starts_with("program"), "an error says where it is");
    return;
  }
  const std::string written = pointwise::ProgramText(program);
  pointwise::Program again;
  // Literals may be spelt longer than the text that was given.
  if (written.size() <= pointwise::kMaxText) {
    STRATA_CHECK(pointwise::Parse(written, &again, &error), error.c_str());
    STRATA_CHECK(pointwise::ProgramText(again) == written, "a program's text is its own");
  }
  RunOn(text, program, false);
  RunOn(text, program, true);
}

}  // namespace
}  // namespace strata

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  strata::Check({reinterpret_cast<const char*>(data), size});
  return 0;
}
