#include "systems/models/submit_all.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>

namespace strata::models::internal {

namespace asio = boost::asio;

void Gathering::Submit(batching::BatchScheduler& scheduler, const asio::any_io_executor& executor,
                       std::vector<batching::Submission> submissions) {
  for (size_t i = 0; i < submissions.size(); ++i) {
    auto take = [self = shared_from_this(), i](batching::Outcome outcome) { self->Take(i, std::move(outcome)); };
    scheduler.Submit(std::move(submissions[i]),
                     asio::bind_cancellation_slot(signals_[i].slot(), asio::bind_executor(executor, std::move(take))));
  }
}

void Gathering::CancelAll() {
  for (asio::cancellation_signal& signal : signals_) signal.emit(asio::cancellation_type::terminal);
}

void Gathering::Take(size_t i, batching::Outcome outcome) {
  const bool failed = !outcome.status.ok();
  outcomes_[i] = std::move(outcome);
  if (failed && !std::exchange(failed_, true)) CancelAll();
  if (--left_ == 0) completion_.Deliver(std::move(outcomes_));
}

}  // namespace strata::models::internal
