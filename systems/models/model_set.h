// ModelSet: the models of a process by name. Filled before the server starts, and not changed after.
//
//   ModelSet models;
//   RUNTIME_RETURN_IF_ERROR(models.Load(paths, options));
//   Model* model = models.Find("minilm", "");   // nullptr: there is none
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "systems/models/model.h"

namespace strata::models {

class ModelSet {
 public:
  // Each path is a bundle, or a folder that holds bundles. Two bundles of one name are refused, as is a path without
  // any. The first error ends it: a server starts with all of its models or not at all.
  absl::Status Load(const std::vector<std::string>& paths, const ModelOptions& options);

  // `version` is empty for the one there is.
  Model* Find(std::string_view name, std::string_view version) const;
  // By name.
  absl::Span<const std::unique_ptr<Model>> models() const { return models_; }
  bool ready() const;
  std::vector<protocol::ModelIndexEntry> Index() const;
  // "digits, minilm"
  std::string Names() const;

 private:
  std::vector<std::unique_ptr<Model>> models_;
};

// The bundles that a path stands for: itself where it holds a manifest.json, else its folders that do, by name.
absl::StatusOr<std::vector<std::string>> FindBundles(const std::string& path);

}  // namespace strata::models
