#include <cstdint>

#include "systems/protocol/infer_fuzz_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  strata::protocol::CheckInferRequest({reinterpret_cast<const char*>(data), size}, std::nullopt);
  return 0;
}
