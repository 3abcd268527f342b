#include "systems/runtime/golden.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "systems/formats/safetensors.h"
#include "systems/formats/text.h"
#include "systems/runtime/compare.h"
#include "systems/runtime/executor.h"

namespace strata::runtime {
namespace {

constexpr size_t kMaxCases = 1000;  // of an entry point

// The tensors of one case, by the signature's order; rank -1 where one is missing.
struct Case {
  std::vector<TensorView> inputs, outputs;
};
using Cases = std::map<size_t, Case>;

// Takes the text up to the next '/' off `rest`.
std::string_view NextPart(std::string_view* rest) {
  const size_t slash = rest->find('/');
  const std::string_view part = rest->substr(0, slash);
  rest->remove_prefix(slash == std::string_view::npos ? rest->size() : slash + 1);
  return part;
}

// Files `<case>/in/<input>` or `<case>/out/<output>`.
absl::Status AddTensor(const Signature& signature, std::string_view rest, const TensorView& view, Cases* cases) {
  const std::string_view number = NextPart(&rest), side = NextPart(&rest);
  size_t index = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), index);
  if (error != std::errc() || end != number.data() + number.size() || index >= kMaxCases ||
      (number.size() > 1 && number[0] == '0')) {
    return Invalid("the case ", Quote(number), " is not a number below ", kMaxCases);
  }
  const bool is_input = side == "in";
  if (!is_input && side != "out") return Invalid("wanted in or out, found ", Quote(side));
  const int at = is_input ? signature.FindInput(rest) : signature.FindOutput(rest);
  if (at < 0) return Invalid("there is no ", is_input ? "input " : "output ", Quote(rest));
  Case& made = (*cases)[index];
  made.inputs.resize(signature.inputs.size());
  made.outputs.resize(signature.outputs.size());
  (is_input ? made.inputs : made.outputs)[static_cast<size_t>(at)] = view;
  return absl::OkStatus();
}

absl::StatusOr<std::map<std::string, Cases>> SortTensors(const Bundle& bundle, const SafeTensors& golden) {
  std::map<std::string, Cases> sorted;
  for (const SafeTensors::Entry& entry : golden.entries()) {
    std::string_view rest = entry.name;
    const std::string_view name = NextPart(&rest);
    const std::shared_ptr<const Program> program = name.empty() ? nullptr : bundle.program(name);
    absl::Status status = program == nullptr
                              ? Invalid("there is no entry point ", Quote(name))
                              : AddTensor(program->signature(), rest, entry.view, &sorted[std::string(name)]);
    if (!status.ok()) return Annotate(status, Cat("tensor ", Quote(entry.name)));
  }
  return sorted;
}

// Whether this machine's results must be the golden's to the bit; if not, a note says why.
void CompareClasses(const Bundle& bundle, GoldenReport* report) {
  std::set<std::string> used;
  for (const Program& program : bundle.programs()) {
    used.insert(program.numerics_classes().begin(), program.numerics_classes().end());
  }
  const std::set<std::string> recorded(bundle.manifest().numerics.begin(), bundle.manifest().numerics.end());
  report->exact = used.empty() || used == recorded;
  if (report->exact) return;
  const auto join = [](const std::set<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    return text.empty() ? std::string("none") : text;
  };
  report->notes.push_back(Cat("this machine runs the numerics classes ", join(used), "; the golden was made with ",
                              join(recorded), ": compared within the dtype's bound"));
}

class Replay {
 public:
  Replay(const Bundle& bundle, Parallel& parallel, GoldenReport& report)
      : bundle_(bundle), parallel_(parallel), report_(report) {}

  absl::Status Entry(const std::string& name, const Cases& cases) {
    const std::shared_ptr<const Program> program = bundle_.program(name);
    Executor executor(program, parallel_);
    std::set<std::vector<int64_t>> shapes;
    for (const auto& [index, one] : cases) {
      RUNTIME_RETURN_IF_ERROR(Annotate(RunCase(executor, one, &shapes), Cat(name, ", case ", index)));
    }
    const size_t wanted = program->signature().dims.empty() ? 1 : 2;
    if (shapes.size() >= wanted) return absl::OkStatus();
    return Invalid("entry point ", Quote(name), " has cases of ", shapes.size(), " different sizes, wanted at least ",
                   wanted);
  }

 private:
  absl::Status RunCase(Executor& executor, const Case& one, std::set<std::vector<int64_t>>* shapes) {
    const Signature& signature = executor.signature();
    std::vector<TensorView> outputs(signature.outputs.size());
    RUNTIME_RETURN_IF_ERROR(executor.Run(one.inputs, absl::MakeSpan(outputs)));
    std::vector<int64_t> dims(signature.dims.size());
    RUNTIME_RETURN_IF_ERROR(BindInputs(signature, one.inputs, absl::MakeSpan(dims)));
    report_.dims.emplace_back(signature.name, dims);
    shapes->insert(std::move(dims));
    ++report_.cases;
    for (size_t o = 0; o < outputs.size(); ++o) {
      RUNTIME_RETURN_IF_ERROR(CompareOutput(signature.outputs[o], outputs[o], one.outputs[o]));
    }
    return absl::OkStatus();
  }

  absl::Status CompareOutput(const TensorSpec& spec, const TensorView& got, const TensorView& want) {
    if (!want.present()) return Invalid("the output ", Quote(spec.name), " is missing");
    if (got.dtype != want.dtype || got.rank != want.rank ||
        !std::equal(got.sizes.begin(), got.sizes.begin() + got.rank, want.sizes.begin())) {
      return Invalid("the output ", Quote(spec.name), " is ", NameOf(got.dtype), " ", strata::ShapeText(got),
                     ", the golden has ", NameOf(want.dtype), " ", strata::ShapeText(want));
    }
    report_.elements += want.numel();
    const Difference difference = Compare(got, want);
    if (difference.count == 0) return absl::OkStatus();
    const double bound = ClassBound(want.dtype) * difference.magnitude;
    if (!report_.exact && difference.largest <= bound) return absl::OkStatus();
    return absl::DataLossError(Cat("the output ", Quote(spec.name),
                                   " is not what the golden has: ", DifferenceText(difference, got, want),
                                   report_.exact ? std::string() : Cat(", which is more than the bound ", bound)));
  }

  const Bundle& bundle_;
  Parallel& parallel_;
  GoldenReport& report_;
};

}  // namespace

absl::StatusOr<GoldenReport> ReplayGolden(const Bundle& bundle, Parallel& parallel) {
  RUNTIME_ASSIGN_OR_RETURN(const MappedFile file, bundle.MapFile("golden.safetensors"));
  return ReplayGolden(bundle, file.bytes(), parallel);
}

absl::StatusOr<GoldenReport> ReplayGolden(const Bundle& bundle, absl::Span<const std::byte> bytes, Parallel& parallel) {
  absl::StatusOr<SafeTensors> golden = SafeTensors::Parse(bytes);
  if (!golden.ok()) return Annotate(golden.status(), "golden.safetensors");
  auto sorted = SortTensors(bundle, *golden);
  if (!sorted.ok()) return Annotate(sorted.status(), "golden.safetensors");
  GoldenReport report;
  CompareClasses(bundle, &report);
  Replay replay(bundle, parallel, report);
  for (const Program& program : bundle.programs()) {
    const std::string& name = program.signature().name;
    RUNTIME_RETURN_IF_ERROR(Annotate(replay.Entry(name, (*sorted)[name]), "golden.safetensors"));
  }
  return report;
}

}  // namespace strata::runtime
