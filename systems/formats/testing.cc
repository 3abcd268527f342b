#include "systems/formats/testing.h"

#include <cstring>
#include <utility>

#include "kernels/base/check.h"

namespace strata::runtime {
namespace {

template <class T>
TensorView View(std::vector<int64_t>& memory, DType dtype, std::initializer_list<int64_t> sizes,
                const std::vector<T>& values) {
  memory.resize(values.size() * sizeof(T) / 8 + 1);
  if (!values.empty()) std::memcpy(memory.data(), values.data(), values.size() * sizeof(T));
  TensorView view = MakeView(memory.data(), dtype, sizes);
  STRATA_CHECK(view.numel() == static_cast<int64_t>(values.size()), "a test's values fill its shape");
  return view;
}

}  // namespace

TensorView TensorBag::Floats(std::string name, std::initializer_list<int64_t> sizes, const std::vector<float>& values) {
  tensors_.push_back({std::move(name), View(memory_.emplace_back(), DType::kF32, sizes, values)});
  return tensors_.back().view;
}

TensorView TensorBag::Ints(std::string name, std::initializer_list<int64_t> sizes, const std::vector<int64_t>& values) {
  tensors_.push_back({std::move(name), View(memory_.emplace_back(), DType::kI64, sizes, values)});
  return tensors_.back().view;
}

TensorView TensorBag::Copy(std::string name, const TensorView& from) {
  TensorView view = from;
  const size_t bytes = static_cast<size_t>(from.numel()) * SizeOf(from.dtype);
  view.data = memory_.emplace_back(bytes / 8 + 1).data();
  if (bytes > 0) std::memcpy(view.data, from.data, bytes);
  tensors_.push_back({std::move(name), view});
  return view;
}

std::vector<float> SomeFloats(size_t count, uint32_t seed) {
  std::vector<float> values(count);
  uint32_t state = seed * 2654435761u + 1;
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<float>(state >> 8) / 8388608.0f - 1.0f;
  }
  return values;
}

std::string Replaced(std::string text, std::string_view from, std::string_view to) {
  const size_t at = text.find(from);
  STRATA_CHECK(at != std::string::npos, "the text to replace is there");
  return text.replace(at, from.size(), to);
}

absl::Span<const std::byte> AsBytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

}  // namespace strata::runtime
