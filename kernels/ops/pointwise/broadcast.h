// How inputs are read while outputs are written in order: NumPy's broadcasting, with as few dims as the call allows.
//
//   const Broadcast b(inputs, outputs[0]);  // element i of the output reads input t at b.Offset(t, i / b.inner) + ...
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "kernels/core/tensor_view.h"
#include "kernels/ops/pointwise/program.h"

namespace strata::pointwise {

class Broadcast {
 public:
  // REQUIRES: every input is contiguous and broadcasts to `out`.
  Broadcast(std::span<const TensorView> inputs, const TensorView& out) : count_(inputs.size()) {
    Strides walk[kMaxProgramInputs];
    total = out.numel();
    for (size_t t = 0; t < count_; ++t) {
      walk[t] = StridesOf(inputs[t], out);
      full_[t] = inputs[t].numel() == total;
    }
    for (int d = out.rank; d-- > 0;) {
      if (out.size(d) != 1) Add(out.size(d), walk, static_cast<size_t>(d));
    }
  }

  int64_t total = 1;  // elements of the output
  int64_t inner = 1;  // elements of its innermost dim after dims were joined

  // Input t has as many elements as the output, so it is read as the output is written.
  bool Full(size_t t) const { return full_[t]; }
  // One element for all.
  bool Single(size_t t) const {
    return std::all_of(strides_[t].begin(), strides_[t].begin() + rank_, [](int64_t s) { return s == 0; });
  }
  // Along the innermost dim: 1 or 0.
  int64_t InnerStride(size_t t) const { return rank_ == 0 ? 0 : strides_[t][0]; }
  // Where input t starts for the run number `row` of `inner` elements.
  int64_t Offset(size_t t, int64_t row) const {
    int64_t offset = 0;
    for (size_t d = 1; d < static_cast<size_t>(rank_); ++d) {
      offset += row % sizes_[d] * strides_[t][d];
      row /= sizes_[d];
    }
    return offset;
  }

 private:
  using Strides = std::array<int64_t, kMaxRank>;

  // Strides by the output's dims, 0 where the input is broadcast.
  static Strides StridesOf(const TensorView& input, const TensorView& out) {
    Strides strides{};
    int64_t step = 1;
    for (int d = input.rank; d-- > 0;) {
      if (input.size(d) != 1) strides[static_cast<size_t>(d + out.rank - input.rank)] = step;
      step *= input.size(d);
    }
    return strides;
  }

  // A further outer dim, joined to the one before where every input walks through both alike.
  void Add(int64_t size, const Strides* walk, size_t dim) {
    bool joined = rank_ > 0;
    const size_t last = static_cast<size_t>(rank_ - 1);
    for (size_t t = 0; t < count_ && joined; ++t) joined = walk[t][dim] == strides_[t][last] * sizes_[last];
    if (joined) {
      sizes_[last] *= size;
    } else {
      for (size_t t = 0; t < count_; ++t) strides_[t][static_cast<size_t>(rank_)] = walk[t][dim];
      sizes_[static_cast<size_t>(rank_++)] = size;
    }
    inner = sizes_[0];
  }

  size_t count_;
  std::array<bool, kMaxProgramInputs> full_{};
  int rank_ = 0;  // joined dims, the innermost first
  std::array<int64_t, kMaxRank> sizes_{};
  std::array<Strides, kMaxProgramInputs> strides_{};
};

}  // namespace strata::pointwise
