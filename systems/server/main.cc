// strata-server: wiring only. Flags in flags.cc, everything that runs in server.cc; here are signals and what it
// prints.
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <string>
#include <thread>

#include "systems/admin/logging.h"
#include "systems/runtime/tuning.h"
#include "systems/server/flags.h"
#include "systems/server/server.h"

namespace {

using strata::server::Server;

// Takes the signals that end a process, on a thread of its own: a handler may do next to nothing, a thread anything.
class StopSignals {
 public:
  // Before any other thread, so that all of them leave these signals to this one.
  StopSignals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    std::thread([this] { Watch(); }).detach();
  }

  // Until the first signal. The second ends the process at once, and so does one before this is called.
  void Wait() {
    serving_.store(true);
    first_.get_future().wait();
  }

 private:
  [[noreturn]] void Watch() {
    for (int count = 0;; ++count) {
      int signal = 0;
      while (sigwait(&set_, &signal) != 0) {
      }
      if (count > 0 || !serving_.load()) _exit(1);
      first_.set_value();
    }
  }

  sigset_t set_;
  std::promise<void> first_;
  std::atomic<bool> serving_{false};
};

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "strata-server: %s\n", std::string(status.message()).c_str());
  return 1;
}

int Serve(int argc, char** argv) {
  const auto begin = std::chrono::steady_clock::now();
  static StopSignals signals;  // outlives its thread
  const absl::StatusOr<strata::server::CommandLine> line = strata::server::ParseCommandLine(argc, argv);
  if (!line.ok()) return Fail(line.status());
  if (const absl::Status status = strata::admin::SetUpLogging(line->log_level); !status.ok()) return Fail(status);
  if (const absl::Status status = strata::runtime::LoadTuningTable(); !status.ok()) {
    strata::admin::Log(strata::admin::LogLevel::kWarning, std::string(status.message()));
  }
  const absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(line->options);
  if (!server.ok()) return Fail(server.status());
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::printf("strata-server: ready on %s in %.3f s: %s\n", (*server)->url().c_str(), took.count(),
              (*server)->models().Names().c_str());
  std::fflush(stdout);
  signals.Wait();
  const strata::server::StopReport report = (*server)->Stop();
  std::printf("strata-server: stopped: accepted=%llu answered=%llu dropped=%llu\n",
              static_cast<unsigned long long>(report.accepted), static_cast<unsigned long long>(report.answered),
              static_cast<unsigned long long>(report.dropped));
  std::fflush(stdout);
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return Serve(argc, argv); }
