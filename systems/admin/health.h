// Whether this process should live, and whether it should get traffic.
//
// For: the health routes and the load balancers behind them. Thread-safe. Not for: one model's readiness, which its
// version manager knows.
//
// A process starts as "starting", becomes ready once, and drains once; draining is final. It stays live while it
// drains, so that no supervisor kills it before its requests are answered.

#ifndef SYSTEMS_ADMIN_HEALTH_H_
#define SYSTEMS_ADMIN_HEALTH_H_

#include <atomic>
#include <string_view>

namespace strata::admin {

class Health {
 public:
  enum class State { kStarting, kReady, kDraining };

  // No effect while draining: a model that finishes loading then must not attract traffic.
  void SetReady() {
    State expected = State::kStarting;
    state_.compare_exchange_strong(expected, State::kReady);
  }
  void SetDraining() { state_.store(State::kDraining); }
  // A fault that only a restart mends, as an executor that hangs.
  void SetDead() { live_.store(false); }

  bool live() const { return live_.load(); }
  bool ready() const { return live() && state() == State::kReady; }
  bool draining() const { return state() == State::kDraining; }
  State state() const { return state_.load(); }
  // "starting", "ready" or "draining".
  std::string_view StateText() const {
    constexpr std::string_view kTexts[] = {"starting", "ready", "draining"};
    return kTexts[static_cast<int>(state())];
  }

 private:
  std::atomic<State> state_{State::kStarting};
  std::atomic<bool> live_{true};
};

}  // namespace strata::admin

#endif  // SYSTEMS_ADMIN_HEALTH_H_
