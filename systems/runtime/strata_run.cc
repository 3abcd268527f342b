// strata-run: one bundle, run without a server.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "kernels/base/thread_pool.h"
#include "systems/formats/npy.h"
#include "systems/formats/text.h"
#include "systems/runtime/json_tensors.h"
#include "systems/runtime/runtime.h"
#include "systems/runtime/tuning.h"

ABSL_FLAG(std::string, entry, "", "the entry point; empty: the bundle's default one");
ABSL_FLAG(std::string, input, "", "inputs from a .safetensors file, or the one input from a .npy file");
ABSL_FLAG(std::string, output, "", "writes the outputs to this .safetensors file");
ABSL_FLAG(bool, golden, false, "only load the bundle and replay its golden");
ABSL_FLAG(bool, profile, false, "print what each operator took, on standard error");
ABSL_FLAG(int32_t, threads, 0, "threads that compute; 0: one for each processor");
ABSL_FLAG(int32_t, max_arena_mib, 4096, "most memory of one run at the bundle's largest dims");

namespace strata::runtime {
namespace {

// Exit codes: 0 fine, 1 the bundle or the inputs are refused, 2 the command line is wrong.
constexpr int kRefused = 1, kUsage = 2;
constexpr size_t kMaxLineBytes = size_t{256} << 20;

constexpr char kHelp[] = R"(runs a model bundle.

