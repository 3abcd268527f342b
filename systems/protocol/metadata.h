// Server metadata, model metadata and the model index of KServe v2, and OpenAI's model list, as JSON.
// Not for: finding out which models there are; systems/models knows.
//
//   std::string body = WriteModelMetadata({"minilm", {"1"}, "strata", inputs, outputs});
#ifndef STRATA_SYSTEMS_PROTOCOL_METADATA_H_
#define STRATA_SYSTEMS_PROTOCOL_METADATA_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "systems/protocol/datatype.h"
#include "systems/protocol/limits.h"

namespace strata::protocol {

struct ServerMetadata {
  std::string name = "strata";
  std::string version;
  std::vector<std::string> extensions = {"binary_tensor_data", "model_repository"};
};

struct TensorMetadata {
  std::string name;
  Datatype datatype = Datatype::kFp32;
  // -1 for a dim that differs from request to request.
  std::vector<int64_t> shape;
};

struct ModelMetadata {
  std::string name;
  std::vector<std::string> versions;
  std::string platform = "strata";
  std::vector<TensorMetadata> inputs;
  std::vector<TensorMetadata> outputs;
};

struct ModelIndexEntry {
  std::string name;
  std::string version;
  bool ready = false;
  // Why it is not ready; empty otherwise.
  std::string reason;
};

std::string WriteServerMetadata(const ServerMetadata& server);
std::string WriteModelMetadata(const ModelMetadata& model);
// POST /v2/repository/index: an array with READY or UNAVAILABLE for each.
std::string WriteModelIndex(absl::Span<const ModelIndexEntry> models);

// The body of POST /v2/repository/index, which may be empty. True if only models that are ready are wanted.
absl::StatusOr<bool> ParseModelIndexRequest(std::string_view body, const Limits& limits);

// GET /v1/models, and GET /v1/models/{id} for one. `created_s` is in seconds since 1970.
struct OpenAiModel {
  std::string id;
  int64_t created_s = 0;
};
std::string WriteOpenAiModel(const OpenAiModel& model);
std::string WriteOpenAiModels(absl::Span<const OpenAiModel> models);

}  // namespace strata::protocol

#endif  // STRATA_SYSTEMS_PROTOCOL_METADATA_H_
