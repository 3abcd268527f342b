// The server's log: one line per event, on standard error.
//
// For: main and the places that end an error's journey. Code that returns a Status does not log it too: an error is
// written once, by whoever stops passing it on. Not for: kernels, and not for every request.
//
//   if (const absl::Status s = SetUpLogging("info"); !s.ok()) ...
//   Log(LogLevel::kInfo, "Ready: 2 models on port 8000.");
//   2026-01-31T09:15:02.123Z I Ready: 2 models on port 8000.

#ifndef SYSTEMS_ADMIN_LOGGING_H_
#define SYSTEMS_ADMIN_LOGGING_H_

#include <absl/status/status.h>

#include <string>
#include <string_view>

namespace strata::admin {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// `level`: "debug", "info", "warning", "error" or "off"; events below it are not written. Before the first call it is
// "info". May be called again.
absl::Status SetUpLogging(const std::string& level);

// Thread-safe. Control characters are escaped: what a client sent cannot start a line of its own.
void Log(LogLevel level, std::string_view message);

// Whether an event of this level would be written: for messages that cost something to make.
bool LogEnabled(LogLevel level);

// How Log writes a message. Exposed for its test.
std::string EscapeForLog(std::string_view message);

}  // namespace strata::admin

#endif  // SYSTEMS_ADMIN_LOGGING_H_
