#include "systems/server/flags.h"

#include <absl/flags/flag.h>
#include <absl/flags/parse.h>
#include <absl/flags/reflection.h>

#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string_view>
#include <thread>
#include <vector>

#include "systems/formats/text.h"
#include "systems/server/version.h"

ABSL_FLAG(std::string, address, "127.0.0.1", "numeric IPv4 or IPv6 address to listen on; 0.0.0.0 makes it public");
ABSL_FLAG(int, port, 8000, "port to listen on; 0 takes any free one, which the ready line names");
ABSL_FLAG(int, drain_timeout_s, 30, "after SIGTERM, seconds until requests that are still unanswered are cut");
ABSL_FLAG(std::string, log_level, "info", "debug, info, warning, error or off; the log is on standard error");
ABSL_FLAG(bool, version, false, "print the version and leave");

ABSL_FLAG(int, threads, 0, "threads that compute one batch; 0: as many as there are cores");
ABSL_FLAG(int, executors, 1, "batches of one model that run at the same time");
ABSL_FLAG(int, io_threads, 1, "threads for sockets, HTTP and JSON; one serves tens of thousands of requests a second");

ABSL_FLAG(int64_t, max_batch_tasks, 64, "most requests in one batch");
ABSL_FLAG(int64_t, max_batch_cost, 4096, "most rows or tokens in one batch, and so in one request");
ABSL_FLAG(int64_t, max_delay_us, 0, "how long a batch may wait for company while an executor is idle");
ABSL_FLAG(int64_t, max_queue_tasks, 1024, "requests that may wait for one model; one more is answered 429");
ABSL_FLAG(int64_t, max_queue_cost, 1 << 20, "rows or tokens that may wait for one model");
ABSL_FLAG(int64_t, default_timeout_ms, 0, "a request that has not begun by then is answered 504; 0: no limit");
ABSL_FLAG(int64_t, max_body_bytes, 64 << 20, "largest request body; a larger one is answered 413");

namespace strata::server {
namespace {

using runtime::Cat;
using runtime::Invalid;

constexpr const char* kUsage =
    R"(strata-server serves models that `strata export` wrote. It checks each bundle, replays its recorded
results bit for bit, and then answers the Open Inference Protocol (/v2) and OpenAI's embeddings (/v1).

    strata-server BUNDLE... [flags]      a BUNDLE is a folder with a manifest.json, or a folder of such folders

    strata-server minilm.bundle digits.bundle
    curl localhost:8000/v1/embeddings -d '{"model": "minilm", "input": "how do I read a file?"}'
)";

struct Group {
  const char* title;
  std::vector<const char*> names;
};

const std::vector<Group>& Groups() {
  static const std::vector<Group> groups = {
      {"Where", {"address", "port"}},
      {"Computing", {"threads", "executors", "io_threads"}},
      {"Batching", {"max_batch_tasks", "max_batch_cost", "max_delay_us"}},
      {"Limits", {"max_queue_tasks", "max_queue_cost", "default_timeout_ms", "max_body_bytes"}},
      {"Process", {"drain_timeout_s", "log_level", "version"}},
  };
  return groups;
}

void PrintHelp() {
  std::printf("%s", kUsage);
  for (const Group& group : Groups()) {
    std::printf("\n%s\n", group.title);
    for (const char* name : group.names) {
      const absl::CommandLineFlag* flag = absl::FindCommandLineFlag(name);
      const std::string left = Cat("--", name, "=", flag->DefaultValue());
      std::printf("  %-28s %s\n", left.c_str(), flag->Help().c_str());
    }
  }
}

// Before the flags library sees them: its own --help lists flags that are not ours.
void AnswerQuestions(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--") return;
    if (argument == "--help" || argument == "-h" || argument == "-help") {
      PrintHelp();
      std::exit(0);
    }
    if (argument == "--version" || argument == "-version") {
      std::printf("strata-server %s\n", std::string(kVersion).c_str());
      std::exit(0);
    }
  }
}

template <class T>
absl::Status CheckRange(const char* flag, T value, T least, T most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return Invalid("--", flag, " is ", value, ", wanted ", least, " to ", most);
}

