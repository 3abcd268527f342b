#include "systems/protocol/infer_writer.h"
#include "systems/protocol/json_writer.h"
#include "systems/protocol/quote.h"
#include "systems/protocol/tensor_json.h"
#include "systems/protocol/text.h"

namespace strata::protocol {
namespace {

absl::Status AppendOutput(const OutputTensor& output, EncodedResponse* encoded) {
  const Tensor& tensor = output.tensor;
  const absl::Status check = CheckTensorData(tensor, "output");
  // The model's output, so the fault is ours and not the client's.
  if (!check.ok()) return absl::InternalError(check.message());
  std::string& json = encoded->json;
  json.append("{\"name\":");
  AppendJsonString(tensor.name, &json);
  CatTo(&json, ",\"datatype\":\"", DatatypeName(tensor.datatype), "\",\"shape\":", ShapeText(tensor.shape));
  if (output.binary) {
    const std::string_view bytes = tensor.data.bytes();
    CatTo(&json, ",\"parameters\":{\"binary_data_size\":", bytes.size(), "}}");
    encoded->binary.push_back(bytes);
    encoded->has_binary = true;
    return absl::OkStatus();
  }
  json.append(",\"data\":");
  const absl::Status status = AppendTensorData(tensor, &json);
  json.push_back('}');
  return status;
}

}  // namespace

size_t EncodedResponse::size() const {
  size_t size = json.size();
  for (const std::string_view piece : binary) size += piece.size();
  return size;
}

std::string EncodedResponse::Flatten() const {
  std::string body;
  body.reserve(size());
  body.append(json);
  for (const std::string_view piece : binary) body.append(piece);
  return body;
}

absl::StatusOr<EncodedResponse> WriteInferResponse(const InferResponse& response) {
  EncodedResponse encoded;
  std::string& json = encoded.json;
  json.append("{\"model_name\":");
  AppendJsonString(response.model_name, &json);
  if (!response.model_version.empty()) {
    json.append(",\"model_version\":");
    AppendJsonString(response.model_version, &json);
  }
  if (!response.id.empty()) {
    json.append(",\"id\":");
    AppendJsonString(response.id, &json);
  }
  json.append(",\"outputs\":[");
  for (size_t i = 0; i < response.outputs.size(); ++i) {
    if (i > 0) json.push_back(',');
    const absl::Status status = AppendOutput(response.outputs[i], &encoded);
    if (!status.ok()) return status;
  }
  json.append("]}");
  return encoded;
}

}  // namespace strata::protocol
