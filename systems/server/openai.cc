// Service's routes in OpenAI's form: embeddings and the model list.
#include <boost/asio/use_awaitable.hpp>
#include <string>
#include <utility>
#include <vector>

#include "systems/formats/text.h"
#include "systems/models/offload.h"
#include "systems/protocol/embeddings.h"
#include "systems/protocol/metadata.h"
#include "systems/server/replies.h"
#include "systems/server/service.h"

namespace strata::server {
namespace {

namespace asio = boost::asio;
using models::EmbedResult;
using net::HttpResponse;
using protocol::EmbeddingEncoding;
using protocol::EmbeddingRequest;
using protocol::ErrorStyle;

// Reading this much, or writing this many numbers in decimals, is left to a helper thread: about a millisecond.
constexpr size_t kLongBodyBytes = 64 * 1024;
constexpr size_t kManyNumbers = 16 * 1024;

absl::Status CheckModel(const EmbeddingRequest& request, const models::Model& model) {
  if (model.has_embeddings()) return protocol::CheckDimensions(request, model.embedding_width());
  return protocol::WithErrorParam(
      absl::InvalidArgumentError(
          runtime::Cat("model ", runtime::Quote(model.name()), " gives no embeddings: its bundle has no tokenizer")),
      "model");
}

absl::StatusOr<std::string> Write(const std::string& model, const EmbedResult& result, EmbeddingEncoding encoding) {
  protocol::EmbeddingResponse response;
  response.model = model;
  response.values = result.values;
  response.width = result.width;
  response.prompt_tokens = result.num_tokens;
  return protocol::WriteEmbeddingResponse(response, encoding);
}

}  // namespace

HttpResponse Service::OpenAiModels(const Call&) const {
  std::vector<protocol::OpenAiModel> list;
  for (const auto& model : models_.models()) list.push_back({model->name(), started_s_});
  return JsonReply(200, protocol::WriteOpenAiModels(list));
}

HttpResponse Service::OpenAiModel(const Call& call) const {
  const absl::StatusOr<models::Model*> model = FindModel(call);
  if (!model.ok()) return StatusReply(ErrorStyle::kOpenAi, model.status(), call.id);
  return JsonReply(200, protocol::WriteOpenAiModel({(*model)->name(), started_s_}));
}

asio::awaitable<HttpResponse> Service::Embeddings(Call& call) {
  absl::StatusOr<EmbeddingRequest> request;
  if (call.http.body.size() <= kLongBodyBytes) {
    request = protocol::ParseEmbeddingRequest(call.http.body, limits_);
  } else {
    auto parse = [this, &call] { return protocol::ParseEmbeddingRequest(call.http.body, limits_); };
    request = co_await models::Offload(helpers_, std::move(parse), asio::use_awaitable);
  }
  if (!request.ok()) co_return StatusReply(ErrorStyle::kOpenAi, request.status(), call.id);
  call.route.model = request->model;
  const absl::StatusOr<models::Model*> model = FindModel(call);
  if (!model.ok()) {
    co_return StatusReply(ErrorStyle::kOpenAi, protocol::WithErrorParam(model.status(), "model"), call.id);
  }
  const absl::Status fits = CheckModel(*request, **model);
  if (!fits.ok()) co_return StatusReply(ErrorStyle::kOpenAi, fits, call.id);
  const EmbeddingEncoding encoding = request->encoding;
  EmbeddingRequest taken = *std::move(request);
  const absl::StatusOr<EmbedResult> result = co_await (*model)->Embed(std::move(taken), call.arrival);
  if (!result.ok()) co_return StatusReply(ErrorStyle::kOpenAi, result.status(), call.id);
  absl::StatusOr<std::string> body;
  if (encoding == EmbeddingEncoding::kBase64 || result->values.size() <= kManyNumbers) {
    body = Write((*model)->name(), *result, encoding);
  } else {
    auto write = [&] { return Write((*model)->name(), *result, encoding); };
    body = co_await models::Offload(helpers_, std::move(write), asio::use_awaitable);
  }
  if (!body.ok()) co_return StatusReply(ErrorStyle::kOpenAi, body.status(), call.id);
  co_return JsonReply(200, *std::move(body));
}

}  // namespace strata::server
