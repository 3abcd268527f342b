// Model's second half: texts or token ids to vectors.
#include <algorithm>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>
#include <string>
#include <utility>
#include <variant>

#include "systems/formats/text.h"
#include "systems/models/model.h"
#include "systems/models/offload.h"
#include "systems/models/request_scope.h"
#include "systems/models/submit_all.h"
#include "systems/protocol/errors.h"

namespace strata::models {
namespace {

namespace asio = boost::asio;
using protocol::EmbeddingRequest;
using runtime::Cat;
using runtime::Invalid;
using Ids = std::vector<std::vector<int64_t>>;

// Less than this is tokenised where it came: a fraction of a millisecond, less than two hops between threads may take.
constexpr size_t kLongTextBytes = 4096;

// Texts of one request go into batches in pieces of about this many tokens: so that others' texts come between, and
// that several executors share them.
constexpr int64_t kPieceTokens = 1024;

absl::Status InputError(absl::Status status) { return protocol::WithErrorParam(std::move(status), "input"); }

size_t BytesOf(const EmbeddingRequest::Texts& texts) {
  size_t bytes = 0;
  for (const std::string& text : texts) bytes += text.size();
  return bytes;
}

void SetIds(const Ids& ids, size_t begin, size_t end, TensorView* view, AlignedBuffer* memory) {
  int64_t count = 0;
  for (size_t i = begin; i < end; ++i) count += static_cast<int64_t>(ids[i].size());
  view->data = memory->Reserve(static_cast<size_t>(count) * SizeOf(view->dtype) + 1);
  view->SetSizes({count});
  int64_t at = 0;
  for (size_t i = begin; i < end; ++i) {
    for (const int64_t id : ids[i]) {
      if (view->dtype == DType::kI64) view->Out<int64_t>()[at++] = id;
      if (view->dtype == DType::kI32) view->Out<int32_t>()[at++] = static_cast<int32_t>(id);
    }
  }
}

void SetOffsets(const Ids& ids, size_t begin, size_t end, TensorView* view, AlignedBuffer* memory) {
  view->data = memory->Reserve((end - begin + 1) * SizeOf(view->dtype));
  view->SetSizes({static_cast<int64_t>(end - begin + 1)});
  int64_t sum = 0;
  for (size_t i = begin; i <= end; ++i) {
    if (view->dtype == DType::kI64) view->Out<int64_t>()[i - begin] = sum;
    if (view->dtype == DType::kI32) view->Out<int32_t>()[i - begin] = static_cast<int32_t>(sum);
    if (i < end) sum += static_cast<int64_t>(ids[i].size());
  }
}

}  // namespace

int64_t Model::embedding_width() const {
  return *runner_->signature(embed_entry_).outputs[static_cast<size_t>(embed_output_)].shape[1].constant();
}

absl::StatusOr<Model::Ids> Model::Tokenize(const EmbeddingRequest::Texts& texts) const {
  Ids all(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    const absl::Status status = tokenizer_->Encode(texts[i], /*add_special_tokens=*/true, &all[i]);
    if (!status.ok()) return InputError(runtime::Annotate(status, Cat("input entry ", i)));
    if (all[i].empty()) return InputError(Invalid("input entry ", i, " has no tokens"));
  }
  return all;
}

absl::StatusOr<Model::Ids> Model::CheckTokens(const EmbeddingRequest::Tokens& tokens) const {
  const auto longest = static_cast<size_t>(bundle_->manifest().embeddings->max_length);
  Ids all;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].size() > longest) {
      return InputError(
          Invalid("input entry ", i, " has ", tokens[i].size(), " tokens, and ", name(), " takes at most ", longest));
    }
    for (size_t t = 0; t < tokens[i].size(); ++t) {
      if (tokens[i][t] < num_ids_) continue;
      return InputError(Invalid("input entry ", i, " has token ", tokens[i][t], " at position ", t, ", and ", name(),
                                " knows 0 to ", num_ids_ - 1));
    }
    all.emplace_back(tokens[i].begin(), tokens[i].end());
  }
  return all;
}

