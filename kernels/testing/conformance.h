// What holds for every call of every operator: each function checks one sample, and gives "" or what is wrong.
// kernels/testing/conformance_test.cc runs them on random calls made from the schemas. An operator whose calls cannot
// be made from its schema alone (a text attribute, an OpDef::infer or check_values) makes its own and runs CheckAll in
// its own test.
//
//   EXPECT_EQ(CheckAll(op, sample), "");
#pragma once

#include <string>

#include "kernels/testing/run.h"

namespace strata {

// Every row that takes the call agrees with the reference, and rows of one numerics class have equal bits.
std::string CheckRows(const OpDef& op, const OwnedCall& sample);
// Equal bits from every SIMD target ("" where this processor has one only), ...
std::string CheckTargets(const OpDef& op, const OwnedCall& sample);
// ... on 1, 2 and 7 threads, ...
std::string CheckThreads(const OpDef& op, const OwnedCall& sample);
// ... stored past the caches, as large outputs are, ...
std::string CheckStreaming(const OpDef& op, const OwnedCall& sample);
// ... from contiguous, aligned memory, ...
std::string CheckLayout(const OpDef& op, const OwnedCall& sample);
// ... with OpDef::prepare's form of its argument, ...
std::string CheckPrepared(const OpDef& op, const OwnedCall& sample);
// ... written over an input, where kernels/ops/in_place.h says that they may, ...
std::string CheckInPlace(const OpDef& op, const OwnedCall& sample);
// ... and for each part of a batch alone.
std::string CheckBatch(const OpDef& op, const OwnedCall& sample);

// Working memory can be told from shapes alone, as for a plan, whose tensors have no data yet, and is then the most.
std::string CheckWorkspace(const OpDef& op, const OwnedCall& sample);

// All of them.
std::string CheckAll(const OpDef& op, const OwnedCall& sample);

}  // namespace strata
