// The command line of strata-server: flags to ServerOptions, and a --help that a person can read.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "systems/server/server.h"

namespace strata::server {

struct CommandLine {
  ServerOptions options;
  std::string log_level;
};

// Answers --help and --version itself, and ends the process then, as it does for a flag that is not known. An error is
// a sentence for standard error.
absl::StatusOr<CommandLine> ParseCommandLine(int argc, char** argv);

}  // namespace strata::server
