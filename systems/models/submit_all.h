// SubmitAll: several submissions of one request at once, and all their outcomes together. If one fails, or the caller
// is cancelled, the others are cancelled, too. Asio's parallel_group does this for a fixed number; a request has any.
//
//   std::vector<Outcome> outcomes = co_await SubmitAll(*scheduler, std::move(submissions), asio::use_awaitable);
//
// REQUIRES: the handler's executor runs one handler at a time.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <cstddef>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "systems/batching/batch_scheduler.h"
#include "systems/batching/completion.h"

namespace strata::models {

namespace internal {

// Lives until the last outcome; only ever touched on the handler's executor.
class Gathering : public std::enable_shared_from_this<Gathering> {
 public:
  using Outcomes = std::vector<batching::Outcome>;

  Gathering(batching::Completion<Outcomes> completion, size_t count)
      : completion_(std::move(completion)), outcomes_(count), signals_(count), left_(count) {}

  void Submit(batching::BatchScheduler& scheduler, const boost::asio::any_io_executor& executor,
              std::vector<batching::Submission> submissions);
  void CancelAll();

 private:
  void Take(size_t i, batching::Outcome outcome);

  batching::Completion<Outcomes> completion_;
  Outcomes outcomes_;
  std::deque<boost::asio::cancellation_signal> signals_;  // a deque: they cannot move
  size_t left_;
  bool failed_ = false;
};

}  // namespace internal

// REQUIRES: at least one submission; the scheduler lives until all are answered.
template <class Token>
auto SubmitAll(batching::BatchScheduler& scheduler, std::vector<batching::Submission> submissions, Token&& token) {
  using Outcomes = internal::Gathering::Outcomes;
  return boost::asio::async_initiate<Token, void(Outcomes)>(
      [&scheduler](auto handler, std::vector<batching::Submission> all) {
        const boost::asio::any_io_executor executor = boost::asio::get_associated_executor(handler);
        auto slot = boost::asio::get_associated_cancellation_slot(handler);
        batching::Completion<Outcomes> completion(std::move(handler), executor);
        const auto gathering = std::make_shared<internal::Gathering>(std::move(completion), all.size());
        if (slot.is_connected()) {
          slot.assign([weak = std::weak_ptr(gathering)](boost::asio::cancellation_type) {
            if (const auto held = weak.lock()) held->CancelAll();
          });
        }
        gathering->Submit(scheduler, executor, std::move(all));
      },
      token, std::move(submissions));
}

}  // namespace strata::models
