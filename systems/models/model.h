// Model: one bundle, loaded, verified and served: its weights, executors, queue, tokenizer and counters.
//
// For: the server's handlers. Not for: HTTP or JSON (systems/server), several models (model_set.h).
//
//   absl::StatusOr<std::unique_ptr<Model>> model = Model::Load("models/minilm", options);   // seconds at most; blocks
//   RUNTIME_RETURN_IF_ERROR((*model)->Start(executors, metrics));
//   absl::StatusOr<protocol::InferResponse> r = co_await (*model)->Infer(call);
//   ...
//   (*model)->Drain();   // then join the workers, then (*model)->Stop(), then end the I/O threads
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "systems/admin/metrics.h"
#include "systems/batching/batch_scheduler.h"
#include "systems/models/batch_runner.h"
#include "systems/protocol/embeddings.h"
#include "systems/protocol/infer_request.h"
#include "systems/protocol/metadata.h"
#include "systems/runtime/bundle.h"
#include "systems/text/word_piece_tokenizer.h"

namespace strata::models {

using Clock = std::chrono::steady_clock;

struct ModelOptions {
  RunnerOptions runner;
  // num_executors is the runner's; max_batch_cost is lowered to what the plan's dims hold.
  batching::QueueOptions queue;
  runtime::LoadOptions load;
  int64_t default_timeout_us = batching::kNever;
};

struct Executors {
  boost::asio::any_io_executor queue;    // runs one handler at a time: an I/O thread
  boost::asio::any_io_executor workers;  // batches
  boost::asio::any_io_executor helpers;  // long texts and JSON
};

// A request and what its tensors point into. Shared: a batch may outlive the client that it was begun for.
struct InferCall {
  std::string body;
  protocol::InferRequest request;
  Clock::time_point arrival;  // deadlines count from here
};

struct EmbedResult {
  std::vector<float> values;  // row after row, one a text
  size_t width = 0;
  int64_t num_tokens = 0;  // special ones included
};

class Model {
 public:
  // Reads, checks and prepares the bundle, replays its golden and warms the executors. An error names the bundle.
  static absl::StatusOr<std::unique_ptr<Model>> Load(const std::string& path, const ModelOptions& options);
  ~Model();

  // Takes requests from now on. REQUIRES: called once; `metrics` outlives the model.
  absl::Status Start(const Executors& executors, admin::ModelMetrics* metrics);
  bool ready() const { return ready_.load(std::memory_order_acquire); }

  // REQUIRES (both): Start was called; the model outlives the call; called on an executor that runs one handler at a
  // time. Statuses: as BatchScheduler's, and kInvalidArgument with a sentence for the client.
  boost::asio::awaitable<absl::StatusOr<protocol::InferResponse>> Infer(std::shared_ptr<const InferCall> call);
  boost::asio::awaitable<absl::StatusOr<EmbedResult>> Embed(protocol::EmbeddingRequest request,
                                                            Clock::time_point arrival);

  // Accepts nothing more, and waits until all that was accepted is answered.
  // REQUIRES: not called on an I/O thread, one of which answers.
  batching::DrainReport Drain();
  // REQUIRES: no call is in flight or comes any more, and the workers' threads have ended.
  void Stop() { scheduler_.reset(); }

  const std::string& name() const { return bundle_->manifest().name; }
  const std::string& version() const { return bundle_->manifest().model_version; }
  const std::string& description() const { return bundle_->manifest().description; }
  protocol::ModelMetadata Metadata() const;
  bool has_embeddings() const { return tokenizer_ != nullptr; }
  // Of a vector. REQUIRES: has_embeddings().
  int64_t embedding_width() const;
  batching::Stats stats() const { return scheduler_->stats(); }

 private:
  using Ids = std::vector<std::vector<int64_t>>;

  explicit Model(const ModelOptions& options) : options_(options) {}
  absl::Status Verify(const std::string& path);
  absl::Status LoadTokenizer();
  absl::Status LimitBatches();
  const runtime::Signature& signature() const { return runner_->signature(0); }

  boost::asio::awaitable<absl::StatusOr<Ids>> IdsOf(const protocol::EmbeddingRequest& request);
  absl::StatusOr<Ids> Tokenize(const protocol::EmbeddingRequest::Texts& texts) const;
  absl::StatusOr<Ids> CheckTokens(const protocol::EmbeddingRequest::Tokens& tokens) const;
  absl::StatusOr<std::vector<batching::Submission>> SubmissionsOf(const Ids& ids, int64_t timeout_us) const;
  std::unique_ptr<InferWork> WorkOf(const Ids& ids, size_t begin, size_t end) const;
  absl::StatusOr<int64_t> Remaining(std::optional<int64_t> timeout_us, Clock::time_point arrival) const;

  ModelOptions options_;
  std::shared_ptr<const runtime::Bundle> bundle_;
  std::unique_ptr<BatchRunner> runner_;
  // For text models; their entry point's index in runner_, and its ids.
  std::unique_ptr<text::WordPieceTokenizer> tokenizer_;
  size_t embed_entry_ = 0;
  size_t embed_input_ = 0;
  int embed_output_ = 0;
  int64_t num_ids_ = 0;

  Executors executors_;
  admin::ModelMetrics* metrics_ = nullptr;
  std::unique_ptr<batching::BatchScheduler> scheduler_;
  std::atomic<bool> ready_{false};
};

}  // namespace strata::models
