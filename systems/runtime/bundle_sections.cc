#include "systems/runtime/bundle_sections.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include "kernels/base/check.h"
#include "kernels/core/schema_text.h"
#include "kernels/ops/registry.h"
#include "systems/runtime/bundle.h"
#include "systems/runtime/executor.h"
#include "systems/runtime/json_mutator.h"
#include "systems/runtime/testing.h"

namespace strata::runtime {
namespace {

const std::string& FixedWeights() {
  static const std::string& bytes = *new std::string([] {
    TensorBag bag;
    bag.Floats("a", {8}, SomeFloats(8, 1));
    bag.Floats("b", {8}, SomeFloats(8, 2));
    bag.Floats("w", {6, 8}, SomeFloats(48, 2));
    bag.Floats("table", {20, 8}, SomeFloats(160, 1));
    return bag.Bytes();
  }());
  return bytes;
}

// The header as a file: what it says of the 1,200 bytes behind it may be a lie.
std::string WithData(std::string_view header) {
  constexpr size_t kDataBytes = 1200;
  const uint64_t length = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  bytes += header;
  const std::vector<float> values = SomeFloats(kDataBytes / 4, 3);
  return bytes.append(reinterpret_cast<const char*>(values.data()), kDataBytes);
}

std::string WithHashes(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t at = text.find('@'), end = at == text.npos ? text.npos : text.find('@', at + 1);
    const OpDef* op = end == text.npos ? nullptr : FindOp(text.substr(at + 1, end - at - 1));
    const size_t upto = op != nullptr ? at : at == text.npos ? text.size() : at + 1;
    out += text.substr(0, upto);
    if (op != nullptr) out += SchemaHash(*op->schema);
    text.remove_prefix(op != nullptr ? end + 1 : upto);
  }
  return out;
}

std::vector<std::string> Split(std::string_view text) {
  std::vector<std::string> sections;
  for (size_t begin = 0; sections.size() < 3;) {
    const size_t end = sections.size() == 2 ? std::string_view::npos : text.find('\0', begin);
    sections.emplace_back(text.substr(begin, end == std::string_view::npos ? end : end - begin));
    if (end == std::string_view::npos) break;
    begin = end + 1;
  }
  return sections;
}

// Every byte of the outputs can be read: a sanitizer sees it where not.
void Read(absl::Span<const TensorView> outputs) {
  unsigned sum = 0;
  for (const TensorView& output : outputs) {
    const auto* bytes = static_cast<const unsigned char*>(output.data);
    for (size_t i = 0, n = static_cast<size_t>(output.numel()) * SizeOf(output.dtype); i < n; ++i) sum += bytes[i];
  }
  volatile unsigned kept = sum;
  (void)kept;
}

void RunSmall(const Bundle& bundle, const Program& program) {
  constexpr int64_t kMostElements = 4096;
  constexpr size_t kMostArena = size_t{1} << 20;
  const Signature& signature = program.signature();
  std::vector<int64_t> dims;
  for (const Dim& dim : signature.dims) dims.push_back(std::min<int64_t>(dim.max, dim.min + 2));
  const auto memory = program.MemoryAt(dims);
  if (!memory.ok() || memory->peak_bytes > kMostArena) return;
  STRATA_CHECK(memory->peak_bytes >= memory->lower_bound_bytes, "a peak is not below its lower bound");
  std::vector<TensorView> inputs, outputs(signature.outputs.size());
  std::vector<std::vector<int64_t>> owned;
  for (const TensorSpec& spec : signature.inputs) {
    TensorView view;
    view.dtype = spec.dtype;
    view.rank = 0;
    for (const SizeExpr& size : spec.shape) {
      view.sizes[static_cast<size_t>(view.rank++)] = size.Evaluate(dims).value_or(0);
    }
    view.MakeContiguous();
    if (view.numel() > kMostElements) return;
    const size_t bytes = static_cast<size_t>(view.numel()) * SizeOf(view.dtype);
    view.data = owned.emplace_back(bytes / 8 + 1).data();  // a byte more than it has at most 7
    inputs.push_back(view);
  }
  Executor executor(bundle.program(signature.name), Serial());
  if (executor.Run(inputs, absl::MakeSpan(outputs)).ok()) Read(outputs);
}

}  // namespace

bool LoadAndRunSections(std::string_view text) {
  const std::string hashed = WithHashes(text);
  const std::vector<std::string> sections = Split(hashed);
  const std::string weights = sections.size() > 2 ? WithData(sections[2]) : FixedWeights();
  const std::string plan = sections.size() > 1 ? sections[1] : "";
  const auto bundle = Bundle::FromBytes(sections[0], plan, AsBytes(weights), {.max_arena_bytes = 64 << 20});
  if (!bundle.ok()) {
    STRATA_CHECK(!bundle.status().message().empty(), "a refusal has a sentence");
    return false;
  }
  for (const Program& program : (*bundle)->programs()) RunSmall(**bundle, program);
  return true;
}

std::string MutateSections(std::string_view text, uint32_t seed) {
  std::vector<std::string> sections = Split(text);
  std::mt19937 random(seed);
  JsonMutator mutator(seed * 2654435761u + 1);
  for (size_t n = random() % 2 == 0 ? 1 : 1 + random() % 4; n > 0; --n) {
    // The plan says most.
    const size_t which = random() % 4 == 0 ? random() % sections.size() : std::min<size_t>(1, sections.size() - 1);
    sections[which] = mutator.Mutate(sections[which]);
  }
  std::string made = sections[0];
  for (size_t s = 1; s < sections.size(); ++s) made += '\0' + sections[s];
  return made;
}

}  // namespace strata::runtime
