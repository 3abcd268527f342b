// Service's routes of the Open Inference Protocol (KServe v2).
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "systems/formats/text.h"
#include "systems/models/offload.h"
#include "systems/protocol/infer_parser.h"
#include "systems/protocol/infer_writer.h"
#include "systems/protocol/metadata.h"
#include "systems/server/replies.h"
#include "systems/server/service.h"

namespace strata::server {
namespace {

namespace asio = boost::asio;
using net::HttpResponse;
using protocol::ErrorStyle;

// JSON of more than this is read and written by a helper thread; a megabyte takes some milliseconds.
constexpr size_t kLongJsonBytes = 64 * 1024;

absl::Status Parse(std::optional<size_t> json_bytes, const protocol::Limits& limits, models::InferCall* call) {
  auto request = protocol::ParseInferRequest(call->body, json_bytes, limits);
  if (!request.ok()) return request.status();
  call->request = *std::move(request);
  return absl::OkStatus();
}

size_t OutputBytes(const protocol::InferResponse& response) {
  size_t bytes = 0;
  for (const protocol::OutputTensor& output : response.outputs) {
    if (!output.binary) bytes += output.tensor.data.bytes().size();
  }
  return bytes;
}

absl::StatusOr<HttpResponse> Write(const protocol::InferResponse& response) {
  RUNTIME_ASSIGN_OR_RETURN(const protocol::EncodedResponse encoded, protocol::WriteInferResponse(response));
  HttpResponse reply;
  reply.headers.Add("Content-Type", encoded.content_type());
  if (encoded.has_binary) reply.headers.Add(protocol::kHeaderLengthName, std::to_string(encoded.json.size()));
  reply.body = encoded.Flatten();
  return reply;
}

}  // namespace

HttpResponse Service::ModelMetadata(const Call& call) const {
  const absl::StatusOr<models::Model*> model = FindModel(call);
  if (!model.ok()) return StatusReply(ErrorStyle::kKserve, model.status(), call.id);
  return JsonReply(200, protocol::WriteModelMetadata((*model)->Metadata()));
}

HttpResponse Service::ModelReady(const Call& call) const {
  const absl::StatusOr<models::Model*> model = FindModel(call);
  if (!model.ok()) return StatusReply(ErrorStyle::kKserve, model.status(), call.id);
  const bool ready = health_.ready() && (*model)->ready();
  return JsonReply(ready ? 200 : 503, ready ? "{\"ready\":true}" : "{\"ready\":false}");
}

HttpResponse Service::ModelIndex(const Call& call) const {
  const absl::StatusOr<bool> ready_only = protocol::ParseModelIndexRequest(call.http.body, limits_);
  if (!ready_only.ok()) return StatusReply(ErrorStyle::kKserve, ready_only.status(), call.id);
  std::vector<protocol::ModelIndexEntry> entries = models_.Index();
  if (*ready_only) std::erase_if(entries, [](const protocol::ModelIndexEntry& entry) { return !entry.ready; });
  return JsonReply(200, protocol::WriteModelIndex(entries));
}

asio::awaitable<HttpResponse> Service::Infer(Call& call) {
  const absl::StatusOr<models::Model*> model = FindModel(call);
  if (!model.ok()) co_return StatusReply(ErrorStyle::kKserve, model.status(), call.id);
  const auto infer = std::make_shared<models::InferCall>();
  infer->arrival = call.arrival;
  infer->body = std::move(call.http.body);
  std::optional<size_t> json_bytes;
  if (const auto header = call.http.headers.Find(protocol::kHeaderLengthName)) {
    const absl::StatusOr<size_t> length = protocol::ParseHeaderLength(*header, infer->body.size());
    if (!length.ok()) co_return StatusReply(ErrorStyle::kKserve, length.status(), call.id);
    json_bytes = *length;
  }
  absl::Status parsed;
  if (json_bytes.value_or(infer->body.size()) <= kLongJsonBytes) {
    parsed = Parse(json_bytes, limits_, infer.get());
  } else {
    auto parse = [this, json_bytes, infer] { return Parse(json_bytes, limits_, infer.get()); };
    parsed = co_await models::Offload(helpers_, std::move(parse), asio::use_awaitable);
  }
  if (!parsed.ok()) co_return StatusReply(ErrorStyle::kKserve, parsed, call.id);
  const absl::StatusOr<protocol::InferResponse> response = co_await (*model)->Infer(infer);
  if (!response.ok()) co_return StatusReply(ErrorStyle::kKserve, response.status(), call.id);
  absl::StatusOr<HttpResponse> reply;
  if (OutputBytes(*response) <= kLongJsonBytes) {
    reply = Write(*response);
  } else {
    auto write = [&response] { return Write(*response); };
    reply = co_await models::Offload(helpers_, std::move(write), asio::use_awaitable);
  }
  if (!reply.ok()) co_return StatusReply(ErrorStyle::kKserve, reply.status(), call.id);
  co_return *std::move(reply);
}

}  // namespace strata::server
