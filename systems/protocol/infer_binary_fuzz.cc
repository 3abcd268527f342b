// The body's JSON ends at the first line "--"; what follows is the binary part. So corpus files can be read and edited.
#include <cstdint>
#include <string>

#include "systems/protocol/infer_fuzz_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string body(reinterpret_cast<const char*>(data), size);
  const size_t split = body.find("\n--\n");
  if (split == std::string::npos) {
    // No binary part, but a header: also past the end.
    strata::protocol::CheckInferRequest(body, body.size() + (size > 0 && data[0] == '!' ? 1 : 0));
    return 0;
  }
  body.erase(split, 4);
  strata::protocol::CheckInferRequest(body, split);
  return 0;
}
