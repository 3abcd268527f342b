// Any bytes as a .npy file; what is accepted lies within them.
#include <cstddef>
#include <cstdint>

#include "kernels/base/check.h"
#include "systems/formats/npy.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto view = strata::runtime::ParseNpy({reinterpret_cast<const std::byte*>(data), size});
  if (!view.ok()) return 0;
  const auto* begin = static_cast<const uint8_t*>(view->data);
  STRATA_CHECK(begin + static_cast<size_t>(view->numel()) * strata::SizeOf(view->dtype) == data + size, "to the end");
  return 0;
}
