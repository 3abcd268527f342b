// Offload: runs a function on another executor and comes back, so that long work on text or JSON does not hold up an
// I/O thread. Not for: kernels (batching::BatchScheduler). Not cancellable: what is begun is finished, so the function
// may refer to the caller's locals.
//
//   std::string body = co_await Offload(helpers, [&] { return Write(reply); }, asio::use_awaitable);
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <type_traits>
#include <utility>

#include "systems/batching/completion.h"

namespace strata::models {

// REQUIRES: the result can be moved; `function` does not throw; `executor`'s threads end before the caller's context.
template <class Function, class Token>
auto Offload(boost::asio::any_io_executor executor, Function function, Token&& token) {
  using Result = std::invoke_result_t<Function>;
  return boost::asio::async_initiate<Token, void(Result)>(
      [](auto handler, boost::asio::any_io_executor where, Function run) {
        batching::Completion<Result> completion(std::move(handler), where);
        boost::asio::post(
            where, [completion = std::move(completion), run = std::move(run)]() mutable { completion.Deliver(run()); });
      },
      token, std::move(executor), std::move(function));
}

}  // namespace strata::models
