#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <sstream>
#include <thread>
#include <vector>

#include "systems/admin/health.h"
#include "systems/admin/logging.h"
#include "systems/admin/metrics.h"
#include "systems/admin/process_stats.h"

namespace strata::admin {
namespace {

// The value of the series whose line starts so, read as Prometheus would; -1 if it is not there.
double Value(const std::string& page, const std::string& series) {
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind(series + " ", 0) == 0) return std::stod(line.substr(series.size() + 1));
  }
  return -1;
}

TEST(Metrics, CountsUnderTheNamesThatDashboardsKnow) {
  Metrics metrics;
  ModelMetrics* model = metrics.ForModel("minilm", "3");
  EXPECT_EQ(metrics.ForModel("minilm", "3"), model);
  EXPECT_NE(metrics.ForModel("minilm", "4"), model);
  model->RequestSucceeded({.total_us = 900, .queue_us = 200, .compute_us = 650, .num_inferences = 5});
  model->RequestSucceeded({.total_us = 100, .queue_us = 10, .compute_us = 50, .num_inferences = 1});
  model->RequestFailed(FailureReason::kRejected);
  model->BatchRan(2, 300);
  model->PendingChanged(+1);
  model->PendingChanged(+1);
  model->PendingChanged(-1);
  const std::string page = metrics.Text();
  const std::string labels = "{model=\"minilm\",version=\"3\"}";
  EXPECT_EQ(Value(page, "nv_inference_request_success" + labels), 2);
  EXPECT_EQ(Value(page, "nv_inference_count" + labels), 6);
  EXPECT_EQ(Value(page, "nv_inference_exec_count" + labels), 1);
  EXPECT_EQ(Value(page, "nv_inference_request_duration_us" + labels), 1000);
  EXPECT_EQ(Value(page, "nv_inference_queue_duration_us" + labels), 210);
  EXPECT_EQ(Value(page, "nv_inference_compute_infer_duration_us" + labels), 700);
  EXPECT_EQ(Value(page, "nv_inference_pending_request_count" + labels), 1);
  EXPECT_EQ(Value(page, "strata_batch_size_sum" + labels), 2);
  EXPECT_EQ(Value(page, "strata_batch_cost_sum" + labels), 300);
  const std::string failure = "nv_inference_request_failure{model=\"minilm\",reason=\"";
  EXPECT_EQ(Value(page, failure + "REJECTED\",version=\"3\"}"), 1);
  EXPECT_EQ(Value(page, failure + "BACKEND\",version=\"3\"}"), 0);  // there from the start
  EXPECT_EQ(Value(page, "nv_inference_request_success{model=\"minilm\",version=\"4\"}"), 0);
}

TEST(Metrics, CountsHttpAnswersByCodeFromManyThreads) {
  Metrics metrics;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        metrics.HttpResponse(200);
        metrics.HttpResponse(i % 2 == 0 ? 404 : 503);
        metrics.ConnectionsChanged(+1);
      }
      metrics.ConnectionsChanged(-999);
    });
  }
  for (std::thread& thread : threads) thread.join();
  metrics.HttpResponse(-7);
  metrics.HttpResponse(1'000'000);
  const std::string page = metrics.Text();
  EXPECT_EQ(Value(page, "strata_http_requests_total{code=\"200\"}"), 4000);
  EXPECT_EQ(Value(page, "strata_http_requests_total{code=\"404\"}"), 2000);
  EXPECT_EQ(Value(page, "strata_http_requests_total{code=\"503\"}"), 2000);
  EXPECT_EQ(Value(page, "strata_http_requests_total{code=\"other\"}"), 2);
  EXPECT_EQ(Value(page, "strata_connections"), 4);
}

TEST(Metrics, EscapesLabelsThatABundleChose) {
  Metrics metrics;
  metrics.ForModel("a\"b\\c\nd", "1")->BatchRan(1, 1);
  EXPECT_EQ(Value(metrics.Text(), R"(nv_inference_exec_count{model="a\"b\\c\nd",version="1"})"), 1);
}

TEST(Metrics, TellsTheProcessesMemoryAndStart) {
  const std::string page = Metrics().Text();
  EXPECT_GT(Value(page, "process_resident_memory_bytes"), 100'000);
  EXPECT_GT(Value(page, "process_virtual_memory_bytes"), Value(page, "process_resident_memory_bytes"));
  EXPECT_GT(Value(page, "process_open_fds"), 2);
  EXPECT_GE(Value(page, "process_cpu_seconds_total"), 0);
  const double now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  EXPECT_NEAR(Value(page, "process_start_time_seconds"), now, 600);
}

TEST(Health, BecomesReadyOnceAndNeverAfterDraining) {
  Health health;
  EXPECT_TRUE(health.live());
  EXPECT_FALSE(health.ready());
  EXPECT_EQ(health.StateText(), "starting");
  health.SetReady();
  EXPECT_TRUE(health.ready());
  health.SetDraining();
  EXPECT_TRUE(health.live());
  EXPECT_FALSE(health.ready());
  health.SetReady();
  EXPECT_FALSE(health.ready());
  EXPECT_EQ(health.StateText(), "draining");
  health.SetDead();
  EXPECT_FALSE(health.live());
}

TEST(Logging, WritesOneLinePerEventAtOrAboveTheLevel) {
  ASSERT_TRUE(SetUpLogging("warning").ok());
  EXPECT_FALSE(LogEnabled(LogLevel::kInfo));
  EXPECT_TRUE(LogEnabled(LogLevel::kError));
  testing::internal::CaptureStderr();
  Log(LogLevel::kInfo, "not written");
  Log(LogLevel::kError, "first {} %s\nI forged");
  Log(LogLevel::kWarning, "second");
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2) << text;
  EXPECT_NE(text.find("Z E first {} %s\\nI forged\n"), std::string::npos) << text;
  EXPECT_NE(text.find("Z W second\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("not written"), std::string::npos);
  EXPECT_TRUE(SetUpLogging("info").ok());
}

TEST(Logging, RefusesAnUnknownLevelWithASentence) {
  EXPECT_EQ(SetUpLogging("loud").message(), "The log level is \"loud\"; wanted is debug, info, warning, error or off.");
}

}  // namespace
}  // namespace strata::admin
