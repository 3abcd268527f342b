// Counts what a test program allocates through operator new. In a file of its own, so that nothing is inlined.
#pragma once

#include <cstdint>

namespace strata::runtime {

// Allocations so far; always 0 under a sanitizer, which has an operator new of its own.
int64_t NumAllocations();

}  // namespace strata::runtime
