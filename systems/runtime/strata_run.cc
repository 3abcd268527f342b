// strata-run: one bundle, run without a server.
#include <algorithm>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "kernels/base/thread_pool.h"
#include "systems/formats/text.h"
#include "systems/runtime/json_tensors.h"
#include "systems/runtime/profile.h"
#include "systems/runtime/runtime.h"
#include "systems/runtime/tensor_files.h"
#include "systems/runtime/tuning.h"

ABSL_FLAG(std::string, entry, "", "the entry point; empty: the bundle's default one");
ABSL_FLAG(std::string, input, "",
          "inputs from FILE: .safetensors, .json, .npy (the one input), or NAME=A.npy,NAME=B.npy");
ABSL_FLAG(std::string, output, "", "outputs to FILE: .safetensors, .npy (the one output), or NAME=A.npy,NAME=B.npy");
ABSL_FLAG(bool, golden, false, "only load the bundle and replay its golden");
ABSL_FLAG(bool, memory, false, "only load the bundle, and print what its golden's cases and its largest dims take");
ABSL_FLAG(bool, profile, false, "print what each operator and all memory took, on standard error");
ABSL_FLAG(std::string, trace, "", "write every step to FILE, as a Chrome trace (for Perfetto, too)");
ABSL_FLAG(int32_t, repeat, 1, "runs each request so often, for --profile and --trace; answers once");
ABSL_FLAG(bool, in_place, true, "write results over inputs that nobody needs, where that changes no bit");
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
  strata-run BUNDLE --input ids=a.npy,mask=b.npy --output y.npy
  strata-run BUNDLE --golden                   replays the golden and says whether every bit is equal
  strata-run BUNDLE --memory                   what runs take, beside the least that any placement would
  strata-run BUNDLE --profile --trace steps.json < requests.jsonl

The golden is replayed before anything else, and a bundle that fails is refused. Exit codes: 0 fine, 1 the bundle or an
input is refused, 2 the command line is wrong.)";

int Fail(const absl::Status& status) {
  std::cerr << "strata-run: " << status.message() << "\n";
  return kRefused;
}

absl::Status RunOnce(Model& model, const Signature& signature, const absl::StatusOr<ParsedInputs>& inputs) {
  if (!inputs.ok()) return inputs.status();
  RUNTIME_ASSIGN_OR_RETURN(std::vector<Tensor> outputs, model.Run(signature.name, inputs->views));
  for (int i = 1; i < absl::GetFlag(FLAGS_repeat); ++i) {
    RUNTIME_ASSIGN_OR_RETURN(outputs, model.Run(signature.name, inputs->views));
  }
  const std::string files = absl::GetFlag(FLAGS_output);
  if (!files.empty()) return WriteOutputFiles(files, signature, outputs);
  std::cout << OutputsJson(signature, outputs) << std::endl;
  return absl::OkStatus();
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

// What was asked for beside the answers.
absl::Status Report(const Model& model, const Signature& signature) {
  const Executor* executor = model.executor(signature.name);
  if (executor == nullptr) return absl::OkStatus();  // nothing ran
  if (absl::GetFlag(FLAGS_profile)) {
    RUNTIME_ASSIGN_OR_RETURN(const std::string memory, MemoryText(executor->program(), executor->dims()));
    std::cerr << ProfileTable(*executor) << memory << "\n";
  }
  const std::string path = absl::GetFlag(FLAGS_trace);
  if (path.empty()) return absl::OkStatus();
  std::ofstream file(path, std::ios::binary);
  file << TraceJson(*executor);
  file.close();
  return file ? absl::OkStatus() : Invalid("could not write ", Quote(path));
}

absl::Status PrintMemory(const Model& model) {
  for (const auto& [entry, dims] : model.golden().dims) {
    RUNTIME_ASSIGN_OR_RETURN(const std::string text, MemoryText(*model.bundle().program(entry), dims));
    std::cout << text << "\n";
  }
  for (const Program& program : model.bundle().programs()) {
    std::vector<int64_t> most;
    for (const Dim& dim : program.signature().dims) most.push_back(dim.max);
    RUNTIME_ASSIGN_OR_RETURN(const std::string text, MemoryText(program, most));
    std::cout << text << "\n";
  }
  return absl::OkStatus();
}

absl::StatusOr<Model> LoadModel(const std::string& path, Parallel& parallel) {
  LoadOptions options;
  options.max_arena_bytes = static_cast<size_t>(absl::GetFlag(FLAGS_max_arena_mib)) << 20;
  options.in_place = absl::GetFlag(FLAGS_in_place);
  return Model::Load(path, options, parallel);
}

absl::Status Run(Model& model) {
  const Signature* signature = model.signature(absl::GetFlag(FLAGS_entry));
  if (signature == nullptr) {
    return absl::NotFoundError(Cat("there is no entry point ", Quote(absl::GetFlag(FLAGS_entry))));
  }
  const bool trace = !absl::GetFlag(FLAGS_trace).empty();
  if (absl::GetFlag(FLAGS_profile) || trace) model.EnableProfile(trace);
  const std::string input = absl::GetFlag(FLAGS_input);
  const absl::Status status =
      input.empty() ? RunLines(model, *signature) : RunOnce(model, *signature, ReadInputFiles(input, *signature));
  const absl::Status reported = Report(model, *signature);
  return status.ok() ? reported : status;
}

int Main(const std::string& path) {
  const int wanted = absl::GetFlag(FLAGS_threads);
  if (wanted < 0 || wanted > 1024 || absl::GetFlag(FLAGS_max_arena_mib) < 1 || absl::GetFlag(FLAGS_repeat) < 1) {
    std::cerr << "strata-run: --threads is 0 to 1024, --max_arena_mib and --repeat at least 1\n";
    return kUsage;
  }
  ThreadPool pool(wanted > 0 ? wanted : std::max(1, static_cast<int>(std::thread::hardware_concurrency())));
  absl::StatusOr<Model> model = LoadModel(path, pool);
  if (!model.ok()) return Fail(model.status());
  for (const std::string& note : model->golden().notes) std::cerr << "strata-run: " << note << "\n";
  if (absl::GetFlag(FLAGS_golden)) {
    std::cout << "golden: " << model->golden().cases << " cases, " << model->golden().elements << " elements, "
              << (model->golden().exact ? "bit-identical" : "within the dtype's bound") << "\n";
    return 0;
  }
  const absl::Status status = absl::GetFlag(FLAGS_memory) ? PrintMemory(*model) : Run(*model);
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
