#include "systems/runtime/testing.h"

#include <cstdlib>
#include <fstream>
#include <utility>

#include "kernels/base/check.h"
#include "kernels/core/schema_text.h"
#include "kernels/ops/registry.h"
#include "systems/formats/text.h"
#include "systems/runtime/bundle.h"
#include "systems/runtime/executor.h"

namespace strata::runtime {
namespace {

void WriteFile(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace

std::string TestBundle::Write() const {
  const char* tmp = std::getenv("TEST_TMPDIR");
  std::string folder = std::string(tmp != nullptr ? tmp : "/tmp") + "/bundle.XXXXXX";
  STRATA_CHECK(mkdtemp(folder.data()) != nullptr, "a test can make a folder");
  WriteFile(folder + "/manifest.json", manifest);
  WriteFile(folder + "/plan.json", plan);
  WriteFile(folder + "/weights.safetensors", weights);
  if (!golden.empty()) WriteFile(folder + "/golden.safetensors", golden);
  return folder;
}

void TestBundle::MakeGolden(const TensorBag& inputs) {
  auto bundle = Bundle::FromBytes(manifest, plan, AsBytes(weights), {});
  STRATA_CHECK(bundle.ok(), bundle.status().ToString().c_str());
  absl::StatusOr<SafeTensors> file = SafeTensors::Parse(AsBytes(golden = inputs.Bytes()));
  STRATA_CHECK(file.ok(), "a test's inputs can be written");
  TensorBag all;
  for (const NamedTensor& tensor : inputs.tensors()) all.Copy(tensor.name, tensor.view);
  for (const Program& program : (*bundle)->programs()) {
    const Signature& signature = program.signature();
    Executor executor((*bundle)->program(signature.name), Serial());
    for (int i = 0;; ++i) {
      const std::string prefix = Cat(signature.name, "/", i, "/");
      std::vector<TensorView> in, out(signature.outputs.size());
      for (const TensorSpec& spec : signature.inputs) {
        for (const NamedTensor& tensor : inputs.tensors()) {
          if (tensor.name == prefix + "in/" + spec.name) in.push_back(tensor.view);
        }
      }
      if (in.empty()) break;
      const absl::Status status = executor.Run(in, absl::MakeSpan(out));
      STRATA_CHECK(status.ok(), status.ToString().c_str());
      for (size_t o = 0; o < out.size(); ++o) all.Copy(prefix + "out/" + signature.outputs[o].name, out[o]);
    }
  }
  golden = all.Bytes();
}

std::string OpsJson(std::initializer_list<std::string_view> ops) {
  std::string text;
  for (const std::string_view op : ops) {
    STRATA_CHECK(FindOp(op) != nullptr, "a test names operators that exist");
    text += Cat(text.empty() ? "" : ", ", "\"", op, "\": \"", SchemaHash(*FindOp(op)->schema), "\"");
  }
  return text;
}

TestBundle RmsNormBundle() {
  TestBundle bundle;
  bundle.manifest = R"({
  "format": "strata-bundle", "version": 1, "name": "norms", "model_version": "1", "description": "two norms",
  "entry_points": {"norm": {"batch_dim": "B", "layouts": {"x": "stacked", "y": "stacked"}}},
  "default_entry_point": "norm",
  "ops": {)" + OpsJson({"rms_norm"}) +
                    R"(}, "numerics": ["ieee"], "provenance": {"source": "a test"}, "later": [1, 2]})";
  bundle.plan = R"({"plan": 1, "entry_points": {"norm": {
  "dims": {"B": [0, 64]},
  "inputs": [{"name": "x", "dtype": "float32", "shape": ["B", 8]}],
  "steps": [
    {"op": "rms_norm", "inputs": ["x", "$a"], "attrs": {"eps": 1e-6},
     "outputs": [{"name": "t0", "dtype": "float32", "shape": ["B", 8]}]},
    {"op": "rms_norm", "inputs": ["t0", "$b"], "attrs": {"eps": 1e-5},
     "outputs": [{"name": "t1", "dtype": "float32", "shape": ["B", 8]}]}
  ],
  "outputs": [{"name": "y", "value": "t1"}]}}})";
  TensorBag weights;
  weights.Floats("a", {8}, SomeFloats(8, 1));
  weights.Floats("b", {8}, SomeFloats(8, 2));
  bundle.weights = weights.Bytes();
  TensorBag inputs;
  inputs.Floats("norm/0/in/x", {3, 8}, SomeFloats(24, 3));
  inputs.Floats("norm/1/in/x", {5, 8}, SomeFloats(40, 4));
  bundle.MakeGolden(inputs);
  return bundle;
}

}  // namespace strata::runtime
