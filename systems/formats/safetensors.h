// The safetensors format, both ways. The reader trusts nothing: the header's size, every offset, shape and dtype is
// checked against the bytes, and tensors must follow one another without gap or overlap, as the format demands.
// Not for: dtypes that Strata has no kernels for (they are refused by name).
//
//   absl::StatusOr<SafeTensors> file = SafeTensors::Parse(bytes);     // views into `bytes`, nothing is copied
//   const SafeTensors::Entry* word = file->Find("embeddings.word");
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "kernels/core/tensor_view.h"

namespace strata::runtime {

class SafeTensors {
 public:
  static constexpr size_t kMaxHeaderBytes = 100'000'000;  // the format's own limit

  struct Entry {
    std::string name;
    // Contiguous; not to be written to. `data` has the alignment that the file gives it, perhaps none.
    TensorView view;
    size_t num_bytes = 0;
  };

  // Moves only: the index points into the entries.
  SafeTensors(SafeTensors&&) = default;
  SafeTensors& operator=(SafeTensors&&) = default;

  // REQUIRES: `bytes` outlives the result.
  static absl::StatusOr<SafeTensors> Parse(absl::Span<const std::byte> bytes);

  // In the order of their data.
  const std::vector<Entry>& entries() const { return entries_; }
  // nullptr: no such tensor.
  const Entry* Find(std::string_view name) const;

 private:
  SafeTensors() = default;
  std::vector<Entry> entries_;
  std::unordered_map<std::string_view, size_t> index_;  // of entries_, whose strings never move
};

struct NamedTensor {
  std::string name;
  TensorView view;  // contiguous
};

// The bytes of a file; every tensor begins at a multiple of its element's size. REQUIRES: names differ.
std::string WriteSafeTensors(absl::Span<const NamedTensor> tensors);

}  // namespace strata::runtime
