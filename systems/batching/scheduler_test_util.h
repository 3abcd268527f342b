// For tests of BatchScheduler: a payload, and a puppet: an executor whose threads, clock and results the test moves by
// hand, so that nothing depends on time or on the machine's load.
#pragma once

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "systems/batching/batch_scheduler.h"

namespace strata::batching {

struct NumberWork : Work {
  explicit NumberWork(int n) : number(n) {}
  int number;
  int squared = -1;
};

inline int NumberOf(const Task& task) { return static_cast<const NumberWork&>(*task.work).number; }

inline int SquaredOf(const Outcome& outcome) {
  return outcome.work ? static_cast<const NumberWork&>(*outcome.work).squared : -1;
}

inline void Square(std::span<Task* const> batch) {
  for (Task* task : batch) {
    auto& work = static_cast<NumberWork&>(*task->work);
    work.squared = work.number * work.number;
  }
}

class Puppet {
 public:
  struct Call {
    size_t slot;
    std::vector<int> numbers;
  };

  explicit Puppet(QueueOptions queue = {}, Observer observer = {}) {
    auto made = BatchScheduler::Create(
        {.queue = queue, .name = "square", .clock_us = [this] { return now; }}, io.get_executor(),
        workers.get_executor(),
        [this](size_t slot, std::span<Task* const> batch) {
          calls.push_back({slot, {}});
          for (Task* task : batch) calls.back().numbers.push_back(NumberOf(*task));
          Square(batch);
          return on_run ? on_run(batch) : absl::OkStatus();
        },
        std::move(observer));
    scheduler = std::move(made).value();
  }

  // Lets everything happen that needs no worker.
  void Settle() {
    io.restart();
    io.poll();
  }

  // Lets the workers run one batch, and its answers arrive.
  void RunOne() {
    workers.restart();
    workers.poll_one();
    Settle();
  }

  struct Ticket {
    std::optional<Outcome> outcome;
    int answers = 0;
    boost::asio::cancellation_signal signal;
    absl::StatusCode code() const { return outcome ? outcome->status.code() : absl::StatusCode::kUnknown; }
  };

  std::unique_ptr<Ticket> Submit(int number, int64_t cost = 1, int64_t timeout_us = kNever) {
    auto ticket = std::make_unique<Ticket>();
    auto handler = [t = ticket.get()](Outcome outcome) {
      t->outcome = std::move(outcome);
      ++t->answers;
    };
    scheduler->Submit(Submission(std::make_unique<NumberWork>(number), cost, timeout_us),
                      boost::asio::bind_cancellation_slot(
                          ticket->signal.slot(), boost::asio::bind_executor(io.get_executor(), std::move(handler))));
    return ticket;
  }

  void Cancel(Ticket& ticket) { ticket.signal.emit(boost::asio::cancellation_type::terminal); }

  boost::asio::io_context io, workers;
  TimeUs now = 1000;
  std::vector<Call> calls;
  std::function<absl::Status(std::span<Task* const>)> on_run;
  std::unique_ptr<BatchScheduler> scheduler;
};

}  // namespace strata::batching
