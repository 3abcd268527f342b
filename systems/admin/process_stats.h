// This process's memory, CPU time and age, as the kernel tells them. For the metrics page.

#ifndef SYSTEMS_ADMIN_PROCESS_STATS_H_
#define SYSTEMS_ADMIN_PROCESS_STATS_H_

#include <cstdint>

namespace strata::admin {

struct ProcessStats {
  uint64_t resident_bytes = 0;
  uint64_t virtual_bytes = 0;
  uint64_t open_fds = 0;
  double cpu_s = 0;
  double start_time_s = 0;  // seconds since 1970
};

// What cannot be read stays 0.
ProcessStats ReadProcessStats();

}  // namespace strata::admin

#endif  // SYSTEMS_ADMIN_PROCESS_STATS_H_
