#include "systems/server/server_test_util.h"

#include <boost/asio/post.hpp>
#include <chrono>
#include <fstream>
#include <thread>
#include <utility>

#include "kernels/base/check.h"
#include "systems/formats/text.h"
#include "systems/runtime/testing.h"

namespace strata::server {
namespace {

using runtime::Cat;

// Twenty words, as many as the table of RaggedBundle has rows.
constexpr const char* kTokenizer = R"({"version": "1.0", "truncation": null, "padding": null,
  "added_tokens": [
    {"id": 0, "content": "[PAD]", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},
    {"id": 1, "content": "[UNK]", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
  "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
  "pre_tokenizer": {"type": "BertPreTokenizer"},
  "post_processor": null,
  "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
  "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
    "vocab": {"[PAD]": 0, "[UNK]": 1, "the": 2, "cat": 3, "sat": 4, "on": 5, "a": 6, "mat": 7, "##s": 8, "dog": 9}}})";

std::string EmbeddingBundle() {
  runtime::TestBundle bundle = runtime::RaggedBundle();
  bundle.manifest = runtime::Replaced(bundle.manifest, "\"ops\"", R"("embeddings": {"entry_point": "embed",
    "tokenizer": "tokenizer.json", "ids": "ids", "output": "vectors", "max_length": 16}, "ops")");
  const std::string folder = bundle.Write();
  std::ofstream(folder + "/tokenizer.json") << kTokenizer;
  return folder;
}

void Poll(const std::function<bool()>& done) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!done()) {
    STRATA_CHECK(std::chrono::steady_clock::now() < limit, "what a test waits for comes within a minute");
    std::this_thread::yield();
  }
}

}  // namespace

std::vector<std::string> TestBundles() { return {runtime::RmsNormBundle().Write(), EmbeddingBundle()}; }

InProcess::InProcess(ServerOptions options) {
  options.http.port = 0;
  if (options.bundles.empty()) options.bundles = TestBundles();
  auto started = Server::Start(options);
  STRATA_CHECK(started.ok(), started.status().ToString().c_str());
  server = *std::move(started);
}

net::ClientResponse InProcess::Get(std::string_view target) const { return Connect().RoundTrip(net::Get(target)); }

net::ClientResponse InProcess::Post(std::string_view target, std::string_view body) const {
  return Connect().RoundTrip(net::Post(target, body));
}

void InProcess::Await(std::string_view model, const std::function<bool(const batching::Stats&)>& wanted) const {
  Poll([&] { return wanted(server->models().Find(model, "")->stats()); });
}

void InProcess::AwaitMetric(std::string_view line) const {
  const std::string whole = Cat("\n", line, "\n");
  Poll([&] { return Get("/metrics").body.find(whole) != std::string::npos; });
}

Barrier::Barrier(Server& server, int num_threads) {
  for (int i = 0; i < num_threads; ++i) {
    boost::asio::post(server.workers(), [state = state_] {
      std::unique_lock lock(state->mutex);
      ++state->held;
      state->changed.notify_all();
      state->changed.wait(lock, [&] { return state->open; });
    });
  }
  std::unique_lock lock(state_->mutex);
  state_->changed.wait(lock, [&] { return state_->held == num_threads; });
}

void Barrier::Open() {
  const std::lock_guard lock(state_->mutex);
  state_->open = true;
  state_->changed.notify_all();
}

std::string NormRequest(int rows, uint32_t seed, std::string_view parameters) {
  std::string data;
  for (const float value : runtime::SomeFloats(static_cast<size_t>(rows) * 8, seed)) {
    data += Cat(data.empty() ? "" : ",", double{value});
  }
  return Cat(R"({"inputs":[{"name":"x","datatype":"FP32","shape":[)", rows, R"(,8],"data":[)", data, "]}]",
             parameters.empty() ? "" : ",\"parameters\":", parameters, "}");
}

}  // namespace strata::server
