// Random calls of an operator, made from its schema alone: sizes around the SIMD widths, valid indices and offsets,
// misaligned memory, free strides where the schema allows them.
//
//   std::mt19937_64 random(1);
//   OwnedCall sample = RandomCall(kRmsNorm, random, {.dtype = DType::kF32});
#pragma once

#include <array>
#include <initializer_list>
#include <memory>
#include <random>
#include <vector>

#include "kernels/core/op_def.h"

namespace strata {

// True where calls can be made from the schema alone: no attribute is a text and nothing is left to OpDef::infer
// or check_values. The tests of other operators make their own and run CheckAll (conformance.h).
bool Drawable(const OpDef& op);

// Whether the schema takes the dtype for its letter T; of an operator without one, whether it is float32, so that a
// test over all dtypes visits it once.
bool TakesDType(const OpDef& op, DType dtype);

struct SampleOptions {
  DType dtype = DType::kF32;        // of the letter T
  DType index_dtype = DType::kI64;  // of index and offsets arguments
  bool specials = false;            // NaN, infinities, denormals and extremes among the values
  bool whole_lines = false;         // sizes are few or make whole lines of memory, whatever the dtype
  bool defaults = false;            // attributes at their defaults and optional arguments present
};

// A call with memory of its own, inputs alone: outputs belong to a run (run.h).
struct OwnedCall {
  const OpSchema* schema;
  Call call;  // `lists` are empty: see below
  std::array<std::vector<TensorView>, kMaxInputs> lists;
  std::vector<std::unique_ptr<std::byte[]>> memory;

  explicit OwnedCall(const OpSchema& s) : schema(&s), call(s) {}
  OwnedCall(OwnedCall&&) = default;
  OwnedCall& operator=(OwnedCall&&) = default;
  // Memory for a contiguous input, `misalign` elements off a 64-byte boundary. Sets data; the view's sizes are set.
  void Allocate(TensorView& view, int misalign);
};

// REQUIRES: Drawable(op).
OwnedCall RandomCall(const OpSchema& schema, std::mt19937_64& random, const SampleOptions& options);

// A contiguous input of random values for calls that are made by hand: sizes, then whatever the argument's rule asks.
TensorView RandomTensor(OwnedCall& sample, DType dtype, std::initializer_list<int64_t> sizes, std::mt19937_64& random,
                        bool specials = false);

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
