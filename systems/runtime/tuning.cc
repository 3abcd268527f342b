#include "systems/runtime/tuning.h"

#include <cstdlib>
#include <string>

#include "kernels/core/tuning.h"
#include "kernels/ops/registry.h"
#include "systems/formats/file.h"
#include "systems/formats/text.h"

namespace strata::runtime {
namespace {

constexpr size_t kMaxBytes = size_t{16} << 20;

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string CacheFolder() {
  if (std::string named = Variable("XDG_CACHE_HOME"); !named.empty()) return named;
  const std::string home = Variable("HOME");
  return home.empty() ? "" : home + "/.cache";
}

}  // namespace

absl::Status LoadTuningTable() {
  std::string path = Variable("STRATA_TUNING");
  const bool named = std::getenv("STRATA_TUNING") != nullptr;
  if (!named) {
    const std::string folder = CacheFolder();
    if (!folder.empty()) path = folder + "/strata/tuning.txt";
  }
  if (path.empty()) return absl::OkStatus();  // an empty variable says: none
  const absl::StatusOr<MappedFile> file = MapFile(path, kMaxBytes);
  if (absl::IsNotFound(file.status()) && !named) return absl::OkStatus();
  if (!file.ok()) return Annotate(file.status(), path);
  const std::string_view text(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
  return Annotate(FromKernel(LoadTuning(text, FindOp)), path);
}

}  // namespace strata::runtime
