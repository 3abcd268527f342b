// Huge pages behind large outputs. Memory that the system has just given costs a page fault for every 4 KiB, which
// takes several times as long as the kernel that fills them; in pages of 2 MiB there are 512 times fewer.
//
//   WantHugePages(view.data, bytes);  // after the allocation, before anything is written
#pragma once

#include <cstddef>

namespace strata::torch_adapter {

// Advice: what the system makes of it changes speed alone. Linux follows where
// /sys/kernel/mm/transparent_hugepage/enabled says "madvise" or "always". Nothing happens to less than 32 MiB: glibc
// may have had that before, with its pages, and the rest of a huge page would be somebody else's.
void WantHugePages(void* data, size_t bytes);

}  // namespace strata::torch_adapter
