#include "systems/runtime/tensor_files.h"

#include <fstream>
#include <string>
#include <utility>

#include "systems/formats/file.h"
#include "systems/formats/npy.h"
#include "systems/formats/safetensors.h"
#include "systems/formats/text.h"

namespace strata::runtime {
namespace {

constexpr size_t kMaxFileBytes = size_t{64} << 30;
constexpr size_t kMaxJsonBytes = size_t{256} << 20;

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// "name=path", or a path alone.
struct NamedFile {
  std::string_view name;
  std::string path;
};

std::vector<NamedFile> SplitFiles(std::string_view files) {
  std::vector<NamedFile> split;
  while (!files.empty()) {
    const size_t comma = files.find(',');
    std::string_view one = files.substr(0, comma);
    files.remove_prefix(comma == std::string_view::npos ? files.size() : comma + 1);
    const size_t equals = one.find('=');
    NamedFile file;
    if (equals != std::string_view::npos) {
      file.name = one.substr(0, equals);
      one.remove_prefix(equals + 1);
    }
    file.path = std::string(one);
    split.push_back(std::move(file));
  }
  return split;
}

class Reader {
 public:
  explicit Reader(const Signature& signature) : signature_(signature) { inputs_.views.resize(signature.inputs.size()); }

  absl::Status Read(const NamedFile& file) {
    RUNTIME_ASSIGN_OR_RETURN(const MappedFile mapped, MapFile(file.path, kMaxFileBytes));
    if (EndsWith(file.path, ".npy")) return ReadNpy(file, mapped.bytes());
    if (!file.name.empty()) return Invalid("only a .npy file holds one tensor that can be named");
    RUNTIME_ASSIGN_OR_RETURN(const SafeTensors tensors, SafeTensors::Parse(mapped.bytes()));
    for (const SafeTensors::Entry& entry : tensors.entries()) {
      RUNTIME_RETURN_IF_ERROR(Add(entry.name, entry.view));
    }
    return absl::OkStatus();
  }

  ParsedInputs Take() { return std::move(inputs_); }

 private:
  absl::Status ReadNpy(const NamedFile& file, absl::Span<const std::byte> bytes) {
    if (file.name.empty() && signature_.inputs.size() != 1) {
      return Invalid("a .npy file is one input, wanted ", signature_.inputs.size(), ": say NAME=FILE for each");
    }
    RUNTIME_ASSIGN_OR_RETURN(const TensorView view, ParseNpy(bytes));
    return Add(file.name.empty() ? signature_.inputs[0].name : file.name, view);
  }

  absl::Status Add(std::string_view name, const TensorView& view) {
    const int at = signature_.FindInput(name);
    if (at < 0) return Invalid("entry point ", Quote(signature_.name), " has no input ", Quote(name));
    if (inputs_.views[static_cast<size_t>(at)].present()) return Invalid("the input ", Quote(name), " is there twice");
    inputs_.tensors.push_back(Tensor::CopyOf(view));  // aligned, whatever the file's layout
    inputs_.views[static_cast<size_t>(at)] = inputs_.tensors.back().view();
    return absl::OkStatus();
  }

  const Signature& signature_;
  ParsedInputs inputs_;
};

absl::Status WriteBytes(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  return file ? absl::OkStatus() : Invalid("could not write ", Quote(path));
}

absl::Status WriteOneNpy(const NamedFile& file, const Signature& signature, absl::Span<const Tensor> outputs) {
  if (file.name.empty() && outputs.size() != 1) {
    return Invalid("a .npy file is one output, there are ", outputs.size(), ": say NAME=FILE, or write a .safetensors");
  }
  const int at = file.name.empty() ? 0 : signature.FindOutput(file.name);
  if (at < 0) return Invalid("entry point ", Quote(signature.name), " has no output ", Quote(file.name));
  RUNTIME_ASSIGN_OR_RETURN(const std::string bytes, WriteNpy(outputs[static_cast<size_t>(at)].view()));
  return WriteBytes(file.path, bytes);
}

}  // namespace

absl::StatusOr<ParsedInputs> ReadInputFiles(std::string_view files, const Signature& signature) {
  const std::vector<NamedFile> split = SplitFiles(files);
  if (split.size() == 1 && EndsWith(split[0].path, ".json")) {
    RUNTIME_ASSIGN_OR_RETURN(const MappedFile file, MapFile(split[0].path, kMaxJsonBytes));
    const absl::Span<const std::byte> bytes = file.bytes();
    auto inputs = ParseInputs({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, signature);
    if (!inputs.ok()) return Annotate(inputs.status(), Quote(split[0].path));
    return inputs;
  }
  Reader reader(signature);
  for (const NamedFile& file : split) RUNTIME_RETURN_IF_ERROR(Annotate(reader.Read(file), Quote(file.path)));
  return reader.Take();
}

absl::Status WriteOutputFiles(std::string_view files, const Signature& signature, absl::Span<const Tensor> outputs) {
  const std::vector<NamedFile> split = SplitFiles(files);
  for (const NamedFile& file : split) {
    if (EndsWith(file.path, ".npy")) {
      RUNTIME_RETURN_IF_ERROR(Annotate(WriteOneNpy(file, signature, outputs), Quote(file.path)));
      continue;
    }
    if (!file.name.empty()) return Invalid(Quote(file.path), ": only a .npy file holds one tensor that can be named");
    std::vector<NamedTensor> named;
    for (size_t o = 0; o < outputs.size(); ++o) named.push_back({signature.outputs[o].name, outputs[o].view()});
    RUNTIME_RETURN_IF_ERROR(WriteBytes(file.path, WriteSafeTensors(named)));
  }
  return absl::OkStatus();
}

}  // namespace strata::runtime
