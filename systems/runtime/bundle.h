// Bundle: a model's folder (docs/formats/bundle.md), opened, checked and ready to run. Immutable; share it freely.
//
//   absl::StatusOr<std::shared_ptr<const Bundle>> bundle = Bundle::Load("/models/minilm", {});
//   Executor executor((*bundle)->program("embed"), pool);
//
// Load trusts nothing that it reads. It does not replay the golden: golden.h does, and who serves must.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/base/aligned_buffer.h"
#include "systems/formats/file.h"
#include "systems/formats/manifest.h"
#include "systems/runtime/prepared_weights.h"
#include "systems/runtime/program.h"

namespace strata::runtime {

struct LoadOptions {
  // Most memory of one running batch at the largest dims: the arena, and a kernel's working memory likewise.
  size_t max_arena_bytes = size_t{4} << 30;
  // Most bytes of weights.safetensors and of golden.safetensors, each.
  size_t max_file_bytes = size_t{64} << 30;
  // Outputs lie where an input that dies lay, of operators that may (kernels/ops/in_place.h). It changes memory alone.
  bool in_place = true;
};

class Bundle : public std::enable_shared_from_this<Bundle> {
 public:
  static absl::StatusOr<std::shared_ptr<const Bundle>> Load(const std::string& path, const LoadOptions& options);
  // From bytes, without a folder: for the fuzzer and tests. REQUIRES: `weights` outlives the bundle.
  static absl::StatusOr<std::shared_ptr<const Bundle>> FromBytes(std::string_view manifest, std::string_view plan,
                                                                 absl::Span<const std::byte> weights,
                                                                 const LoadOptions& options);

  const Manifest& manifest() const { return manifest_; }
  // The same order always: the plan's.
  const std::vector<Program>& programs() const { return programs_; }
  // nullptr: no such entry point. "" names the default one. The result keeps the bundle alive.
  std::shared_ptr<const Program> program(std::string_view entry_point) const;
  // A further file of the folder (the tokenizer); kNotFound where there is none.
  absl::StatusOr<std::string> ReadFile(std::string_view name, size_t max_bytes) const;
  absl::StatusOr<MappedFile> MapFile(std::string_view name) const;

  size_t weight_bytes() const { return weight_bytes_; }
  size_t prepared_bytes() const { return prepared_.num_bytes(); }

 private:
  explicit Bundle(const LoadOptions& options) : options_(options) {}
  absl::Status Build(std::string_view manifest, std::string_view plan, absl::Span<const std::byte> weights);
  absl::Status CheckEmbeddings() const;
  absl::Span<const std::byte> AlignWeights(absl::Span<const std::byte> bytes);

  LoadOptions options_;
  std::unique_ptr<Folder> folder_;  // null: from bytes
  MappedFile weights_file_;
  AlignedBuffer aligned_weights_;  // a copy, where the file's own place would misalign elements
  std::unique_ptr<SafeTensors> weights_;
  size_t weight_bytes_ = 0;
  Manifest manifest_;
  PreparedWeights prepared_;
  std::vector<Program> programs_;
};

}  // namespace strata::runtime
