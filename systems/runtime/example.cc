// The smallest program around a bundle: loads it, runs rows of zeros and ones, prints the first output.
//
//   example BUNDLE
#include <iostream>

#include "systems/runtime/runtime.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: example BUNDLE\n";
    return 2;
  }
  absl::StatusOr<strata::runtime::Model> model = strata::runtime::Model::Load(argv[1]);
  if (!model.ok()) {
    std::cerr << model.status() << "\n";
    return 1;
  }
  for (const strata::runtime::TensorSpec& input : model->signature()->inputs) {
    std::cout << "input " << input.name << ": " << strata::NameOf(input.dtype) << " "
              << strata::runtime::ShapeText(input.shape) << "\n";
  }
  const auto x = strata::runtime::Tensor::Of<float>({1, 8}, {1, 0, 1, 0, 1, 0, 1, 0});
  absl::StatusOr<std::vector<strata::runtime::Tensor>> outputs = model->Run("", {x.view()});
  if (!outputs.ok()) {
    std::cerr << outputs.status() << "\n";
    return 1;
  }
  const strata::TensorView& y = (*outputs)[0].view();
  for (int64_t i = 0; i < y.numel(); ++i) std::cout << y.In<float>()[i] << (i + 1 < y.numel() ? " " : "\n");
}
