// STRATA_CHECK: for our own mistakes. Bad input from outside is a Status (status.h), never a CHECK.
//
//   STRATA_CHECK(begin <= end, "a chunk must not be empty");
#pragma once

#include <cstdio>
#include <cstdlib>

namespace strata {

[[noreturn]] inline void CheckFailed(const char* file, int line, const char* condition, const char* reason) {
  std::fprintf(stderr, "%s:%d: check failed: %s (%s)\n", file, line, condition, reason);
  std::abort();
}

}  // namespace strata

#define STRATA_CHECK(condition, reason) \
  ((condition) ? static_cast<void>(0) : ::strata::CheckFailed(__FILE__, __LINE__, #condition, reason))
