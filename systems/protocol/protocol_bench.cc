// bazel run //systems/protocol:protocol_bench
#include <benchmark/benchmark.h>

#include <random>
#include <string>

#include "systems/protocol/infer_parser.h"
#include "systems/protocol/infer_writer.h"
#include "systems/protocol/json_writer.h"
#include "systems/protocol/routes.h"

namespace strata::protocol {
namespace {

constexpr int64_t kElements = 1 << 20;

void BM_ParseSmallRequest(benchmark::State& state) {
  const std::string body =
      R"({"id":"42","inputs":[{"name":"input_ids","shape":[1,6],"datatype":"INT64","data":[101,7592,1010,2088,999,102]}]})";
  for (auto _ : state) {
    auto request = ParseInferRequest(body, std::nullopt, Limits());
    if (!request.ok()) state.SkipWithError("refused");
    benchmark::DoNotOptimize(request);
  }
}
BENCHMARK(BM_ParseSmallRequest);

std::string FloatData() {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::string data;
  for (int64_t i = 0; i < kElements; ++i) {
    const float value = normal(random);
    data.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  return data;
}

InferResponse FloatResponse(bool binary) {
  InferResponse response{"m", "1", "", {}};
  response.outputs.push_back({{"x", Datatype::kFp32, {kElements}, TensorData::Own(FloatData())}, binary});
  return response;
}

void BM_ParseMillionJsonFloats(benchmark::State& state) {
  const std::string json = WriteInferResponse(FloatResponse(false))->json;
  const std::string body = "{\"inputs\"" + json.substr(json.find("\"outputs\"") + 9);
  for (auto _ : state) {
    auto request = ParseInferRequest(body, std::nullopt, Limits());
    if (!request.ok()) state.SkipWithError("refused");
    benchmark::DoNotOptimize(request);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(body.size()));
}
BENCHMARK(BM_ParseMillionJsonFloats)->Unit(benchmark::kMillisecond);

void BM_ParseMillionBinaryFloats(benchmark::State& state) {
  const std::string json =
      R"({"inputs":[{"name":"x","shape":[1048576],"datatype":"FP32","parameters":{"binary_data_size":4194304}}]})";
  const std::string body = json + FloatData();
  for (auto _ : state) {
    auto request = ParseInferRequest(body, json.size(), Limits());
    if (!request.ok()) state.SkipWithError("refused");
    benchmark::DoNotOptimize(request);
  }
}
BENCHMARK(BM_ParseMillionBinaryFloats);

void BM_WriteMillionJsonFloats(benchmark::State& state) {
  const InferResponse response = FloatResponse(false);
  size_t bytes = 0;
  for (auto _ : state) bytes += WriteInferResponse(response)->size();
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
}
BENCHMARK(BM_WriteMillionJsonFloats)->Unit(benchmark::kMillisecond);

void BM_MatchInferRoute(benchmark::State& state) {
  for (auto _ : state) {
    auto route = MatchRoute("POST", "/v2/models/minilm/versions/1/infer", Limits());
    benchmark::DoNotOptimize(route);
  }
}
BENCHMARK(BM_MatchInferRoute);

}  // namespace
}  // namespace strata::protocol
