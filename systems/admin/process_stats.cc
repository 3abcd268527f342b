#include "systems/admin/process_stats.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

namespace strata::admin {
namespace {

// /proc/self/stat from its third field on; the second, the program's name in parentheses, may hold spaces.
std::vector<std::string> StatFields() {
  std::ifstream file("/proc/self/stat");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const size_t end = text.rfind(')');
  if (end == std::string::npos) return {};
  std::istringstream rest(text.substr(end + 1));
  return {std::istream_iterator<std::string>(rest), {}};
}

// When the machine started: process start times count from there.
double BootTime() {
  std::ifstream file("/proc/stat");
  std::string word;
  while (file >> word) {
    double value = 0;
    if (word == "btime" && file >> value) return value;
  }
  return 0;
}

double Number(const std::vector<std::string>& fields, size_t man_page_number) {
  const size_t i = man_page_number - 3;
  return i < fields.size() ? std::strtod(fields[i].c_str(), nullptr) : 0;
}

}  // namespace

ProcessStats ReadProcessStats() {
  static const double boot_time = BootTime();
  const std::vector<std::string> fields = StatFields();
  const double ticks_per_s = static_cast<double>(::sysconf(_SC_CLK_TCK));
  ProcessStats stats;
  stats.cpu_s = (Number(fields, 14) + Number(fields, 15)) / ticks_per_s;
  stats.start_time_s = boot_time + Number(fields, 22) / ticks_per_s;
  stats.virtual_bytes = static_cast<uint64_t>(Number(fields, 23));
  stats.resident_bytes = static_cast<uint64_t>(Number(fields, 24)) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  std::error_code ec;
  for (std::filesystem::directory_iterator it("/proc/self/fd", ec), end; !ec && it != end; it.increment(ec)) {
    ++stats.open_fds;
  }
  return stats;
}

}  // namespace strata::admin
