#include "systems/protocol/metadata.h"
#include "systems/protocol/json_fields.h"
#include "systems/protocol/json_reader.h"
#include "systems/protocol/json_writer.h"
#include "systems/protocol/quote.h"
#include "systems/protocol/text.h"

namespace strata::protocol {
namespace {

// "[a,b]", with `append` for each item.
template <class Items, class Append>
void AppendArray(const Items& items, const Append& append, std::string* out) {
  out->push_back('[');
  bool first = true;
  for (const auto& item : items) {
    if (!first) out->push_back(',');
    first = false;
    append(item);
  }
  out->push_back(']');
}

// `"key":"value"` after `before`, which is "{" or ",".
void AppendField(std::string_view before, std::string_view key, std::string_view value, std::string* out) {
  CatTo(out, before, "\"", key, "\":");
  AppendJsonString(value, out);
}

void AppendStrings(absl::Span<const std::string> items, std::string* out) {
  AppendArray(items, [out](std::string_view item) { AppendJsonString(item, out); }, out);
}

void AppendTensors(absl::Span<const TensorMetadata> tensors, std::string* out) {
  const auto append = [out](const TensorMetadata& tensor) {
    AppendField("{", "name", tensor.name, out);
    AppendField(",", "datatype", DatatypeName(tensor.datatype), out);
    CatTo(out, ",\"shape\":", ShapeText(tensor.shape), "}");
  };
  AppendArray(tensors, append, out);
}

void AppendOpenAiModel(const OpenAiModel& model, std::string* out) {
  AppendField("{", "id", model.id, out);
  CatTo(out, ",\"object\":\"model\",\"created\":", model.created_s, ",\"owned_by\":\"strata\"}");
}

}  // namespace

std::string WriteServerMetadata(const ServerMetadata& server) {
  std::string out;
  AppendField("{", "name", server.name, &out);
  AppendField(",", "version", server.version, &out);
  out.append(",\"extensions\":");
  AppendStrings(server.extensions, &out);
  out.push_back('}');
  return out;
}

std::string WriteModelMetadata(const ModelMetadata& model) {
  std::string out;
  AppendField("{", "name", model.name, &out);
  out.append(",\"versions\":");
  AppendStrings(model.versions, &out);
  AppendField(",", "platform", model.platform, &out);
  out.append(",\"inputs\":");
  AppendTensors(model.inputs, &out);
  out.append(",\"outputs\":");
  AppendTensors(model.outputs, &out);
  out.push_back('}');
  return out;
}

std::string WriteModelIndex(absl::Span<const ModelIndexEntry> models) {
  std::string out;
  const auto append = [&out](const ModelIndexEntry& model) {
    AppendField("{", "name", model.name, &out);
    AppendField(",", "version", model.version, &out);
    AppendField(",", "state", model.ready ? "READY" : "UNAVAILABLE", &out);
    AppendField(",", "reason", model.reason, &out);
    out.push_back('}');
  };
  AppendArray(models, append, &out);
  return out;
}

absl::StatusOr<bool> ParseModelIndexRequest(std::string_view body, const Limits& limits) {
  if (body.empty()) return false;
  JsonReader json(body, limits.max_json_depth);
  FieldSet fields(&json, "the index request");
  bool ready = false;
  std::string_view key;
  json.EnterObject();
  while (json.NextKey(&key)) {
    if (fields.Is(key, "ready")) {
      ReadFlag(&json, "ready", &ready);
    } else {
      fields.Unknown(key);
    }
  }
  json.Finish();
  if (!json.ok()) return json.status();
  return ready;
}

std::string WriteOpenAiModel(const OpenAiModel& model) {
  std::string out;
  AppendOpenAiModel(model, &out);
  return out;
}

std::string WriteOpenAiModels(absl::Span<const OpenAiModel> models) {
  std::string out = "{\"object\":\"list\",\"data\":";
  AppendArray(models, [&out](const OpenAiModel& model) { AppendOpenAiModel(model, &out); }, &out);
  out.push_back('}');
  return out;
}

}  // namespace strata::protocol
