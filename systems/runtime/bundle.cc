#include "systems/runtime/bundle.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "systems/formats/plan_parser.h"
#include "systems/formats/text.h"

namespace strata::runtime {
namespace {

constexpr size_t kMaxManifestBytes = size_t{1} << 20;
constexpr size_t kMaxPlanBytes = size_t{64} << 20;

bool IsAligned(const SafeTensors& weights) {
  return std::all_of(weights.entries().begin(), weights.entries().end(), [](const SafeTensors::Entry& entry) {
    return entry.num_bytes == 0 || reinterpret_cast<uintptr_t>(entry.view.data) % SizeOf(entry.view.dtype) == 0;
  });
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Bundle>> Bundle::Load(const std::string& path, const LoadOptions& options) {
  RUNTIME_ASSIGN_OR_RETURN(Folder folder, Folder::Open(path));
  std::shared_ptr<Bundle> bundle(new Bundle(options));
  bundle->folder_ = std::make_unique<Folder>(std::move(folder));
  RUNTIME_ASSIGN_OR_RETURN(const std::string manifest, bundle->folder_->Read("manifest.json", kMaxManifestBytes));
  RUNTIME_ASSIGN_OR_RETURN(const std::string plan, bundle->folder_->Read("plan.json", kMaxPlanBytes));
  RUNTIME_ASSIGN_OR_RETURN(bundle->weights_file_, bundle->MapFile("weights.safetensors"));
  RUNTIME_RETURN_IF_ERROR(bundle->Build(manifest, plan, bundle->weights_file_.bytes()));
  // Weights that were prepared are seldom read again as they lie in the file: resident they would count twice.
  if (bundle->prepared_bytes() > 0) bundle->weights_file_.DropPages();
  return bundle;
}

absl::StatusOr<std::shared_ptr<const Bundle>> Bundle::FromBytes(std::string_view manifest, std::string_view plan,
                                                                absl::Span<const std::byte> weights,
                                                                const LoadOptions& options) {
  std::shared_ptr<Bundle> bundle(new Bundle(options));
  RUNTIME_RETURN_IF_ERROR(bundle->Build(manifest, plan, weights));
  return bundle;
}

absl::Status Bundle::Build(std::string_view manifest, std::string_view plan, absl::Span<const std::byte> weights) {
  absl::StatusOr<Manifest> parsed_manifest = ParseManifest(manifest);
  if (!parsed_manifest.ok()) return Annotate(parsed_manifest.status(), "manifest.json");
  manifest_ = *std::move(parsed_manifest);

  absl::StatusOr<SafeTensors> tensors = SafeTensors::Parse(weights);
  if (tensors.ok() && !IsAligned(*tensors)) tensors = SafeTensors::Parse(AlignWeights(weights));
  if (!tensors.ok()) return Annotate(tensors.status(), "weights.safetensors");
  weights_ = std::make_unique<SafeTensors>(*std::move(tensors));
  weight_bytes_ = weights.size();
  if (!IsAligned(*weights_)) {
    return Invalid(
        "weights.safetensors: a tensor is not aligned to its elements even where the data is; wanted wide "
        "elements first");
  }

  absl::StatusOr<std::vector<EntryPlan>> plans = ParsePlan(plan, *weights_, manifest_.ops);
  if (!plans.ok()) return Annotate(plans.status(), "plan.json");
  if (plans->size() != manifest_.entry_points.size()) {
    return Invalid("manifest.json has ", manifest_.entry_points.size(), " entry points, plan.json has ", plans->size());
  }
  for (EntryPlan& entry : *plans) {
    const std::string name = entry.signature.name;
    const std::string label = Cat("entry point ", Quote(name));
    const auto found = manifest_.entry_points.find(name);
    if (found == manifest_.entry_points.end())
      return Invalid("manifest.json does not have the ", label, " of plan.json");
    RUNTIME_RETURN_IF_ERROR(Annotate(ApplyLayouts(found->second, &entry.signature), Cat("manifest.json: ", label)));
    RUNTIME_RETURN_IF_ERROR(
        Annotate(CheckState(found->second, entry.signature, *weights_), Cat("manifest.json: ", label)));
    const ProgramOptions options{options_.max_arena_bytes, options_.in_place};
    absl::StatusOr<Program> program = Program::Create(std::move(entry), *weights_, options, prepared_);
    if (!program.ok()) return Annotate(program.status(), Cat("plan.json: ", label));
    programs_.push_back(*std::move(program));
  }
  return Annotate(CheckEmbeddings(), "manifest.json: embeddings");
}

// A copy whose data begins on a boundary: the header's length is the writer's choice.
absl::Span<const std::byte> Bundle::AlignWeights(absl::Span<const std::byte> bytes) {
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data(), sizeof header_bytes);
  const size_t shift = AlignUp(8 + header_bytes) - (8 + header_bytes);
  std::byte* at = aligned_weights_.Reserve(bytes.size() + shift) + shift;
  std::memcpy(at, bytes.data(), bytes.size());
  return {at, bytes.size()};
}

absl::Status Bundle::CheckEmbeddings() const {
  if (!manifest_.embeddings) return absl::OkStatus();
  const EmbeddingsInfo& info = *manifest_.embeddings;
  const std::shared_ptr<const Program> program = this->program(info.entry_point);
  if (program == nullptr) return Invalid("there is no entry point ", Quote(info.entry_point));
  const Signature& signature = program->signature();
  const int ids = signature.FindInput(info.ids), output = signature.FindOutput(info.output);
  if (ids < 0) return Invalid("there is no input ", Quote(info.ids));
  if (output < 0) return Invalid("there is no output ", Quote(info.output));
  const TensorSpec& in = signature.inputs[static_cast<size_t>(ids)];
  const TensorSpec& out = signature.outputs[static_cast<size_t>(output)];
  if (in.layout != Layout::kRagged || in.shape.size() != 1 || (in.dtype != DType::kI64 && in.dtype != DType::kI32)) {
    return Invalid("the input ", Quote(info.ids), " is not a ragged run of int32 or int64 ids");
  }
  if (out.layout != Layout::kStacked || out.shape.size() != 2 || !out.shape[1].constant() || out.dtype != DType::kF32) {
    return Invalid("the output ", Quote(info.output), " is not one float32 vector of fixed length a text");
  }
  return absl::OkStatus();
}

std::shared_ptr<const Program> Bundle::program(std::string_view entry_point) const {
  const std::string_view wanted = entry_point.empty() ? manifest_.default_entry_point : entry_point;
  for (const Program& program : programs_) {
    if (program.signature().name != wanted) continue;
    // Not yet shared while it is built: then nobody keeps the pointer.
    return std::shared_ptr<const Program>(weak_from_this().lock(), &program);
  }
  return nullptr;
}

absl::StatusOr<std::string> Bundle::ReadFile(std::string_view name, size_t max_bytes) const {
  if (folder_ == nullptr) return absl::NotFoundError(Cat(name, ": the bundle has no folder"));
  return folder_->Read(name, max_bytes);
}

absl::StatusOr<MappedFile> Bundle::MapFile(std::string_view name) const {
  if (folder_ == nullptr) return absl::NotFoundError(Cat(name, ": the bundle has no folder"));
  return folder_->Map(name, options_.max_file_bytes);
}

}  // namespace strata::runtime
