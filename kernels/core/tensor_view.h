// TensorView: somebody else's memory, with dtype, sizes and strides (in elements). It owns nothing.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "kernels/core/dtype.h"

namespace strata {

inline constexpr int kMaxRank = 8;

struct TensorView {
  void* data = nullptr;
  // The prepared form of a constant argument (OpDef::prepare), or nullptr. It changes speed, never the result.
  const void* prepared = nullptr;
  DType dtype = DType::kF32;
  int rank = -1;  // -1: an optional argument that is absent
  std::array<int64_t, kMaxRank> sizes;
  std::array<int64_t, kMaxRank> strides;

  bool present() const { return rank >= 0; }
  int64_t size(int dim) const { return sizes[static_cast<size_t>(dim < 0 ? dim + rank : dim)]; }
  int64_t stride(int dim) const { return strides[static_cast<size_t>(dim < 0 ? dim + rank : dim)]; }
  int64_t numel() const {
    int64_t n = 1;
    for (int i = 0; i < rank; ++i) n *= sizes[static_cast<size_t>(i)];
    return n;
  }
  // The product of all sizes but the last; a rank-0 view has one row.
  int64_t rows() const {
    int64_t n = 1;
    for (int i = 0; i + 1 < rank; ++i) n *= sizes[static_cast<size_t>(i)];
    return n;
  }

  // REQUIRES: T is the C++ type of dtype.
  template <class T>
  const T* In() const {
    return static_cast<const T*>(data);
  }
  template <class T>
  T* Out() const {
    return static_cast<T*>(data);
  }

  // Sets sizes, and strides that make the view contiguous.
  void SetSizes(std::initializer_list<int64_t> new_sizes);
  void MakeContiguous();
};

// A contiguous view.
TensorView MakeView(void* data, DType dtype, std::initializer_list<int64_t> sizes);

bool IsContiguous(const TensorView& view);
// True where the elements of the last dim are neighbours, whatever the other strides.
bool HasContiguousRows(const TensorView& view);
// "[2, 3]"
std::string ShapeText(const TensorView& view);

}  // namespace strata
