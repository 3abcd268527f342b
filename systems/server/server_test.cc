#include "systems/server/server.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "systems/formats/text.h"
#include "systems/runtime/runtime.h"
#include "systems/runtime/testing.h"
#include "systems/server/server_test_util.h"

namespace strata::server {
namespace {

using net::ClientResponse;
using net::TestClient;
using runtime::Cat;

constexpr const char* kInferNorms = "/v2/models/norms/infer";
constexpr const char* kInferRagged = "/v2/models/ragged/infer";

// What the bundle gives for this request alone, without a server.
std::string Alone(int rows, uint32_t seed) {
  static const std::string folder = runtime::RmsNormBundle().Write();
  static auto model = runtime::Model::Load(folder);
  const auto x = runtime::Tensor::Of<float>({rows, 8}, runtime::SomeFloats(static_cast<size_t>(rows) * 8, seed));
  const auto outputs = model->Run("", {x.view()});
  const TensorView y = (*outputs)[0].view();
  return std::string(y.In<char>(), static_cast<size_t>(y.numel()) * 4);
}

std::string BinaryPart(const ClientResponse& response) {
  const std::string json_bytes = response.Header("Inference-Header-Content-Length");
  return json_bytes.empty() ? "no binary part: " + response.body : response.body.substr(std::stoul(json_bytes));
}

std::string PostBinary(std::string_view target, const std::string& json, const std::string& binary) {
  return Cat("POST ", target, " HTTP/1.1\r\nHost: test\r\nInference-Header-Content-Length: ", json.size(),
             "\r\nContent-Length: ", json.size() + binary.size(), "\r\n\r\n", json, binary);
}

std::string BytesOf(const std::vector<float>& values) {
  std::string bytes(values.size() * 4, '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

constexpr const char* kBinaryOutput = R"({"binary_data_output":true})";

TEST(Server, AnswersJsonAndBinaryWithTheBundlesOwnBits) {
  const InProcess run;
  EXPECT_EQ(BinaryPart(run.Post(kInferNorms, NormRequest(3, 5, kBinaryOutput))), Alone(3, 5));
  const std::string json = R"({"id":"7","inputs":[{"name":"x","datatype":"FP32","shape":[3,8],
    "parameters":{"binary_data_size":96}}],"outputs":[{"name":"y","parameters":{"binary_data":true}}]})";
  // With one more space the tensor is not aligned to its elements.
  for (const std::string& header : {json, json + " ", json + "  ", json + "   "}) {
    const ClientResponse response =
        run.Connect().RoundTrip(PostBinary(kInferNorms, header, BytesOf(runtime::SomeFloats(24, 5))));
    EXPECT_EQ(BinaryPart(response), Alone(3, 5));
    EXPECT_NE(response.body.find(R"("id":"7")"), std::string::npos) << response.body;
  }
  const ClientResponse text = run.Post(kInferNorms, NormRequest(1, 5));
  EXPECT_EQ(text.Header("Content-Type"), "application/json");
  EXPECT_EQ(text.body.find(R"({"model_name":"norms","model_version":"1","outputs":[{"name":"y")"), 0u) << text.body;
}

TEST(Server, OneSequenceNeedsNoOffsets) {
  const InProcess run;
  const ClientResponse with = run.Post(kInferRagged, R"({"inputs":[
    {"name":"ids","datatype":"INT64","shape":[3],"data":[7,7,8]},
    {"name":"cu_seqlens","datatype":"INT64","shape":[2],"data":[0,3]}],"outputs":[{"name":"vectors"}]})");
  const ClientResponse without = run.Post(kInferRagged, R"({"inputs":[
    {"name":"ids","datatype":"INT64","shape":[3],"data":[7,7,8]}],"outputs":[{"name":"vectors"}]})");
  EXPECT_EQ(with.status, 200) << with.body;
  EXPECT_EQ(with.body, without.body);
  EXPECT_EQ(with.body.find("tokens"), std::string::npos) << "an output that was not asked for: " << with.body;
}

