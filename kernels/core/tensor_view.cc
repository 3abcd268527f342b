#include "kernels/core/tensor_view.h"

namespace strata {

void TensorView::MakeContiguous() {
  int64_t stride = 1;
  for (int i = rank - 1; i >= 0; --i) {
    strides[static_cast<size_t>(i)] = stride;
    // An empty dim counts as 1, as torch does it, so that no stride is 0.
    stride *= sizes[static_cast<size_t>(i)] > 0 ? sizes[static_cast<size_t>(i)] : 1;
  }
}

void TensorView::SetSizes(std::initializer_list<int64_t> new_sizes) {
  rank = 0;
  for (int64_t size : new_sizes) sizes[static_cast<size_t>(rank++)] = size;
  MakeContiguous();
}

TensorView MakeView(void* data, DType dtype, std::initializer_list<int64_t> sizes) {
  TensorView view;
  view.data = data;
  view.dtype = dtype;
  view.SetSizes(sizes);
  return view;
}

bool IsContiguous(const TensorView& view) {
  if (view.numel() == 0) return true;  // whatever the strides: torch calls it contiguous, too
  int64_t expected = 1;
  for (int i = view.rank - 1; i >= 0; --i) {
    if (view.size(i) != 1 && view.stride(i) != expected) return false;
    expected *= view.size(i);
  }
  return true;
}

bool HasContiguousRows(const TensorView& view) {
  return view.rank == 0 || view.size(-1) <= 1 || view.stride(-1) == 1 || view.numel() == 0;
}

std::string ShapeText(const TensorView& view) {
  std::string text = "[";
  for (int i = 0; i < view.rank; ++i) text += (i ? ", " : "") + std::to_string(view.size(i));
  return text + "]";
}

}  // namespace strata
