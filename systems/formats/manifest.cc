#include "systems/formats/manifest.h"

#include <algorithm>
#include <utility>

#include "systems/formats/json.h"
#include "systems/formats/text.h"

namespace strata::runtime {
namespace {

constexpr int kMaxJsonDepth = 32;
constexpr size_t kMaxTextBytes = 4096;

absl::StatusOr<std::string> ReadModelName(Json json, std::string_view what, size_t max) {
  RUNTIME_ASSIGN_OR_RETURN(std::string text, StringOf(json, what, max));
  if (!IsModelName(text, max)) {
    return Invalid(what, " is ", Quote(text), ", wanted 1 to ", max, " of letters, digits, '.', '_' and '-'");
  }
  return text;
}

absl::StatusOr<std::string> ReadValueName(Json json, std::string_view what) {
  RUNTIME_ASSIGN_OR_RETURN(std::string text, StringOf(json, what, 256));
  if (!IsValueName(text)) return Invalid(what, " is ", Quote(text), ", which is not a name");
  return text;
}

absl::StatusOr<Layout> ReadLayout(Json json) {
  RUNTIME_ASSIGN_OR_RETURN(const std::string word, StringOf(json, "a layout", 32));
  if (word == "stacked") return Layout::kStacked;
  if (word == "ragged") return Layout::kRagged;
  if (word == "offsets") return Layout::kOffsets;
  return Invalid("a layout is ", Quote(word), ", wanted stacked, ragged or offsets (this reader has no other)");
}

absl::StatusOr<std::string> ReadDimName(const std::optional<Json>& json, std::string_view what) {
  if (!json) return std::string();
  RUNTIME_ASSIGN_OR_RETURN(std::string text, StringOf(*json, what, 32));
  if (!IsDimName(text)) return Invalid(what, " is ", Quote(text), ", which is not the name of a dim");
  return text;
}

// 0, or "$" and the name of a weight.
absl::StatusOr<std::optional<std::string>> ReadInitial(const std::optional<Json>& json) {
  if (!json) return std::optional<std::string>();
  if (json->AsInteger() == 0) return std::optional<std::string>("");
  const auto text = json->AsString();
  if (text && text->size() > 1 && text->size() <= 513 && (*text)[0] == '$') return std::string(text->substr(1));
  return Invalid("initial is neither 0 nor a weight's name after a $");
}

absl::Status ReadState(const std::optional<Json>& json, EntryManifest* entry) {
  if (!json) return absl::OkStatus();
  RUNTIME_RETURN_IF_ERROR(WantObject(*json, "state"));
  return json->ForEachMember([&](std::string_view name, Json value) -> absl::Status {
    std::optional<Json> output, initial;
    RUNTIME_RETURN_IF_ERROR(ReadFields(value, {{"output", &output}, {"initial", &initial, kMayBeAbsent}}));
    StateInfo state;
    RUNTIME_ASSIGN_OR_RETURN(state.output, ReadValueName(*output, "a state's output"));
    RUNTIME_ASSIGN_OR_RETURN(state.initial, ReadInitial(initial));
    entry->state.emplace(std::string(name), std::move(state));
    return absl::OkStatus();
  });
}

absl::StatusOr<EntryManifest> ReadEntry(Json json) {
  std::optional<Json> batch, ragged, layouts, state;
  RUNTIME_RETURN_IF_ERROR(ReadFields(json, {{"batch_dim", &batch, kMayBeAbsent},
                                            {"ragged_dim", &ragged, kMayBeAbsent},
                                            {"layouts", &layouts, kMayBeAbsent},
                                            {"state", &state, kMayBeAbsent}}));
  EntryManifest entry;
  RUNTIME_RETURN_IF_ERROR(ReadState(state, &entry));
  RUNTIME_ASSIGN_OR_RETURN(entry.batch_dim, ReadDimName(batch, "batch_dim"));
  RUNTIME_ASSIGN_OR_RETURN(entry.ragged_dim, ReadDimName(ragged, "ragged_dim"));
  if (!layouts) return entry;
  RUNTIME_RETURN_IF_ERROR(WantObject(*layouts, "layouts"));
  RUNTIME_RETURN_IF_ERROR(layouts->ForEachMember([&](std::string_view name, Json value) -> absl::Status {
    RUNTIME_ASSIGN_OR_RETURN(const Layout layout, ReadLayout(value));
    entry.layouts.emplace(std::string(name), layout);
    return absl::OkStatus();
  }));
  return entry;
}

absl::StatusOr<EmbeddingsInfo> ReadEmbeddings(Json json) {
  std::optional<Json> entry, tokenizer, ids, output, max_length;
  RUNTIME_RETURN_IF_ERROR(ReadFields(json, {{"entry_point", &entry},
                                            {"tokenizer", &tokenizer},
                                            {"ids", &ids},
                                            {"output", &output},
                                            {"max_length", &max_length}}));
  EmbeddingsInfo info;
  RUNTIME_ASSIGN_OR_RETURN(info.entry_point, ReadValueName(*entry, "embeddings.entry_point"));
  RUNTIME_ASSIGN_OR_RETURN(info.tokenizer, ReadModelName(*tokenizer, "embeddings.tokenizer", 128));
  RUNTIME_ASSIGN_OR_RETURN(info.ids, ReadValueName(*ids, "embeddings.ids"));
  RUNTIME_ASSIGN_OR_RETURN(info.output, ReadValueName(*output, "embeddings.output"));
  RUNTIME_ASSIGN_OR_RETURN(info.max_length, IntegerOf(*max_length, "embeddings.max_length", 1, 1 << 20));
  return info;
}

absl::Status ReadOps(Json json, OpHashes* ops) {
  RUNTIME_RETURN_IF_ERROR(WantObject(json, "ops"));
  return json.ForEachMember([&](std::string_view name, Json value) -> absl::Status {
    RUNTIME_ASSIGN_OR_RETURN(std::string hash, StringOf(value, Cat("the hash of operator ", Quote(name)), 16));
    ops->emplace(std::string(name), std::move(hash));
    return absl::OkStatus();
  });
}

absl::Status ReadNumerics(Json json, std::vector<std::string>* classes) {
  RUNTIME_RETURN_IF_ERROR(WantArray(json, "numerics"));
  return json.ForEachElement([&](Json element) -> absl::Status {
    if (classes->size() == 64) return Invalid("numerics has more than 64 classes");
    RUNTIME_ASSIGN_OR_RETURN(std::string name, ReadModelName(element, "a numerics class", 64));
    classes->push_back(std::move(name));
    return absl::OkStatus();
  });
}

absl::Status ReadProvenance(const std::optional<Json>& json, Manifest* manifest) {
  if (!json) return absl::OkStatus();
  RUNTIME_RETURN_IF_ERROR(WantObject(*json, "provenance"));
  return json->ForEachMember([&](std::string_view key, Json value) -> absl::Status {
    if (const auto text = value.AsString()) manifest->provenance.emplace(std::string(key), std::string(*text));
    return absl::OkStatus();
  });
}

absl::Status ReadEntries(Json json, Manifest* manifest) {
  RUNTIME_RETURN_IF_ERROR(WantObject(json, "entry_points"));
  RUNTIME_RETURN_IF_ERROR(json.ForEachMember([&](std::string_view name, Json value) -> absl::Status {
    if (!IsValueName(name)) return Invalid("the entry point ", Quote(name), " has a name that is not allowed");
    absl::StatusOr<EntryManifest> entry = ReadEntry(value);
    if (!entry.ok()) return Annotate(entry.status(), Cat("entry point ", Quote(name)));
    manifest->entry_points.emplace(std::string(name), *std::move(entry));
    return absl::OkStatus();
  }));
  if (manifest->entry_points.empty()) return Invalid("there is no entry point");
  return absl::OkStatus();
}

absl::Status ReadDefaultEntry(const std::optional<Json>& json, Manifest* manifest) {
  if (json) {
    RUNTIME_ASSIGN_OR_RETURN(manifest->default_entry_point, ReadValueName(*json, "default_entry_point"));
  } else if (manifest->entry_points.size() == 1) {
    manifest->default_entry_point = manifest->entry_points.begin()->first;
  } else {
    return Invalid("there are several entry points, but no default_entry_point");
  }
  if (manifest->entry_points.count(manifest->default_entry_point) != 0) return absl::OkStatus();
  return Invalid("default_entry_point is ", Quote(manifest->default_entry_point), ", which is no entry point");
}

}  // namespace

absl::StatusOr<Manifest> ParseManifest(std::string_view text) {
  RUNTIME_ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::Parse(text, kMaxJsonDepth));
  std::optional<Json> format, version, name, model_version, description, entries, default_entry, embeddings, ops,
      numerics, provenance;
  // Unknown keys at the top are for people and later writers.
  RUNTIME_RETURN_IF_ERROR(ReadFields(document.root(),
                                     {{"format", &format},
                                      {"version", &version},
                                      {"name", &name},
                                      {"model_version", &model_version},
                                      {"description", &description, kMayBeAbsent},
                                      {"entry_points", &entries},
                                      {"default_entry_point", &default_entry, kMayBeAbsent},
                                      {"embeddings", &embeddings, kMayBeAbsent},
                                      {"ops", &ops},
                                      {"numerics", &numerics},
                                      {"provenance", &provenance, kMayBeAbsent}},
                                     kIgnoreUnknown));
  if (format->AsString() != "strata-bundle") return Invalid("format is not \"strata-bundle\"");
  if (version->AsInteger() != 1) return Invalid("this reader knows version 1 of the format alone");
  Manifest manifest;
  RUNTIME_ASSIGN_OR_RETURN(manifest.name, ReadModelName(*name, "name", 128));
  RUNTIME_ASSIGN_OR_RETURN(manifest.model_version, ReadModelName(*model_version, "model_version", 32));
  if (description) {
    RUNTIME_ASSIGN_OR_RETURN(manifest.description, StringOf(*description, "description", kMaxTextBytes));
  }
  RUNTIME_RETURN_IF_ERROR(ReadEntries(*entries, &manifest));
  RUNTIME_RETURN_IF_ERROR(ReadDefaultEntry(default_entry, &manifest));
  if (embeddings && !embeddings->is_null()) {
    RUNTIME_ASSIGN_OR_RETURN(manifest.embeddings, ReadEmbeddings(*embeddings));
  }
  RUNTIME_RETURN_IF_ERROR(ReadOps(*ops, &manifest.ops));
  RUNTIME_RETURN_IF_ERROR(ReadNumerics(*numerics, &manifest.numerics));
  RUNTIME_RETURN_IF_ERROR(ReadProvenance(provenance, &manifest));
  return manifest;
}

}  // namespace strata::runtime
