#include "systems/runtime/profile.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <utility>
#include <vector>

#include "systems/formats/text.h"

namespace strata::runtime {
namespace {

void Add(const StepProfile& step, StepProfile* sum) {
  sum->calls += step.calls;
  sum->nanoseconds += step.nanoseconds;
  sum->bytes += step.bytes;
  sum->flops += step.flops;
}

// "12.3", or "-" where there is nothing to tell.
std::string Rate(double amount, int64_t nanoseconds) {
  if (amount <= 0 || nanoseconds <= 0) return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", amount / static_cast<double>(nanoseconds));
  return text;
}

std::string Line(const std::string& name, const StepProfile& sum, int64_t total) {
  char text[256];
  const double us = static_cast<double>(sum.nanoseconds) / 1000;
  std::snprintf(text, sizeof text, "%-24s %10lld %14.1f %12.2f %7.1f%% %9s %9s\n", name.c_str(),
                static_cast<long long>(sum.calls), us, us / static_cast<double>(std::max<int64_t>(sum.calls, 1)),
                100.0 * static_cast<double>(sum.nanoseconds) / static_cast<double>(std::max<int64_t>(total, 1)),
                Rate(sum.bytes, sum.nanoseconds).c_str(), Rate(sum.flops, sum.nanoseconds).c_str());
  return text;
}

std::string Microseconds(int64_t nanoseconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%lld.%03lld", static_cast<long long>(nanoseconds / 1000),
                static_cast<long long>(nanoseconds % 1000));
  return text;
}

}  // namespace

std::string ProfileTable(const Executor& executor) {
  std::map<std::string, StepProfile> by_op;
  StepProfile all;
  for (size_t s = 0; s < executor.profile().size(); ++s) {
    const Step& step = executor.program().plan().steps[s];
    if (step.op == nullptr) continue;
    Add(executor.profile()[s], &by_op[std::string(step.op->schema->name)]);
    Add(executor.profile()[s], &all);
  }
  std::vector<std::pair<std::string, StepProfile>> rows(by_op.begin(), by_op.end());
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.second.nanoseconds > b.second.nanoseconds; });
  char head[256];
  std::snprintf(head, sizeof head, "%-24s %10s %14s %12s %8s %9s %9s\n", "operator", "calls", "total us", "us a call",
                "share", "GB/s", "GFLOP/s");
  std::string text = head;
  for (const auto& [name, sum] : rows) text += Line(name, sum, all.nanoseconds);
  return text + Line("all", all, all.nanoseconds);
}

absl::StatusOr<std::string> MemoryText(const Program& program, absl::Span<const int64_t> dims) {
  RUNTIME_ASSIGN_OR_RETURN(const MemoryUse use, program.MemoryAt(dims));
  char ratio[32];
  std::snprintf(ratio, sizeof ratio, "%.3f",
                static_cast<double>(use.peak_bytes) / static_cast<double>(std::max<size_t>(use.lower_bound_bytes, 1)));
  const std::string at = dims.empty() ? "" : Cat(" at ", DimsText(program.signature(), dims));
  return Cat("memory: ", program.signature().name, at, ": a peak of ", BytesText(use.peak_bytes), ", ",
             use.peak_bytes == 0 ? "1.000" : ratio, " of the lower bound ", BytesText(use.lower_bound_bytes),
             " by live ranges; ", BytesText(use.unshared_bytes), " if nothing were shared; ", program.steps_in_place(),
             " of ", program.plan().steps.size(), " steps in place");
}

std::string TraceJson(const Executor& executor) {
  const EntryPlan& plan = executor.program().plan();
  std::string text = "{\"displayTimeUnit\": \"ns\", \"traceEvents\": [";
  bool first = true;
  const int64_t begin = executor.events().empty() ? 0 : executor.events()[0].start_ns;
  for (const StepEvent& event : executor.events()) {
    const Step& step = plan.steps[static_cast<size_t>(event.step)];
    const Value& made = plan.values[static_cast<size_t>(step.outputs[0])];
    text += Cat(first ? "\n" : ",\n", "{\"name\": ", JsonQuote(step.op->schema->name),
                ", \"cat\": \"operator\", \"ph\": \"X\", \"pid\": 1, \"tid\": 1, \"ts\": ",
                Microseconds(event.start_ns - begin), ", \"dur\": ", Microseconds(event.nanoseconds),
                ", \"args\": {\"step\": ", event.step, ", \"makes\": ", JsonQuote(made.name),
                ", \"shape\": ", JsonQuote(ShapeText(made.shape)), ", \"run\": ", event.run, "}}");
    first = false;
  }
  return text + "\n]}\n";
}

}  // namespace strata::runtime
