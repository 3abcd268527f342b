// Random calls of an operator, made from its schema alone: sizes around the SIMD widths, valid indices and offsets,
// misaligned memory, free strides where the schema allows them.
//
//   std::mt19937_64 random(1);
//   OwnedCall sample = RandomCall(kRmsNorm, random, {.dtype = DType::kF32});
#pragma once

#include <memory>
#include <random>
#include <vector>

#include "kernels/core/call.h"

namespace strata {

struct SampleOptions {
  DType dtype = DType::kF32;        // of the letter T
  DType index_dtype = DType::kI64;  // of index and offsets arguments
  bool specials = false;            // NaN, infinities, denormals and extremes among the values
  bool defaults = false;            // attributes at their defaults and optional arguments present
};

// A call with memory of its own, inputs alone: outputs belong to a run (run.h).
struct OwnedCall {
  const OpSchema* schema;
  Call call;
  std::vector<std::unique_ptr<std::byte[]>> memory;

  explicit OwnedCall(const OpSchema& s) : schema(&s), call(s) {}
  // Memory for a contiguous input, `misalign` elements off a 64-byte boundary. Sets data; the view's sizes are set.
  void Allocate(TensorView& view, int misalign);
};

OwnedCall RandomCall(const OpSchema& schema, std::mt19937_64& random, const SampleOptions& options);

// The same inputs, contiguous and aligned.
OwnedCall Compact(const OwnedCall& sample);

// The sub-batches of a call along its schema's batch dim, at most `most` of them: rows [first, first + count) of what
// the batch dim counts (for segments: one run each).
struct Part {
  OwnedCall call;
  int64_t first_row, rows;          // of outputs along the batch dim itself
  int64_t first_segment, segments;  // of outputs along the dim that counts the segments
};
std::vector<Part> SplitBatch(const OwnedCall& sample, int most);

// True where the output's leading dim (or `*`) is the batch dim; *by_segment where it counts the segments.
bool FollowsBatch(const OpSchema& schema, const ArgSpec& arg, bool* by_segment);

}  // namespace strata