constexpr int64_t kMost = int64_t{1} << 40;

absl::Status TakeModelFlags(models::ModelOptions* model) {
  const int executors = absl::GetFlag(FLAGS_executors), threads = absl::GetFlag(FLAGS_threads);
  RUNTIME_RETURN_IF_ERROR(CheckRange("executors", executors, 1, 256));
  RUNTIME_RETURN_IF_ERROR(CheckRange("threads", threads, 0, 1024));
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  model->runner.executors = executors;
  model->runner.threads = threads > 0 ? threads : std::max(1, cores);
  const int64_t batch_tasks = absl::GetFlag(FLAGS_max_batch_tasks), batch_cost = absl::GetFlag(FLAGS_max_batch_cost);
  const int64_t queue_tasks = absl::GetFlag(FLAGS_max_queue_tasks), queue_cost = absl::GetFlag(FLAGS_max_queue_cost);
  const int64_t delay_us = absl::GetFlag(FLAGS_max_delay_us), timeout_ms = absl::GetFlag(FLAGS_default_timeout_ms);
  RUNTIME_RETURN_IF_ERROR(CheckRange<int64_t>("max_batch_tasks", batch_tasks, 1, 1 << 20));
  RUNTIME_RETURN_IF_ERROR(CheckRange<int64_t>("max_batch_cost", batch_cost, 1, kMost));
  RUNTIME_RETURN_IF_ERROR(CheckRange<int64_t>("max_queue_tasks", queue_tasks, 1, 1 << 24));
  RUNTIME_RETURN_IF_ERROR(CheckRange<int64_t>("max_queue_cost", queue_cost, batch_cost, kMost));
  RUNTIME_RETURN_IF_ERROR(CheckRange<int64_t>("max_delay_us", delay_us, 0, 60'000'000));
  RUNTIME_RETURN_IF_ERROR(CheckRange<int64_t>("default_timeout_ms", timeout_ms, 0, 86'400'000));
  model->queue.max_batch_tasks = static_cast<size_t>(batch_tasks);
  model->queue.max_batch_cost = batch_cost;
  model->queue.max_queue_tasks = static_cast<size_t>(queue_tasks);
  model->queue.max_queue_cost = queue_cost;
  model->queue.max_delay_us = delay_us;
  if (timeout_ms > 0) model->default_timeout_us = timeout_ms * 1000;
  return absl::OkStatus();
}

absl::Status TakeHttpFlags(ServerOptions* options) {
  const int port = absl::GetFlag(FLAGS_port), io_threads = absl::GetFlag(FLAGS_io_threads);
  const int drain_s = absl::GetFlag(FLAGS_drain_timeout_s);
  const int64_t body_bytes = absl::GetFlag(FLAGS_max_body_bytes);
  RUNTIME_RETURN_IF_ERROR(CheckRange("port", port, 0, 65535));
  RUNTIME_RETURN_IF_ERROR(CheckRange("io_threads", io_threads, 1, 256));
  RUNTIME_RETURN_IF_ERROR(CheckRange("drain_timeout_s", drain_s, 0, 86'400));
  RUNTIME_RETURN_IF_ERROR(CheckRange<int64_t>("max_body_bytes", body_bytes, 1024, int64_t{1} << 32));
  options->http.address = absl::GetFlag(FLAGS_address);
  options->http.port = static_cast<uint16_t>(port);
  options->http.num_io_threads = io_threads;
  options->http.drain_limit = std::chrono::seconds(drain_s);
  options->http.max_body_bytes = static_cast<size_t>(body_bytes);
  options->limits.max_body_bytes = body_bytes;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(int argc, char** argv) {
  AnswerQuestions(argc, argv);
  const std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
  CommandLine line;
  line.options.bundles.assign(rest.begin() + 1, rest.end());
  if (line.options.bundles.empty()) return Invalid("no bundle was named; try --help");
  RUNTIME_RETURN_IF_ERROR(TakeModelFlags(&line.options.model));
  RUNTIME_RETURN_IF_ERROR(TakeHttpFlags(&line.options));
  line.log_level = absl::GetFlag(FLAGS_log_level);
  return line;
}

}  // namespace strata::server
