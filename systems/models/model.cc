#include "systems/models/model.h"

#include <algorithm>
#include <boost/asio/use_awaitable.hpp>
#include <future>
#include <utility>

#include "systems/admin/logging.h"
#include "systems/formats/text.h"
#include "systems/models/convert.h"
#include "systems/models/id_table.h"
#include "systems/models/request_scope.h"
#include "systems/runtime/golden.h"

namespace strata::models {
namespace {

namespace asio = boost::asio;
using runtime::Cat;
using runtime::Invalid;
using runtime::Quote;

constexpr size_t kMaxTokenizerBytes = size_t{64} << 20;

int64_t CostOf(const InferWork& work) { return std::max<int64_t>(work.size.tokens, 1); }

}  // namespace

Model::~Model() = default;

absl::StatusOr<std::unique_ptr<Model>> Model::Load(const std::string& path, const ModelOptions& options) {
  std::unique_ptr<Model> model(new Model(options));
  RUNTIME_RETURN_IF_ERROR(runtime::Annotate(model->Verify(path), path));
  return model;
}

absl::Status Model::Verify(const std::string& path) {
  RUNTIME_ASSIGN_OR_RETURN(bundle_, runtime::Bundle::Load(path, options_.load));
  BatchRunner::Programs programs = {bundle_->program("")};
  if (bundle_->manifest().embeddings) {
    std::shared_ptr<const runtime::Program> embed = bundle_->program(bundle_->manifest().embeddings->entry_point);
    if (embed != programs[0]) programs.push_back(std::move(embed));
    embed_entry_ = programs.size() - 1;
  }
  runner_ = std::make_unique<BatchRunner>(std::move(programs), options_.runner);
  absl::StatusOr<runtime::GoldenReport> golden = ReplayGolden(*bundle_, runner_->parallel(0));
  if (!golden.ok()) return golden.status();
  for (const std::string& note : golden->notes) admin::Log(admin::LogLevel::kWarning, Cat(name(), ": ", note));
  RUNTIME_RETURN_IF_ERROR(LoadTokenizer());
  RUNTIME_RETURN_IF_ERROR(LimitBatches());
  return runner_->Warm();
}

absl::Status Model::LoadTokenizer() {
  const std::optional<runtime::EmbeddingsInfo>& info = bundle_->manifest().embeddings;
  if (!info) return absl::OkStatus();
  const std::shared_ptr<const runtime::Program> program = bundle_->program(info->entry_point);
  for (const runtime::TensorSpec& spec : program->signature().inputs) {
    if (spec.name == info->ids || spec.layout == runtime::Layout::kOffsets) continue;
    return Invalid("embeddings: the entry point also wants the input ", Quote(spec.name),
                   ", which /v1/embeddings cannot give");
  }
  embed_input_ = static_cast<size_t>(program->signature().FindInput(info->ids));
  embed_output_ = program->signature().FindOutput(info->output);
  RUNTIME_ASSIGN_OR_RETURN(const std::string json, bundle_->ReadFile(info->tokenizer, kMaxTokenizerBytes));
  auto tokenizer = text::WordPieceTokenizer::Create(json, {.max_length = info->max_length});
  if (!tokenizer.ok()) return runtime::Annotate(tokenizer.status(), info->tokenizer);
  num_ids_ = NumIds(program->plan(), embed_input_).value_or((*tokenizer)->largest_id() + 1);
  if ((*tokenizer)->largest_id() >= num_ids_) {
    return Invalid(info->tokenizer, " has token ids up to ", (*tokenizer)->largest_id(), ", and the model's table has ",
                   num_ids_, " rows");
  }
  tokenizer_ = *std::move(tokenizer);
  return absl::OkStatus();
}

// No batch may be larger than the plan's dims; every text must fit into one.
absl::Status Model::LimitBatches() {
  batching::QueueOptions& queue = options_.queue;
  queue.num_executors = options_.runner.executors;
  for (size_t i = 0; i < runner_->num_entries(); ++i) {
    const runtime::Signature& entry = runner_->signature(i);
    const int dim = entry.ragged_dim >= 0 ? entry.ragged_dim : entry.batch_dim;
    if (dim < 0) continue;
    queue.max_batch_cost =
        std::min(queue.max_batch_cost, std::max<int64_t>(1, entry.dims[static_cast<size_t>(dim)].max));
  }
  queue.max_queue_cost = std::max(queue.max_queue_cost, queue.max_batch_cost);
  const int64_t longest = tokenizer_ == nullptr ? 1 : bundle_->manifest().embeddings->max_length;
  if (longest <= queue.max_batch_cost) return absl::OkStatus();
  return Invalid("a text may have ", longest, " tokens, and a batch holds at most ", queue.max_batch_cost);
}

absl::Status Model::Start(const Executors& executors, admin::ModelMetrics* metrics) {
  executors_ = executors;
  metrics_ = metrics;
  batching::Observer observer;
  observer.on_batch = [metrics](const batching::BatchRecord& batch) { metrics->BatchRan(batch.tasks, batch.cost); };
  const auto run = [this](size_t slot, std::span<batching::Task* const> batch) { return runner_->Run(slot, batch); };
  batching::SchedulerOptions options;
  options.queue = options_.queue;
  options.name = name();
  auto scheduler = batching::BatchScheduler::Create(std::move(options), executors.queue, executors.workers, run,
                                                    std::move(observer));
  if (!scheduler.ok()) return scheduler.status();
  scheduler_ = *std::move(scheduler);
  ready_.store(true, std::memory_order_release);
  return absl::OkStatus();
}

absl::StatusOr<int64_t> Model::Remaining(std::optional<int64_t> timeout_us, Clock::time_point arrival) const {
  const int64_t timeout = timeout_us.value_or(options_.default_timeout_us);
  if (timeout == batching::kNever) return timeout;
  const auto spent = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - arrival).count();
  if (spent < timeout) return timeout - spent;
  return absl::DeadlineExceededError(
      Cat(name(), ": the request's deadline of ", timeout, " microseconds passed before it could be queued"));
}