TEST(Server, EmbedsTextsAndTokensAlike) {
  const InProcess run;
  // "the cats" is the, cat, ##s.
  const ClientResponse text = run.Post("/v1/embeddings", R"({"model":"ragged","input":["The cats","a mat"]})");
  const ClientResponse tokens = run.Post("/v1/embeddings", R"({"model":"ragged","input":[[2,3,8],[6,7]]})");
  EXPECT_EQ(text.status, 200) << text.body;
  EXPECT_EQ(text.body, tokens.body);
  EXPECT_NE(text.body.find(R"("usage":{"prompt_tokens":5,"total_tokens":5})"), std::string::npos) << text.body;
  std::string many = R"({"model":"ragged","input":["The cats")";
  for (int i = 0; i < 99; ++i) many += R"(,"a dog sat on the mat")";
  EXPECT_EQ(run.Post("/v1/embeddings", many + "]}").body.find(text.body.substr(0, 100)), 0u) << "several batches";
}

struct BadRequest {
  const char* request;  // "POST /path body"
  int status;
  const char* sentence;
};

TEST(Server, EveryErrorIsASentenceWithItsStatus) {
  const InProcess run;
  const std::vector<BadRequest> requests = {
      {"GET /nothing ", 404, "error"},
      {"GET /v2/models/other ", 404, "there is no model \\\"other\\\"; the models are norms, ragged"},
      {"GET /v2/models/norms/versions/9 ", 404, "has no version \\\"9\\\""},
      {"GET /v2/models/norms/infer ", 405, "error"},
      {"POST /v2/models/norms/infer {", 400, "error"},
      {R"(POST /v2/models/norms/infer {"inputs":[{"name":"z","datatype":"FP32","shape":[1],"data":[1]}]})", 400,
       "there is no input \\\"z\\\"; the inputs are x"},
      {R"(POST /v2/models/norms/infer {"inputs":[{"name":"x","datatype":"FP64","shape":[1],"data":[1]}]})", 400,
       "input \\\"x\\\" has datatype FP64, wanted FP32"},
      {R"(POST /v2/models/norms/infer {"inputs":[{"name":"x","datatype":"FP32","shape":[2,2],"data":[1,2,3,4]}]})", 400,
       "has shape [2, 2], wanted [B, 8]"},
      {R"(POST /v2/models/ragged/infer {"inputs":[{"name":"cu_seqlens","datatype":"INT64","shape":[1],"data":[0]}]})",
       400, "input \\\"ids\\\" is missing"},
      {R"(POST /v2/models/ragged/infer {"inputs":[{"name":"ids","datatype":"INT64","shape":[1],"data":[20]}]})", 400,
       "20"},
      {R"(POST /v2/models/ragged/infer {"inputs":[{"name":"ids","datatype":"INT64","shape":[1],"data":[2]},
        {"name":"cu_seqlens","datatype":"INT64","shape":[2],"data":[0,9]}]})",
       400, "has 9 at position 1, wanted 1"},
      {R"(POST /v1/embeddings {"model":"norms","input":"a"})", 400, "gives no embeddings"},
      {R"(POST /v1/embeddings {"model":"other","input":"a"})", 404, "model_not_found"},
      {R"(POST /v1/embeddings {"model":"ragged","input":[[2,20]]})", 400, "has token 20 at position 1"},
      {R"(POST /v1/embeddings {"model":"ragged","input":"a","dimensions":3})", 400, "dimensions"},
  };
  for (const BadRequest& bad : requests) {
    const std::string text = bad.request, method = text.substr(0, text.find(' '));
    const std::string rest = text.substr(method.size() + 1), target = rest.substr(0, rest.find(' '));
    const std::string body = rest.substr(target.size() + 1);
    const ClientResponse response = method == "GET" ? run.Get(target) : run.Post(target, body);
    EXPECT_EQ(response.status, bad.status) << text << response.body;
    EXPECT_EQ(response.Header("Content-Type"), "application/json") << text;
    EXPECT_NE(response.body.find(bad.sentence), std::string::npos) << text << " -> " << response.body;
  }
}

TEST(Server, AnswersHeadOptionsAndRequestIds) {
  const InProcess run;
  TestClient client = run.Connect();
  ASSERT_TRUE(client.Send("HEAD /v2/models/norms HTTP/1.1\r\nHost: test\r\nX-Request-Id: mine-1\r\n\r\n"));
  const ClientResponse head = client.Read(/*has_body=*/false);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.Header("X-Request-Id"), "mine-1");
  ASSERT_TRUE(client.Send("OPTIONS /v2/models/norms/infer HTTP/1.1\r\nHost: test\r\nX-Request-Id: a b\r\n\r\n"));
  const ClientResponse options = client.Read(/*has_body=*/false);
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(options.Header("Allow"), "POST, OPTIONS");
  EXPECT_EQ(options.Header("X-Request-Id").size(), 16u) << "one of our own in place of a bad one";
}

