// OpenAI's POST /v1/embeddings: body to request, vectors to response.
// Not for: tokenising, or knowing a model's width; the caller does both.
//
//   absl::StatusOr<EmbeddingRequest> request = ParseEmbeddingRequest(body, limits);
//   absl::Status status = CheckDimensions(*request, /*width=*/384);
//   absl::StatusOr<std::string> reply = WriteEmbeddingResponse({request->model, vectors, 384, tokens},
//   request->encoding);
//
// An error carries the field at fault, for OpenAI's error object: see ErrorParam in errors.h.
#ifndef STRATA_SYSTEMS_PROTOCOL_EMBEDDINGS_H_
#define STRATA_SYSTEMS_PROTOCOL_EMBEDDINGS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "systems/protocol/limits.h"

namespace strata::protocol {

enum class EmbeddingEncoding : uint8_t { kFloat, kBase64 };

struct EmbeddingRequest {
  using Texts = std::vector<std::string>;
  using Tokens = std::vector<std::vector<int32_t>>;

  std::string model;
  // One entry per vector wanted, never empty, nor is any of its entries. Tokens are 0 or more; whether the vocabulary
  // has them is for the caller to check.
  std::variant<Texts, Tokens> input;
  EmbeddingEncoding encoding = EmbeddingEncoding::kFloat;
  std::optional<int64_t> dimensions;
  // The client's name for its end user. Nothing here depends on it.
  std::string user;

  size_t count() const {
    return std::visit([](const auto& entries) { return entries.size(); }, input);
  }
};

struct EmbeddingResponse {
  std::string model;
  // Row after row; REQUIRES: values.size() is a multiple of width, and they outlive the response.
  absl::Span<const float> values;
  size_t width = 0;
  // Tokens that were computed, special ones included.
  int64_t prompt_tokens = 0;
};

absl::StatusOr<EmbeddingRequest> ParseEmbeddingRequest(std::string_view body, const Limits& limits);

// Only a model's own width can be had: cutting a vector short is sound only for models trained for that.
absl::Status CheckDimensions(const EmbeddingRequest& request, int64_t width);

// Floats are the shortest text that reads back to the same bits; base64 is the little-endian float32 data. kFloat fails
// with kFailedPrecondition for NaN and infinity.
absl::StatusOr<std::string> WriteEmbeddingResponse(const EmbeddingResponse& response, EmbeddingEncoding encoding);

}  // namespace strata::protocol

#endif  // STRATA_SYSTEMS_PROTOCOL_EMBEDDINGS_H_
