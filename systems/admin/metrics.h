// What Prometheus sees of the service, under the names that inference dashboards already know.
//
// For: counting requests, batches and connections from any thread. Series are found once (ForModel); counting is then a
// few atomic additions, without a map or a string. Not for: serving the page (the server's routes call Text).
// Prometheus' own types stay in metrics.cc.
//
//   ModelMetrics* model = metrics.ForModel("minilm", "1");        // once per loaded version
//   model->RequestSucceeded({.total_us = 900, .queue_us = 200, .compute_us = 650, .num_inferences = 1});

#ifndef SYSTEMS_ADMIN_METRICS_H_
#define SYSTEMS_ADMIN_METRICS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace strata::admin {

// The label `reason` of nv_inference_request_failure, with the values that dashboards filter on.
enum class FailureReason {
  kRejected,  // "REJECTED": queue full, draining, deadline passed before it ran
  kCanceled,  // "CANCELED": the client left
  kBackend,   // "BACKEND": the model ran and failed
  kOther,     // "OTHER": bad input and the rest
};

struct RequestTimes {
  int64_t total_us = 0;        // from the whole request read to its answer ready
  int64_t queue_us = 0;        // waiting for a batch
  int64_t compute_us = 0;      // its batch's run
  int64_t num_inferences = 1;  // batch elements in this request: texts, rows
};

// One model version's series. Thread-safe; lives as long as its Metrics.
class ModelMetrics {
 public:
  virtual ~ModelMetrics() = default;
  // nv_inference_request_success, nv_inference_count, and the three nv_inference_*_duration_us sums.
  virtual void RequestSucceeded(const RequestTimes& times) = 0;
  // nv_inference_request_failure{reason}.
  virtual void RequestFailed(FailureReason reason) = 0;
  // nv_inference_exec_count, strata_batch_size, strata_batch_cost.
  virtual void BatchRan(size_t num_requests, int64_t cost) = 0;
  // nv_inference_pending_request_count: accepted and not answered. +1 and -1.
  virtual void PendingChanged(int change) = 0;
};

class Metrics {
 public:
  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // The same pointer for the same names. Takes a lock: not for every request. Series stay when a version is unloaded,
  // so that its last counts are still scraped. REQUIRES: names come from loaded bundles, never from requests.
  ModelMetrics* ForModel(const std::string& model, const std::string& version);

  // strata_http_requests_total{code}. A code outside 100..599 counts as "other".
  void HttpResponse(int status);
  // strata_connections. +1 and -1.
  void ConnectionsChanged(int change);

  // All series in Prometheus' text format, process_* (memory, CPU time, start time, open files) read now.
  std::string Text();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace strata::admin

#endif  // SYSTEMS_ADMIN_METRICS_H_