TEST(Server, AFullQueueIs429AndTheOthersAreAnswered) {
  ServerOptions options;
  options.model.queue.max_queue_tasks = 1;
  const InProcess run(options);
  Barrier barrier(*run.server, 2);
  TestClient first = run.Connect(), second = run.Connect();
  first.Send(net::Post(kInferNorms, NormRequest(2, 1, kBinaryOutput)));
  run.Await("norms", [](const batching::Stats& stats) { return stats.running_tasks == 1; });
  second.Send(net::Post(kInferNorms, NormRequest(3, 2, kBinaryOutput)));
  run.Await("norms", [](const batching::Stats& stats) { return stats.queued_tasks == 1; });
  const ClientResponse refused = run.Post(kInferNorms, NormRequest(1, 3));
  EXPECT_EQ(refused.status, 429) << refused.body;
  EXPECT_GE(std::stoi(refused.Header("Retry-After")), 1);
  barrier.Open();
  EXPECT_EQ(BinaryPart(first.Read()), Alone(2, 1));
  EXPECT_EQ(BinaryPart(second.Read()), Alone(3, 2));
  run.AwaitMetric(R"(nv_inference_request_failure{model="norms",reason="REJECTED",version="1"} 1)");
}

TEST(Server, ARequestPastItsDeadlineIs504) {
  const InProcess run;
  Barrier barrier(*run.server, 2);
  TestClient first = run.Connect();
  first.Send(net::Post(kInferNorms, NormRequest(2, 1, kBinaryOutput)));
  run.Await("norms", [](const batching::Stats& stats) { return stats.running_tasks == 1; });
  const ClientResponse late = run.Post(kInferNorms, NormRequest(1, 3, R"({"timeout":2000})"));
  EXPECT_EQ(late.status, 504) << late.body;
  barrier.Open();
  EXPECT_EQ(BinaryPart(first.Read()), Alone(2, 1));
}

TEST(Server, AClientThatLeavesTakesItsWorkOutOfTheQueue) {
  const InProcess run;
  Barrier barrier(*run.server, 2);
  TestClient running = run.Connect(), waiting = run.Connect(), embedding = run.Connect(), stays = run.Connect();
  running.Send(net::Post(kInferNorms, NormRequest(2, 1)));
  run.Await("norms", [](const batching::Stats& stats) { return stats.running_tasks == 1; });
  waiting.Send(net::Post(kInferNorms, NormRequest(3, 2)));
  stays.Send(net::Post(kInferNorms, NormRequest(3, 9, kBinaryOutput)));
  run.Await("norms", [](const batching::Stats& stats) { return stats.queued_tasks == 2; });
  embedding.Send(net::Post("/v1/embeddings", R"({"model":"ragged","input":"a cat"})"));
  run.Await("ragged", [](const batching::Stats& stats) { return stats.running_tasks == 1; });
  waiting.Close();
  running.Close();
  embedding.Close();
  run.Await("norms", [](const batching::Stats& stats) { return stats.cancelled == 2 && stats.queued_tasks == 1; });
  run.AwaitMetric(R"(nv_inference_request_failure{model="norms",reason="CANCELED",version="1"} 2)");
  run.AwaitMetric(R"(nv_inference_request_failure{model="ragged",reason="CANCELED",version="1"} 1)");
  barrier.Open();
  EXPECT_EQ(BinaryPart(stays.Read()), Alone(3, 9));
}

TEST(Server, OneBadRequestOfABatchFailsAlone) {
  const InProcess run;
  Barrier barrier(*run.server, 2);
  const auto request = [](int id) {
    return net::Post(kInferRagged, Cat(R"({"inputs":[{"name":"ids","datatype":"INT64","shape":[2],"data":[3,)", id,
                                       R"(]}],"outputs":[{"name":"vectors"}]})"));
  };
  TestClient first = run.Connect(), good = run.Connect(), bad = run.Connect(), other = run.Connect();
  first.Send(request(5));
  run.Await("ragged", [](const batching::Stats& stats) { return stats.running_tasks == 1; });
  good.Send(request(7));
  bad.Send(request(99));
  other.Send(request(7));
  run.Await("ragged", [](const batching::Stats& stats) { return stats.queued_tasks == 3; });
  barrier.Open();
  EXPECT_EQ(first.Read().status, 200);
  const ClientResponse answer = good.Read(), refused = bad.Read();
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.body, other.Read().body);
  EXPECT_EQ(answer.body, run.Connect().RoundTrip(request(7)).body) << "as alone";
  EXPECT_EQ(refused.status, 400);
  EXPECT_NE(refused.body.find("99"), std::string::npos) << refused.body;
  EXPECT_EQ(run.server->models().Find("ragged", "")->stats().batches, 3u);
}