asio::awaitable<absl::StatusOr<Model::Ids>> Model::IdsOf(const EmbeddingRequest& request) {
  if (const auto* tokens = std::get_if<EmbeddingRequest::Tokens>(&request.input)) co_return CheckTokens(*tokens);
  const auto& texts = std::get<EmbeddingRequest::Texts>(request.input);
  if (BytesOf(texts) < kLongTextBytes) co_return Tokenize(texts);
  auto tokenize = [this, &texts] { return Tokenize(texts); };
  absl::StatusOr<Ids> ids = co_await Offload(executors_.helpers, std::move(tokenize), asio::use_awaitable);
  co_return ids;
}

std::unique_ptr<InferWork> Model::WorkOf(const Ids& ids, size_t begin, size_t end) const {
  const runtime::Signature& entry = runner_->signature(embed_entry_);
  auto work = std::make_unique<InferWork>();
  work->entry = embed_entry_;
  work->wanted = {embed_output_};
  work->copies.resize(entry.inputs.size());
  work->inputs.resize(entry.inputs.size());
  for (size_t i = 0; i < entry.inputs.size(); ++i) {
    work->inputs[i].dtype = entry.inputs[i].dtype;
    const auto set = i == embed_input_ ? SetIds : SetOffsets;
    set(ids, begin, end, &work->inputs[i], &work->copies[i]);
  }
  return work;
}

absl::StatusOr<std::vector<batching::Submission>> Model::SubmissionsOf(const Ids& ids, int64_t timeout_us) const {
  const runtime::Signature& entry = runner_->signature(embed_entry_);
  const int64_t most_tokens = std::min(kPieceTokens, options_.queue.max_batch_cost);
  const int64_t most_rows = entry.dims[static_cast<size_t>(entry.batch_dim)].max;
  std::vector<batching::Submission> submissions;
  for (size_t begin = 0; begin < ids.size();) {
    size_t end = begin;
    int64_t tokens = 0;
    do {
      tokens += static_cast<int64_t>(ids[end++].size());
    } while (end < ids.size() && static_cast<int64_t>(end - begin) < most_rows &&
             tokens + static_cast<int64_t>(ids[end].size()) <= most_tokens);
    std::unique_ptr<InferWork> work = WorkOf(ids, begin, end);
    RUNTIME_ASSIGN_OR_RETURN(work->size, CheckRequest(entry, work->inputs));
    submissions.emplace_back(std::move(work), tokens, timeout_us);
    begin = end;
  }
  return submissions;
}

asio::awaitable<absl::StatusOr<EmbedResult>> Model::Embed(EmbeddingRequest request, Clock::time_point arrival) {
  RequestScope scope(metrics_, arrival);
  const absl::StatusOr<Ids> ids = co_await IdsOf(request);
  if (!ids.ok()) co_return scope.Failed(ids.status());
  absl::StatusOr<int64_t> timeout = Remaining(std::nullopt, arrival);
  if (!timeout.ok()) co_return scope.Failed(timeout.status());
  auto submissions = SubmissionsOf(*ids, *timeout);
  if (!submissions.ok()) co_return scope.Failed(submissions.status());
  std::vector<batching::Outcome> outcomes =
      co_await SubmitAll(*scheduler_, *std::move(submissions), asio::use_awaitable);
  EmbedResult result;
  result.width = static_cast<size_t>(embedding_width());
  for (const auto& one : *ids) result.num_tokens += static_cast<int64_t>(one.size());
  result.values.resize(ids->size() * result.width);
  auto* at = reinterpret_cast<char*>(result.values.data());
  int64_t queued_us = 0, run_us = 0;
  // The failure that came first; the others were cancelled because of it.
  for (batching::Outcome& o : outcomes) {
    if (!o.status.ok() && o.status.code() != absl::StatusCode::kCancelled) co_return scope.Failed(std::move(o.status));
  }
  for (batching::Outcome& outcome : outcomes) {
    if (!outcome.status.ok()) co_return scope.Failed(std::move(outcome.status));
    const std::string& bytes = static_cast<InferWork&>(*outcome.work).outputs[0].bytes;
    std::memcpy(at, bytes.data(), bytes.size());
    at += bytes.size();
    queued_us = std::max(queued_us, outcome.queued_us);
    run_us = std::max(run_us, outcome.run_us);
  }
  scope.Succeeded(static_cast<int64_t>(ids->size()), queued_us, run_us);
  co_return result;
}

}  // namespace strata::models
