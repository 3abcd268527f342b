#include "kernels/torch/huge_pages.h"

#include <cstdint>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace strata::torch_adapter {

#if defined(__linux__)
void WantHugePages(void* data, size_t bytes) {
  // From here on glibc takes every block from the system, and gives it back (DEFAULT_MMAP_THRESHOLD_MAX).
  constexpr size_t kLeast = size_t{32} << 20, kHugePage = size_t{2} << 20;
  if (bytes < kLeast) return;
  const auto begin = reinterpret_cast<uintptr_t>(data);
  const uintptr_t first = (begin + kHugePage - 1) / kHugePage * kHugePage,
                  last = (begin + bytes) / kHugePage * kHugePage;
  if (first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
}
#else
void WantHugePages(void*, size_t) {}
#endif

}  // namespace strata::torch_adapter
