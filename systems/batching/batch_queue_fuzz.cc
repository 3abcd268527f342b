// Commands, one per line, in plain text: the corpus can be read and written by hand.
//   s <5 numbers>        options: batch tasks, batch cost, delay, queue tasks, look-ahead; then overtakes, executors
//   o <cost> <timeout>   offer (a timeout of 0: none)      c <id>  cancel      t <idle>  take
//   a <us>               the clock moves                   r <cost> <us>  a run ended      d  drain
// QueueChecker ends the process if a promise of batch_queue.h is broken.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <sstream>
#include <string>

#include "systems/batching/queue_checker.h"

namespace strata::batching {
namespace {

int64_t Number(std::istringstream& in, int64_t least, int64_t most) {
  int64_t value = 0;
  in >> value;
  return std::clamp(in.fail() ? int64_t{0} : value, least, most);
}

QueueOptions ReadOptions(std::istringstream& in) {
  QueueOptions o;
  o.max_batch_tasks = static_cast<size_t>(Number(in, 1, 64));
  o.max_batch_cost = Number(in, 1, 1 << 20);
  o.max_delay_us = Number(in, 0, 1 << 20);
  o.max_queue_tasks = static_cast<size_t>(Number(in, 1, 100));
  o.max_look_ahead = static_cast<size_t>(Number(in, 0, 100));
  o.max_overtakes = static_cast<uint32_t>(Number(in, 0, 100));
  o.num_executors = static_cast<int>(Number(in, 1, 8));
  return o;
}

void Run(const std::string& text) {
  std::istringstream lines(text);
  std::string line;
  auto checker = std::make_unique<QueueChecker>(QueueOptions{});
  TimeUs now = 0;
  for (int steps = 0; steps < 2000 && std::getline(lines, line) && !line.empty(); ++steps) {
    std::istringstream in(line.substr(1));
    switch (line[0]) {
      case 's':
        checker = std::make_unique<QueueChecker>(ReadOptions(in));
        break;
      case 'o': {
        const int64_t cost = Number(in, INT64_MIN, INT64_MAX);
        const int64_t timeout = Number(in, -1, 1 << 30);
        checker->Offer({.cost = cost, .deadline_us = timeout == 0 ? kNever : now + timeout}, now);
        break;
      }
      case 'c':
        checker->Cancel(static_cast<TaskId>(Number(in, 0, INT64_MAX)));
        break;
      case 't': {
        int idle = static_cast<int>(Number(in, 0, 8));
        while (!checker->TakeReady(now, idle).batch.empty() && --idle > 0) {
        }
        checker->NextDeadline(idle);
        break;
      }
      case 'a':
        now += Number(in, 0, 1 << 30);
        break;
      case 'r': {
        const int64_t cost = Number(in, INT64_MIN, INT64_MAX);
        checker->RecordRun(cost, Number(in, INT64_MIN, INT64_MAX));
        break;
      }
      case 'd':
        checker->Drain();
        break;
      default:
        break;
    }
  }
  // Whatever came before, a drained queue hands out all it has, and then is empty.
  checker->Drain();
  while (!checker->TakeReady(now, 1).batch.empty()) {
  }
  if (checker->queue().num_tasks() != 0) __builtin_trap();
}

}  // namespace
}  // namespace strata::batching

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  strata::batching::Run(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
