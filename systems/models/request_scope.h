// RequestScope: counts one request of a model in its metrics, whichever way it ends: an answer, an error, or the
// coroutine's end by cancellation.
#pragma once

#include <chrono>
#include <cstdint>

#include "absl/status/status.h"
#include "systems/admin/metrics.h"
#include "systems/batching/task.h"

namespace strata::models {

class RequestScope {
 public:
  using Clock = std::chrono::steady_clock;

  RequestScope(admin::ModelMetrics* metrics, Clock::time_point arrival) : metrics_(metrics), arrival_(arrival) {
    metrics_->PendingChanged(1);
  }
  ~RequestScope() {
    if (!counted_) metrics_->RequestFailed(admin::FailureReason::kCanceled);
    metrics_->PendingChanged(-1);
  }
  RequestScope(const RequestScope&) = delete;
  RequestScope& operator=(const RequestScope&) = delete;

  void Succeeded(int64_t num_inferences, int64_t queue_us, int64_t compute_us) {
    const auto total = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - arrival_);
    metrics_->RequestSucceeded(
        {.total_us = total.count(), .queue_us = queue_us, .compute_us = compute_us, .num_inferences = num_inferences});
    counted_ = true;
  }

  // Returns the status, for `co_return scope.Failed(...)`.
  absl::Status Failed(absl::Status status) {
    metrics_->RequestFailed(ReasonOf(status.code()));
    counted_ = true;
    return status;
  }

 private:
  static admin::FailureReason ReasonOf(absl::StatusCode code) {
    switch (code) {
      case absl::StatusCode::kResourceExhausted:
      case absl::StatusCode::kUnavailable:
      case absl::StatusCode::kDeadlineExceeded:
        return admin::FailureReason::kRejected;
      case absl::StatusCode::kCancelled:
        return admin::FailureReason::kCanceled;
      case absl::StatusCode::kInvalidArgument:
      case absl::StatusCode::kOutOfRange:
        return admin::FailureReason::kOther;
      default:
        return admin::FailureReason::kBackend;
    }
  }

  admin::ModelMetrics* metrics_;
  Clock::time_point arrival_;
  bool counted_ = false;
};

}  // namespace strata::models
