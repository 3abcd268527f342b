// Prints the machine's roofs as one JSON object a line: {"name": "fma_f32", "threads": 2, "value": 234.1, "unit": ...}.
//
//   roof [--threads N] [--seconds S]      on 1 and on N threads (2); S seconds for each figure (0.15)
//
// A figure is the best of many short tries: a roof is what is possible, and another program may take a core meanwhile.
#include "kernels/bench/roof.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "kernels/base/aligned_buffer.h"

namespace strata::roof {
namespace {

using Work = std::function<double(int64_t rounds)>;  // of one thread; returns what was done

double Now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Work a second of all threads together. They start as one and the last one's end counts.
double RateOf(const std::vector<Work>& threads, int64_t rounds) {
  std::atomic<size_t> ready{0};
  std::vector<double> done(threads.size()), start(threads.size()), end(threads.size());
  const auto body = [&](size_t t) {
    ++ready;
    while (ready < threads.size()) {
    }
    start[t] = Now();
    done[t] = threads[t](rounds);
    end[t] = Now();
  };
  std::vector<std::thread> others;
  for (size_t t = 1; t < threads.size(); ++t) others.emplace_back(body, t);
  body(0);
  for (std::thread& other : others) other.join();
  double sum = 0;
  for (const double d : done) sum += d;
  return sum / (*std::max_element(end.begin(), end.end()) - *std::min_element(start.begin(), start.end()));
}

double Best(const std::vector<Work>& threads, double seconds) {
  // How many rounds take a twentieth of the time that is given?
  int64_t rounds = 1;
  for (;; rounds *= 2) {
    const double start = Now();
    if (threads[0](rounds) == 0) return 0;  // no such instruction
    if (Now() - start > seconds / 20) break;
  }
  double best = 0;
  for (int i = 0; i < 15; ++i) best = std::max(best, RateOf(threads, rounds));
  return best;
}

void Print(const std::string& name, int threads, double value, const char* unit) {
  if (value <= 0) return;
  std::printf("{\"name\": \"%s\", \"threads\": %d, \"value\": %.4g, \"unit\": \"%s\"}\n", name.c_str(), threads, value,
              unit);
  std::fflush(stdout);
}

struct Level {
  std::string name;
  size_t bytes;  // of one thread's working set
};

// A working set is half of its level's cache, a shared one's part for each thread; unknown sizes get common ones.
std::vector<Level> Levels(size_t threads) {
  const auto size = [](int name, size_t otherwise) {
    const long found = sysconf(name);
    return found > 0 ? static_cast<size_t>(found) : otherwise;
  };
  const size_t l1 = size(_SC_LEVEL1_DCACHE_SIZE, 32 << 10), l2 = size(_SC_LEVEL2_CACHE_SIZE, 1 << 20);
  const size_t l3 = std::min<size_t>(size(_SC_LEVEL3_CACHE_SIZE, 16 << 20), 128 << 20);
  return {{"l1", l1 / 2},
          {"l2", l2 / 2},
          {"l3", l3 / 2 / threads},
          {"dram", std::max<size_t>(4 * l3, 256 << 20) / threads}};
}

void Memory(int threads, double seconds) {
  for (const Level& level : Levels(static_cast<size_t>(threads))) {
    const size_t n = level.bytes / sizeof(float) / 768 * 768;
    std::vector<AlignedBuffer> buffers;
    std::vector<Work> read, triad, stream;
    for (int t = 0; t < threads; ++t) {
      buffers.emplace_back(n * sizeof(float));
      auto* p = reinterpret_cast<float*>(buffers.back().data());
      std::fill_n(p, n, 0.25f);
      const size_t third = n / 3;
      read.push_back([=](int64_t rounds) { return Read(p, n, rounds); });
      triad.push_back([=](int64_t rounds) { return Triad(p, p + third, p + 2 * third, third, rounds); });
      stream.push_back([=](int64_t rounds) { return TriadNonTemporal(p, p + third, p + 2 * third, third, rounds); });
    }
    Print("read_" + level.name, threads, Best(read, seconds) * 1e-9, "GB/s");
    Print("triad_" + level.name, threads, Best(triad, seconds) * 1e-9, "GB/s");
    if (level.name == "dram") Print("triad_nt_dram", threads, Best(stream, seconds) * 1e-9, "GB/s");
  }
}

void Compute(int threads, double seconds) {
  struct Unit {
    const char* name;
    double (*run)(int64_t);
    const char* unit;
  };
  constexpr Unit kUnits[] = {{"fma_f32", FmaF32, "GFLOP/s"},   {"fma_f64", FmaF64, "GFLOP/s"},
                             {"dot_bf16", DotBF16, "GFLOP/s"}, {"dot_int8", DotInt8, "GOP/s"},
                             {"amx_bf16", AmxBF16, "GFLOP/s"}, {"amx_int8", AmxInt8, "GOP/s"}};
  for (const Unit& unit : kUnits) {
    const std::vector<Work> work(static_cast<size_t>(threads), [&](int64_t rounds) { return unit.run(rounds * 100); });
    Print(unit.name, threads, Best(work, seconds) * 1e-9, unit.unit);
  }
}

int Main(int argc, char** argv) {
  int threads = 2;
  double seconds = 0.15;
  for (int i = 1; i < argc; ++i) {
    const bool has_value = i + 1 < argc;
    if (std::strcmp(argv[i], "--threads") == 0 && has_value) {
      threads = std::atoi(argv[++i]);
    } else if (std::strcmp(argv[i], "--seconds") == 0 && has_value) {
      seconds = std::atof(argv[++i]);
    } else {
      std::fprintf(stderr, "usage: roof [--threads N] [--seconds S]\n");
      return 2;
    }
  }
  if (threads < 1 || threads > 1024 || seconds <= 0) {
    std::fprintf(stderr, "roof: --threads must be 1 to 1024 and --seconds positive\n");
    return 2;
  }
  for (const int count : threads == 1 ? std::vector<int>{1} : std::vector<int>{1, threads}) {
    Compute(count, seconds);
    Memory(count, seconds);
  }
  return 0;
}

}  // namespace
}  // namespace strata::roof

int main(int argc, char** argv) { return strata::roof::Main(argc, argv); }
