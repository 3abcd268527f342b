// A manifest, a plan and the header of weights.safetensors in one input, separated by NUL bytes; without the third the
// weights are fixed. What loads is run at small sizes. The mutator changes what they say (json_mutator.h): random bytes
// would seldom be JSON. A `@name@` in the text stands for the schema hash of an operator, so that the corpus need not
// change with it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "systems/formats/testing.h"
#include "systems/runtime/bundle_sections.h"
#include "systems/runtime/json_mutator.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  strata::runtime::LoadAndRunSections({reinterpret_cast<const char*>(data), size});
  return 0;
}

// libFuzzer's own; not there where a corpus is replayed, and then nobody calls the function below.
extern "C" __attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

// Called by libFuzzer.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned int seed) {
  if (seed % 16 == 0) return LLVMFuzzerMutate(data, size, max_size);
  const std::string made = strata::runtime::MutateSections({reinterpret_cast<const char*>(data), size}, seed);
  if (made.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::memcpy(data, made.data(), made.size());
  return made.size();
}
