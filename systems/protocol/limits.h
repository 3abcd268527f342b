// How much one request may ask for. Everything a client sends is checked against these before memory is spent on it.
// Not for: connection limits (header bytes, idle time), which belong to systems/net.
//
//   Limits limits;
//   limits.max_body_bytes = 8 << 20;
//   auto request = ParseInferRequest(body, std::nullopt, limits);
#ifndef STRATA_SYSTEMS_PROTOCOL_LIMITS_H_
#define STRATA_SYSTEMS_PROTOCOL_LIMITS_H_

#include <cstdint>

namespace strata::protocol {

struct Limits {
  // A whole request body, JSON and binary parts together. Beyond it: 413.
  int64_t max_body_bytes = int64_t{64} << 20;
  // Arrays and objects inside each other. A tensor of rank r needs 3 + r when its data is nested.
  int max_json_depth = 32;
  // Inputs of one request, and likewise its requested outputs.
  int max_tensors = 64;
  // Dims of one tensor.
  int max_rank = 16;
  // Elements of all inputs of one request together; the default lets a full body of one-byte elements through.
  int64_t max_elements = int64_t{64} << 20;
  // A tensor or model name, or a request id.
  int max_name_bytes = 256;
  // A request target, before percent-decoding. Beyond it: 414.
  int max_target_bytes = 4096;
  // Texts (or token arrays) of one embeddings request; OpenAI's own limit.
  int max_texts = 2048;
  // One text of an embeddings request.
  int64_t max_text_bytes = int64_t{1} << 20;
  // One token array of an embeddings request. The model's own limit may be lower and is checked where it is known.
  int max_tokens_per_text = 32768;
};

}  // namespace strata::protocol

#endif  // STRATA_SYSTEMS_PROTOCOL_LIMITS_H_
