// Who lives when, and in whose memory: the places of a program's values, which MemoryPlanner then gives offsets.
#include <algorithm>

#include "kernels/ops/in_place.h"
#include "systems/runtime/program.h"

namespace strata::runtime {
namespace {

// Equal at all dims, and elements of one size.
bool SameLayout(const Value& a, const Value& b) {
  return SizeOf(a.dtype) == SizeOf(b.dtype) && a.shape.size() == b.shape.size() &&
         std::equal(a.shape.begin(), a.shape.end(), b.shape.begin(),
                    [](const SizeExpr& x, const SizeExpr& y) { return x.text() == y.text(); });
}

}  // namespace

int Program::AddSlot(LiveRange range) {
  ranges_.push_back(range);
  return static_cast<int>(ranges_.size()) - 1;
}

// By value, for those that own memory: the last step that reads it or a view of it; -1: none. Outputs live past the
// last step.
std::vector<int> Program::LastUses() const {
  std::vector<int> last(plan_.values.size(), -1);
  const auto use = [&](int v, int at) { last[static_cast<size_t>(plan_.values[static_cast<size_t>(v)].root)] = at; };
  for (size_t s = 0; s < plan_.steps.size(); ++s) {
    if (plan_.steps[s].op == nullptr) continue;  // a view reads nothing
    ForEachInput(plan_.steps[s], [&](int v) { use(v, static_cast<int>(s)); });
  }
  for (const int v : plan_.outputs) use(v, static_cast<int>(plan_.steps.size()));
  return last;
}

// The place of an input that dies in this step and that the operator may write output `o` over; -1: there is none.
int Program::SlotToOverwrite(size_t s, size_t o, const std::vector<int>& last_uses) const {
  const Step& step = plan_.steps[s];
  const OpSchema& schema = *step.op->schema;
  const bool list_output = schema.outputs[0].list;
  const Value& output = plan_.values[static_cast<size_t>(step.outputs[o])];
  std::vector<int> roots;  // of every argument
  ForEachInput(step, [&](int v) { roots.push_back(plan_.values[static_cast<size_t>(v)].root); });
  std::sort(roots.begin(), roots.end());
  const auto fits = [&](int v) {
    const Value& value = plan_.values[static_cast<size_t>(v)];
    const auto root = static_cast<size_t>(value.root);
    if (slots_[root] < 0 || last_uses[root] != static_cast<int>(s) || value.partial) return false;
    const auto [first, end] = std::equal_range(roots.begin(), roots.end(), value.root);
    // Another argument might look at other elements of this memory.
    return end - first == 1 && SameLayout(value, output);
  };
  for (size_t i = 0; i < step.inputs.size(); ++i) {
    const bool list = schema.inputs[i].list;
    if (!MayOverwrite(schema, static_cast<int>(i), list_output ? 0 : static_cast<int>(o))) continue;
    if (list && step.outputs.size() != 1) continue;
    const auto slot_of = [&](int v) { return slots_[static_cast<size_t>(plan_.values[static_cast<size_t>(v)].root)]; };
    if (!list && step.inputs[i] >= 0 && fits(step.inputs[i])) return slot_of(step.inputs[i]);
    if (!list) continue;
    for (const int v : step.lists[i]) {
      if (fits(v)) return slot_of(v);
    }
  }
  return -1;
}

void Program::FindSlots() {
  const int end = static_cast<int>(plan_.steps.size());
  const std::vector<int> last_uses = LastUses();
  slots_.assign(plan_.values.size(), -1);
  for (size_t s = 0; s < plan_.steps.size(); ++s) {
    const Step& step = plan_.steps[s];
    if (step.op == nullptr) continue;
    bool in_place = false;  // of one output at most: conformance tries each pair alone
    for (size_t o = 0; o < step.outputs.size(); ++o) {
      const auto v = static_cast<size_t>(step.outputs[o]);
      const int now = static_cast<int>(s), last = std::max(now, last_uses[v]);
      const int over = options_.in_place && !in_place ? SlotToOverwrite(s, o, last_uses) : -1;
      in_place |= over >= 0;
      slots_[v] = over >= 0 ? over : AddSlot({now, last});
      if (over >= 0) ranges_[static_cast<size_t>(over)].last = last;
    }
    steps_in_place_ += in_place;
  }
  for (const int v : plan_.outputs) {
    const Value& value = plan_.values[static_cast<size_t>(v)];
    const int slot = slots_[static_cast<size_t>(value.root)];
    // Inputs are the caller's and weights are the bundle's; a strided view is no tensor to hand out.
    copy_slots_.push_back(slot < 0 || value.partial ? AddSlot({end, end}) : -1);
  }
}

absl::StatusOr<MemoryUse> Program::MemoryAt(absl::Span<const int64_t> dims) const {
  Shapes shapes;
  const absl::Status status = ResolveShapes(plan_, dims, &shapes);
  if (!status.ok()) return status;
  std::vector<size_t> sizes(ranges_.size());
  SlotSizes(shapes, absl::MakeSpan(sizes));
  MemoryPlanner planner(ranges_);
  MemoryUse use;
  if (!planner.Plan(sizes)) return absl::ResourceExhaustedError("the values do not fit in 63 bits");
  use.peak_bytes = planner.peak_bytes();
  use.lower_bound_bytes = planner.lower_bound_bytes();
  for (size_t v = 0; v < slots_.size(); ++v) use.unshared_bytes += slots_[v] >= 0 ? shapes.bytes[v] : 0;
  return use;
}

}  // namespace strata::runtime
