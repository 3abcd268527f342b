// Completion<T>: a completion handler of any Asio token, kept until there is a T for it. Boost 1.81 has no
// any_completion_handler; this one also keeps the handler's executor from running out of work, and disconnects the
// handler's cancellation slot before it is called.
//
// Not for: calling a handler in place. It is always posted to its own executor, so that whoever completes it cannot be
// re-entered by it and needs no lock of the handler's.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <utility>

namespace strata::batching {

template <class T>
class Completion {
 public:
  Completion() = default;

  // `fallback` is where the handler runs if it names no executor of its own.
  template <class Handler>
  Completion(Handler handler, const boost::asio::any_io_executor& fallback)
      : held_(std::make_unique<Held<Handler>>(std::move(handler), fallback)) {}

  // False once delivered.
  explicit operator bool() const { return held_ != nullptr; }

  // Gives the handler its value, once. Any thread. REQUIRES: *this is true.
  void Deliver(T value) {
    std::unique_ptr<Base> held = std::move(held_);
    Base* const base = held.get();
    base->Post(std::move(held), std::move(value));
  }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual void Post(std::unique_ptr<Base> self, T value) = 0;
  };

  template <class Handler>
  struct Held final : Base {
    using Executor = boost::asio::associated_executor_t<Handler, boost::asio::any_io_executor>;

    Held(Handler h, const boost::asio::any_io_executor& fallback)
        : handler(std::move(h)), work(boost::asio::get_associated_executor(handler, fallback)) {}

    void Post(std::unique_ptr<Base> self, T value) override {
      boost::asio::post(work.get_executor(), [self = std::move(self), value = std::move(value)]() mutable {
        auto* const held = static_cast<Held*>(self.get());
        // On the handler's own executor, as Asio wants it: slots are not thread-safe.
        boost::asio::get_associated_cancellation_slot(held->handler).clear();
        Handler handler = std::move(held->handler);
        const auto work = std::move(held->work);
        self.reset();
        std::move(handler)(std::move(value));
      });
    }

    Handler handler;
    boost::asio::executor_work_guard<Executor> work;
  };

  std::unique_ptr<Base> held_;
};

}  // namespace strata::batching
