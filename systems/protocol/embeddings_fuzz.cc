#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <variant>

#include "systems/protocol/embeddings.h"
#include "systems/protocol/errors.h"

namespace {

void Must(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using strata::protocol::EmbeddingRequest;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const auto request = strata::protocol::ParseEmbeddingRequest(body, strata::protocol::Limits());
  if (!request.ok()) {
    const int http = strata::protocol::HttpStatus(request.status().code());
    Must(http == 400 || http == 413);
    strata::protocol::WriteError(strata::protocol::ErrorStyle::kOpenAi, request.status());
    return 0;
  }
  Must(!request->model.empty() && request->count() > 0);
  std::visit(
      [](const auto& entries) {
        for (const auto& entry : entries) Must(!entry.empty());
      },
      request->input);
  return 0;
}