TEST(Server, StopAnswersWhatWasAccepted) {
  const InProcess run;
  Barrier barrier(*run.server, 2);
  std::vector<TestClient> clients;
  for (int i = 0; i < 6; ++i) {
    clients.push_back(run.Connect());
    clients.back().Send(net::Post(kInferNorms, NormRequest(i, 10 + static_cast<uint32_t>(i), kBinaryOutput)));
  }
  run.Await("norms", [](const batching::Stats& stats) { return stats.accepted == 6; });
  TestClient idle = run.Connect();
  EXPECT_EQ(idle.RoundTrip(net::Get("/v2/health/ready")).status, 200);
  std::future<StopReport> stopped = std::async(std::launch::async, [&] { return run.server->Stop(); });
  EXPECT_TRUE(idle.ReadsEnd()) << "an idle connection is closed when the drain begins";
  barrier.Open();
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(BinaryPart(clients[static_cast<size_t>(i)].Read()), Alone(i, 10 + static_cast<uint32_t>(i)));
  }
  const StopReport report = stopped.get();
  EXPECT_EQ(report.accepted, 7u);
  EXPECT_EQ(report.answered, 7u);
  EXPECT_EQ(report.dropped, 0u);
}

TEST(Server, ADrainingModelIs503) {
  const InProcess run;
  EXPECT_EQ(run.Get("/v2/models/norms/ready").status, 200);
  run.server->models().Find("norms", "")->Drain();
  const ClientResponse refused = run.Post(kInferNorms, NormRequest(1, 3));
  EXPECT_EQ(refused.status, 503) << refused.body;
  EXPECT_EQ(refused.Header("Retry-After"), "1");
  EXPECT_EQ(run.Get("/v2/models/norms/ready").status, 503);
  EXPECT_EQ(run.Get("/v2/health/ready").status, 503);
  EXPECT_NE(run.Post("/v2/repository/index", "").body.find("UNAVAILABLE"), std::string::npos);
  EXPECT_EQ(run.Get("/v2/models/ragged/ready").status, 200);
}

TEST(Server, RefusesABundleWhoseGoldenDiffers) {
  runtime::TestBundle bundle = runtime::RmsNormBundle();
  bundle.golden.back() = static_cast<char>(bundle.golden.back() ^ 1);
  ServerOptions options;
  options.http.port = 0;
  options.bundles = {bundle.Write()};
  const auto server = Server::Start(options);
  ASSERT_FALSE(server.ok());
  EXPECT_NE(server.status().ToString().find("the output \"y\" is not what the golden has"), std::string::npos)
      << server.status();
  options.bundles = {TestBundles()[0], TestBundles()[0]};
  EXPECT_NE(Server::Start(options).status().ToString().find("another model \"norms\""), std::string::npos);
}

TEST(Server, MixedSizesFromManyThreadsAreBitEqualToEachAlone) {
  ServerOptions options;
  options.http.num_io_threads = 2;
  options.model.runner.executors = 2;
  options.model.queue.max_batch_tasks = 8;
  const InProcess run(options);
  std::vector<std::string> wanted;
  for (uint32_t i = 0; i < 12; ++i) wanted.push_back(Alone(static_cast<int>(i % 5), i));
  std::vector<std::thread> threads;
  std::atomic<int> equal{0};
  for (uint32_t t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      TestClient client = run.Connect();
      for (uint32_t i = 0; i < 24; ++i) {
        const uint32_t which = (i + t) % 12;
        const auto request = NormRequest(static_cast<int>(which % 5), which, kBinaryOutput);
        equal += BinaryPart(client.RoundTrip(net::Post(kInferNorms, request))) == wanted[which] ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(equal, 8 * 24);
}

}  // namespace
}  // namespace strata::server
