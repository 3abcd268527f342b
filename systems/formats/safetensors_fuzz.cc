// Any bytes as a safetensors file. What is read is written and read again, and must be the same.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/base/check.h"
#include "systems/formats/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace strata::runtime;  // NOLINT: a program of its own
  const auto file = SafeTensors::Parse({reinterpret_cast<const std::byte*>(data), size});
  if (!file.ok()) return 0;
  std::vector<NamedTensor> tensors;
  for (const SafeTensors::Entry& entry : file->entries()) tensors.push_back({entry.name, entry.view});
  const std::string bytes = WriteSafeTensors(tensors);
  const auto again = SafeTensors::Parse({reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()});
  STRATA_CHECK(again.ok(), "what was read can be written and read");
  for (const SafeTensors::Entry& entry : file->entries()) {
    const SafeTensors::Entry* same = again->Find(entry.name);
    STRATA_CHECK(same != nullptr && same->num_bytes == entry.num_bytes, "every tensor is there");
  }
  return 0;
}
