#include "systems/models/model_set.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "systems/formats/text.h"

namespace strata::models {
namespace {

namespace fs = std::filesystem;
using runtime::Cat;
using runtime::Quote;

bool IsBundle(const fs::path& path) {
  std::error_code error;
  return fs::exists(path / "manifest.json", error);
}

}  // namespace

absl::StatusOr<std::vector<std::string>> FindBundles(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    return absl::NotFoundError(Cat(path, " is no folder, wanted a bundle or a folder of bundles"));
  }
  if (IsBundle(path)) return std::vector<std::string>{path};
  std::vector<std::string> found;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    if (IsBundle(it->path())) found.push_back(it->path().string());
  }
  if (error) return absl::NotFoundError(Cat(path, " cannot be read: ", error.message()));
  if (found.empty()) {
    return absl::NotFoundError(Cat(path, " has no manifest.json and no folder that has one: it holds no bundle"));
  }
  std::sort(found.begin(), found.end());
  return found;
}

absl::Status ModelSet::Load(const std::vector<std::string>& paths, const ModelOptions& options) {
  for (const std::string& path : paths) {
    RUNTIME_ASSIGN_OR_RETURN(const std::vector<std::string> bundles, FindBundles(path));
    for (const std::string& bundle : bundles) {
      RUNTIME_ASSIGN_OR_RETURN(std::unique_ptr<Model> model, Model::Load(bundle, options));
      if (Find(model->name(), "") != nullptr) {
        return absl::AlreadyExistsError(Cat(bundle, ": there is another model ", Quote(model->name())));
      }
      models_.push_back(std::move(model));
    }
  }
  std::sort(models_.begin(), models_.end(), [](const auto& a, const auto& b) { return a->name() < b->name(); });
  return absl::OkStatus();
}

Model* ModelSet::Find(std::string_view name, std::string_view version) const {
  for (const auto& model : models_) {
    if (model->name() == name && (version.empty() || model->version() == version)) return model.get();
  }
  return nullptr;
}

bool ModelSet::ready() const {
  return std::all_of(models_.begin(), models_.end(), [](const auto& model) { return model->ready(); });
}

std::vector<protocol::ModelIndexEntry> ModelSet::Index() const {
  std::vector<protocol::ModelIndexEntry> entries;
  for (const auto& model : models_) {
    const bool ready = model->ready();
    entries.push_back({model->name(), model->version(), ready, ready ? "" : "draining"});
  }
  return entries;
}

std::string ModelSet::Names() const {
  std::string names;
  for (const auto& model : models_) names += (names.empty() ? "" : ", ") + model->name();
  return names;
}

}  // namespace strata::models
