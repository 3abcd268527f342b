#include "systems/admin/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <utility>

#include "systems/admin/process_stats.h"

namespace strata::admin {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;
using prometheus::Labels;

constexpr std::array<const char*, 4> kReasons = {"REJECTED", "CANCELED", "BACKEND", "OTHER"};

// Powers of two: batches are small integers, costs (tokens, rows) span decades.
const Histogram::BucketBoundaries kBatchSizeBounds = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512};
const Histogram::BucketBoundaries kBatchCostBounds = {1,    4,    16,   64,   128,   256,   512,
                                                      1024, 2048, 4096, 8192, 16384, 65536, 262144};

Family<Counter>& AddCounter(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

Family<Gauge>& AddGauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

Family<Histogram>& AddHistogram(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
}

struct ModelFamilies {
  explicit ModelFamilies(prometheus::Registry& r)
      : success(AddCounter(r, "nv_inference_request_success", "Requests answered with a result")),
        failure(AddCounter(r, "nv_inference_request_failure", "Requests that failed, by reason")),
        count(AddCounter(r, "nv_inference_count", "Inferences done: batch elements, not cached results")),
        exec_count(AddCounter(r, "nv_inference_exec_count", "Batches run")),
        request_us(AddCounter(r, "nv_inference_request_duration_us", "Sum of requests' whole time, microseconds")),
        queue_us(AddCounter(r, "nv_inference_queue_duration_us", "Sum of requests' time in the queue, microseconds")),
        infer_us(AddCounter(r, "nv_inference_compute_infer_duration_us",
                            "Sum over requests of the model's run time, microseconds")),
        pending(AddGauge(r, "nv_inference_pending_request_count", "Requests accepted and not answered yet")),
        batch_size(AddHistogram(r, "strata_batch_size", "Requests in a batch that ran")),
        batch_cost(AddHistogram(r, "strata_batch_cost", "Cost (rows or tokens) of a batch that ran")) {}

  Family<Counter>&success, &failure, &count, &exec_count, &request_us, &queue_us, &infer_us;
  Family<Gauge>& pending;
  Family<Histogram>&batch_size, &batch_cost;
};

Labels WithReason(Labels labels, const char* reason) {
  labels["reason"] = reason;
  return labels;
}

class ModelMetricsImpl : public ModelMetrics {
 public:
  ModelMetricsImpl(ModelFamilies& f, const Labels& labels)
      : success_(f.success.Add(labels)),
        count_(f.count.Add(labels)),
        exec_count_(f.exec_count.Add(labels)),
        request_us_(f.request_us.Add(labels)),
        queue_us_(f.queue_us.Add(labels)),
        infer_us_(f.infer_us.Add(labels)),
        pending_(f.pending.Add(labels)),
        batch_size_(f.batch_size.Add(labels, kBatchSizeBounds)),
        batch_cost_(f.batch_cost.Add(labels, kBatchCostBounds)) {
    // All reasons from the start: a series that appears with its first failure is missed by rate().
    for (size_t i = 0; i < kReasons.size(); ++i) failure_[i] = &f.failure.Add(WithReason(labels, kReasons[i]));
  }

  void RequestSucceeded(const RequestTimes& times) override {
    success_.Increment();
    count_.Increment(static_cast<double>(times.num_inferences));
    request_us_.Increment(static_cast<double>(times.total_us));
    queue_us_.Increment(static_cast<double>(times.queue_us));
    infer_us_.Increment(static_cast<double>(times.compute_us));
  }
  void RequestFailed(FailureReason reason) override { failure_[static_cast<size_t>(reason)]->Increment(); }
  void BatchRan(size_t num_requests, int64_t cost) override {
    exec_count_.Increment();
    batch_size_.Observe(static_cast<double>(num_requests));
    batch_cost_.Observe(static_cast<double>(cost));
  }
  void PendingChanged(int change) override { pending_.Increment(change); }

 private:
  Counter& success_;
  Counter& count_;
  Counter& exec_count_;
  Counter& request_us_;
  Counter& queue_us_;
  Counter& infer_us_;
  Gauge& pending_;
  Histogram& batch_size_;
  Histogram& batch_cost_;
  std::array<Counter*, kReasons.size()> failure_{};
};

// The process_* names that every Prometheus client library gives.
struct ProcessMetrics {
  explicit ProcessMetrics(prometheus::Registry& r)
      : resident(AddGauge(r, "process_resident_memory_bytes", "Resident memory, bytes").Add({})),
        virtual_memory(AddGauge(r, "process_virtual_memory_bytes", "Virtual memory, bytes").Add({})),
        start_time(AddGauge(r, "process_start_time_seconds", "Start time, seconds since 1970").Add({})),
        open_fds(AddGauge(r, "process_open_fds", "Open file descriptors").Add({})),
        cpu(AddCounter(r, "process_cpu_seconds_total", "CPU time used, seconds").Add({})) {}

  void Update() {
    const ProcessStats now = ReadProcessStats();
    resident.Set(static_cast<double>(now.resident_bytes));
    virtual_memory.Set(static_cast<double>(now.virtual_bytes));
    start_time.Set(now.start_time_s);
    open_fds.Set(static_cast<double>(now.open_fds));
    cpu.Increment(now.cpu_s - cpu.Value());  // ignored by the counter if negative
  }

  Gauge& resident;
  Gauge& virtual_memory;
  Gauge& start_time;
  Gauge& open_fds;
  Counter& cpu;
};

}  // namespace

class Metrics::Impl {
 public:
  ModelMetrics* ForModel(const std::string& model, const std::string& version) {
    const std::lock_guard lock(mutex_);
    auto& found = by_model_[{model, version}];
    if (!found) found = std::make_unique<ModelMetricsImpl>(models_, Labels{{"model", model}, {"version", version}});
    return found.get();
  }

  void HttpResponse(int status) {
    const bool known = status >= kFirstCode && status < kFirstCode + kNumCodes;
    std::atomic<Counter*>& slot = http_by_code_[known ? status - kFirstCode : kNumCodes];
    Counter* counter = slot.load(std::memory_order_acquire);
    if (counter == nullptr) {  // the first of its code; Add gives two racing threads the same counter
      counter = &http_.Add({{"code", known ? std::to_string(status) : "other"}});
      slot.store(counter, std::memory_order_release);
    }
    counter->Increment();
  }

  void ConnectionsChanged(int change) { connections_.Increment(change); }

  std::string Text() {
    {
      const std::lock_guard lock(mutex_);  // two scrapes at once must not both add the CPU time since the last
      process_.Update();
    }
    return prometheus::TextSerializer().Serialize(registry_.Collect());
  }

 private:
  static constexpr int kFirstCode = 100;
  static constexpr int kNumCodes = 500;

  prometheus::Registry registry_;
  ModelFamilies models_{registry_};
  Family<Counter>& http_ = AddCounter(registry_, "strata_http_requests_total", "HTTP answers, by status code");
  Gauge& connections_ = AddGauge(registry_, "strata_connections", "Open client connections").Add({});
  ProcessMetrics process_{registry_};
  std::array<std::atomic<Counter*>, kNumCodes + 1> http_by_code_{};
  std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::unique_ptr<ModelMetricsImpl>> by_model_;  // guarded by mutex_
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

ModelMetrics* Metrics::ForModel(const std::string& model, const std::string& version) {
  return impl_->ForModel(model, version);
}
void Metrics::HttpResponse(int status) { impl_->HttpResponse(status); }
void Metrics::ConnectionsChanged(int change) { impl_->ConnectionsChanged(change); }
std::string Metrics::Text() { return impl_->Text(); }

}  // namespace strata::admin
