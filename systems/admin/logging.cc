#include "systems/admin/logging.h"

#include <absl/strings/str_cat.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <array>
#include <cstdio>
#include <memory>
#include <utility>

namespace strata::admin {
namespace {

constexpr std::array kLevels = {spdlog::level::debug, spdlog::level::info, spdlog::level::warn, spdlog::level::err};

// Not spdlog's default logger: a library that logs to that one must not mix its lines into ours.
spdlog::logger& Logger() {
  static spdlog::logger& logger = *[] {
    auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    // UTC, so that the lines of several machines sort.
    sink->set_formatter(
        std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %L %v", spdlog::pattern_time_type::utc));
    auto* made = new spdlog::logger("strata", std::move(sink));  // never destroyed: threads may log until the end
    made->set_level(spdlog::level::info);
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return logger;
}

}  // namespace

absl::Status SetUpLogging(const std::string& level) {
  constexpr std::array<std::pair<const char*, spdlog::level::level_enum>, 5> kNames = {{
      {"debug", spdlog::level::debug},
      {"info", spdlog::level::info},
      {"warning", spdlog::level::warn},
      {"error", spdlog::level::err},
      {"off", spdlog::level::off},
  }};
  for (const auto& [name, value] : kNames) {
    if (level != name) continue;
    Logger().set_level(value);
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("The log level is \"", level, "\"; wanted is debug, info, warning, error or off."));
}

void Log(LogLevel level, std::string_view message) {
  if (!LogEnabled(level)) return;
  const std::string line = EscapeForLog(message);
  Logger().log(kLevels[static_cast<size_t>(level)], spdlog::string_view_t(line.data(), line.size()));
}

bool LogEnabled(LogLevel level) { return Logger().should_log(kLevels[static_cast<size_t>(level)]); }

std::string EscapeForLog(std::string_view message) {
  std::string line;
  line.reserve(message.size());
  for (const char c : message) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      line.push_back(c);
    } else if (c == '\n') {
      line.append("\\n");
    } else {
      std::array<char, 8> escaped;
      std::snprintf(escaped.data(), escaped.size(), "\\x%02x", byte);
      line.append(escaped.data());
    }
  }
  return line;
}

}  // namespace strata::admin
