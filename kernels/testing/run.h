// Running a sample as a given row, on so many threads, as a given SIMD target.
#pragma once

#include <string>
#include <vector>

#include "kernels/base/status.h"
#include "kernels/core/op_def.h"
#include "kernels/testing/random_call.h"

namespace strata {

// An output that is written over an input. REQUIRES: both are contiguous, of one shape and size of element.
struct Overwrite {
  int input = -1;      // -1: none
  size_t element = 0;  // of a list argument
  int output = 0;
};

struct RunOptions {
  std::string_view row = {};  // empty: the one that users get
  int threads = 1;
  std::string target = "";  // SIMD target; empty: the best
  bool prepared = false;    // run OpDef::prepare on its argument first
  Overwrite overwrite = {};
};

// What one run gave: contiguous outputs with memory of their own, then the mutated arguments as they are after it.
struct Outputs {
  std::vector<TensorView> views;
  std::vector<std::vector<std::byte>> memory;
};

// Dies if a kernel writes past an output's end or leaves an element unwritten. REQUIRES: the call is valid.
Outputs RunSample(const OpDef& op, const OwnedCall& sample, const RunOptions& options = {});

// The Status of a call that may be refused.
Status TrySample(const OpDef& op, const OwnedCall& sample, const RunOptions& options, Outputs* outputs);

}  // namespace strata