asio::awaitable<absl::StatusOr<protocol::InferResponse>> Model::Infer(std::shared_ptr<const InferCall> call) {
  RequestScope scope(metrics_, call->arrival);
  absl::StatusOr<std::unique_ptr<InferWork>> work = WorkFromRequest(signature(), call->request);
  if (!work.ok()) co_return scope.Failed(work.status());
  absl::StatusOr<int64_t> timeout = Remaining(call->request.timeout_us, call->arrival);
  if (!timeout.ok()) co_return scope.Failed(timeout.status());
  (*work)->keep_alive = call;
  const int64_t rows = (*work)->size.rows, cost = CostOf(**work);
  batching::Submission submission(*std::move(work), cost, *timeout);
  batching::Outcome outcome = co_await scheduler_->Submit(std::move(submission), asio::use_awaitable);
  if (!outcome.status.ok()) co_return scope.Failed(std::move(outcome.status));
  protocol::InferResponse response;
  response.model_name = name();
  response.model_version = version();
  response.id = call->request.id;
  response.outputs = OutputsOf(signature(), call->request, std::move(static_cast<InferWork&>(*outcome.work)));
  scope.Succeeded(rows, outcome.queued_us, outcome.run_us);
  co_return response;
}

batching::DrainReport Model::Drain() {
  ready_.store(false, std::memory_order_release);
  std::promise<batching::DrainReport> drained;
  scheduler_->Drain([&drained](batching::DrainReport report) { drained.set_value(report); });
  return drained.get_future().get();
}

protocol::ModelMetadata Model::Metadata() const {
  protocol::ModelMetadata metadata;
  metadata.name = name();
  metadata.versions = {version()};
  metadata.inputs = MetadataOf(signature().inputs);
  metadata.outputs = MetadataOf(signature().outputs);
  return metadata;
}

}  // namespace strata::models
