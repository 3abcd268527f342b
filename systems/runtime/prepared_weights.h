// PreparedWeights: the packed forms of a bundle's constants, each made once however many steps and executors use it.
//
//   const void* packed = prepared.Get(*op, view_of_the_weight);   // nullptr: used as it is
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "kernels/base/aligned_buffer.h"
#include "kernels/core/op_def.h"

namespace strata::runtime {

class PreparedWeights {
 public:
  // REQUIRES: `view` is contiguous, and its memory constant.
  const void* Get(const OpDef& op, const TensorView& view);
  size_t num_bytes() const { return num_bytes_; }

 private:
  struct Key {
    const OpDef* op;
    const void* data;
    std::vector<int64_t> sizes;
    auto operator<=>(const Key&) const = default;
  };
  std::map<Key, AlignedBuffer> forms_;
  size_t num_bytes_ = 0;
};

}  // namespace strata::runtime