  strata-run BUNDLE < requests.jsonl           one JSON request a line: {"inputs": {"x": [[1, 2]]}}
  strata-run BUNDLE --input x.safetensors --output y.safetensors
  strata-run BUNDLE --golden                   replays the golden and says whether every bit is equal
  strata-run BUNDLE --profile < requests.jsonl

The golden is replayed before anything else, and a bundle that fails is refused. Exit codes: 0 fine, 1 the bundle or an
input is refused, 2 the command line is wrong.)";

int Fail(const absl::Status& status) {
  std::cerr << "strata-run: " << status.message() << "\n";
  return kRefused;
}

bool EndsWith(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

absl::StatusOr<ParsedInputs> ReadInputFile(const std::string& path, const Signature& signature) {
  RUNTIME_ASSIGN_OR_RETURN(const MappedFile file, MapFile(path, size_t{64} << 30));
  ParsedInputs inputs;
  inputs.views.resize(signature.inputs.size());
  const auto add = [&](size_t at, const TensorView& view) {
    inputs.tensors.push_back(Tensor::CopyOf(view));  // aligned, whatever the file's layout
    inputs.views[at] = inputs.tensors.back().view();
  };
  if (EndsWith(path, ".npy")) {
    if (signature.inputs.size() != 1) return Invalid("a .npy file is one input, wanted ", signature.inputs.size());
    RUNTIME_ASSIGN_OR_RETURN(const TensorView view, ParseNpy(file.bytes()));
    add(0, view);
    return inputs;
  }
  RUNTIME_ASSIGN_OR_RETURN(const SafeTensors tensors, SafeTensors::Parse(file.bytes()));
  for (const SafeTensors::Entry& entry : tensors.entries()) {
    const int at = signature.FindInput(entry.name);
    if (at < 0) return Invalid("entry point ", Quote(signature.name), " has no input ", Quote(entry.name));
    add(static_cast<size_t>(at), entry.view);
  }
  return inputs;
}

absl::Status WriteOutputs(const Signature& signature, const std::vector<Tensor>& outputs) {
  const std::string path = absl::GetFlag(FLAGS_output);
  if (path.empty()) {
    std::cout << OutputsJson(signature, outputs) << std::endl;
    return absl::OkStatus();
  }
  std::vector<NamedTensor> named;
  for (size_t o = 0; o < outputs.size(); ++o) named.push_back({signature.outputs[o].name, outputs[o].view()});
  const std::string bytes = WriteSafeTensors(named);
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) return Invalid("could not write ", Quote(path));
  return absl::OkStatus();
}

absl::Status RunOnce(Model& model, const Signature& signature, const absl::StatusOr<ParsedInputs>& inputs) {
  if (!inputs.ok()) return inputs.status();
  RUNTIME_ASSIGN_OR_RETURN(const std::vector<Tensor> outputs, model.Run(signature.name, inputs->views));
  return WriteOutputs(signature, outputs);
}

// Every line is a request; the first that is refused ends the run, with its number.
absl::Status RunLines(Model& model, const Signature& signature) {
  std::string line;
  for (int64_t number = 1; std::getline(std::cin, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    if (line.size() > kMaxLineBytes) return Invalid("line ", number, " has ", BytesText(line.size()));
    RUNTIME_RETURN_IF_ERROR(Annotate(RunOnce(model, signature, ParseInputs(line, signature)), Cat("line ", number)));
  }
  return absl::OkStatus();
}

// What each operator took, the most first.
void PrintProfile(const Model& model, const Signature& signature) {
  const Executor* executor = model.executor(signature.name);
  if (executor == nullptr) return;
  std::map<std::string, StepProfile> by_op;
  int64_t total = 0;
  for (size_t s = 0; s < executor->profile().size(); ++s) {
    const Step& step = executor->program().plan().steps[s];
    if (step.op == nullptr) continue;
    StepProfile& sum = by_op[std::string(step.op->schema->name)];
    sum.calls += executor->profile()[s].calls;
    sum.nanoseconds += executor->profile()[s].nanoseconds;
    total += executor->profile()[s].nanoseconds;
  }
  std::vector<std::pair<std::string, StepProfile>> rows(by_op.begin(), by_op.end());
  std::sort(rows.begin(), rows.end(),
            [](const auto& a, const auto& b) { return a.second.nanoseconds > b.second.nanoseconds; });
  std::fprintf(stderr, "%-24s %10s %14s %12s %8s\n", "operator", "calls", "total us", "us a call", "share");
  for (const auto& [name, sum] : rows) {
    const double us = static_cast<double>(sum.nanoseconds) / 1000;
    std::fprintf(stderr, "%-24s %10lld %14.1f %12.2f %7.1f%%\n", name.c_str(), static_cast<long long>(sum.calls), us,
                 us / static_cast<double>(std::max<int64_t>(sum.calls, 1)),
                 100.0 * static_cast<double>(sum.nanoseconds) / static_cast<double>(std::max<int64_t>(total, 1)));
  }
}

int Main(const std::string& path) {
  const int wanted = absl::GetFlag(FLAGS_threads), arena = absl::GetFlag(FLAGS_max_arena_mib);
  if (wanted < 0 || wanted > 1024 || arena < 1) {
    std::cerr << "strata-run: --threads is 0 to 1024, --max_arena_mib at least 1\n";
    return kUsage;
  }
  ThreadPool pool(wanted > 0 ? wanted : std::max(1, static_cast<int>(std::thread::hardware_concurrency())));
  LoadOptions options;
  options.max_arena_bytes = static_cast<size_t>(arena) << 20;
  absl::StatusOr<Model> model = Model::Load(path, options, pool);
  if (!model.ok()) return Fail(model.status());
  for (const std::string& note : model->golden().notes) std::cerr << "strata-run: " << note << "\n";
  if (absl::GetFlag(FLAGS_golden)) {
    std::cout << "golden: " << model->golden().cases << " cases, " << model->golden().elements << " elements, "
              << (model->golden().exact ? "bit-identical" : "within the dtype's bound") << "\n";
    return 0;
  }
  const Signature* signature = model->signature(absl::GetFlag(FLAGS_entry));
  if (signature == nullptr) {
    return Fail(absl::NotFoundError(Cat("there is no entry point ", Quote(absl::GetFlag(FLAGS_entry)))));
  }
  if (absl::GetFlag(FLAGS_profile)) model->EnableProfile();
  const std::string input = absl::GetFlag(FLAGS_input);
  const absl::Status status =
      input.empty() ? RunLines(*model, *signature) : RunOnce(*model, *signature, ReadInputFile(input, *signature));
  if (absl::GetFlag(FLAGS_profile)) PrintProfile(*model, *signature);
  return status.ok() ? 0 : Fail(status);
}

}  // namespace
}  // namespace strata::runtime

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage(strata::runtime::kHelp);
  const std::vector<char*> arguments = absl::ParseCommandLine(argc, argv);
  if (arguments.size() != 2) {
    std::cerr << "strata-run: wanted one bundle, got " << arguments.size() - 1 << " arguments; see strata-run --help\n";
    return strata::runtime::kUsage;
  }
  if (const absl::Status status = strata::runtime::LoadTuningTable(); !status.ok()) {
    std::cerr << "strata-run: warning: " << status.message() << "\n";
  }
  return strata::runtime::Main(arguments[1]);
}
