// manifest.json: what a bundle says about itself. Parsed strictly; what it says about inputs and outputs is compared
// with the plan in layouts.h.
//
//   absl::StatusOr<Manifest> manifest = ParseManifest(text);
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "systems/formats/plan_parser.h"
#include "systems/formats/safetensors.h"
#include "systems/formats/signature.h"

namespace strata::runtime {

// What /v1/embeddings needs of a text model.
struct EmbeddingsInfo {
  std::string entry_point;
  std::string tokenizer;   // a file of the bundle
  std::string ids;         // the input that takes token ids
  std::string output;      // the output that is the vectors
  int64_t max_length = 0;  // tokens of one text, special ones included
};

// A tensor that the model changes: it goes in as an input and comes out, with its next value, as an output.
struct StateInfo {
  std::string output;
  // The first call's value: nothing where the caller makes it, "" for zeros, else the name of a weight.
  std::optional<std::string> initial;
};

struct EntryManifest {
  std::string batch_dim, ragged_dim;  // "": none
  std::map<std::string, Layout, std::less<>> layouts;
  std::map<std::string, StateInfo, std::less<>> state;  // by input
};

struct Manifest {
  std::string name, model_version, description;
  std::map<std::string, EntryManifest, std::less<>> entry_points;
  std::string default_entry_point;
  std::optional<EmbeddingsInfo> embeddings;
  OpHashes ops;
  std::vector<std::string> numerics;
  std::map<std::string, std::string, std::less<>> provenance;  // those that are strings
};

absl::StatusOr<Manifest> ParseManifest(std::string_view text);

// Gives the signature its layouts and dims, if they agree with its shapes.
absl::Status ApplyLayouts(const EntryManifest& entry, Signature* signature);

// Whether every state is an input, an output and a first value of one dtype and shape.
absl::Status CheckState(const EntryManifest& entry, const Signature& signature, const SafeTensors& weights);

}  // namespace strata::runtime
