#include "systems/protocol/infer_fuzz_check.h"

#include <simdjson.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "systems/protocol/errors.h"
#include "systems/protocol/infer_parser.h"
#include "systems/protocol/infer_writer.h"
#include "systems/protocol/text.h"

namespace strata::protocol {
namespace {

void Must(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

simdjson::error_code Judge(std::string_view json) {
  simdjson::dom::parser parser;
  return parser.parse(json.data(), json.size()).error();
}

// What was read, written as JSON and read again, is the same bytes.
void CheckRoundTrip(const InferRequest& request) {
  InferResponse response{"m", "1", request.id, {}};
  for (const Tensor& input : request.inputs) response.outputs.push_back({input, false});
  const auto encoded = WriteInferResponse(response);
  if (!encoded.ok()) {  // NaN, infinity or bytes that are not UTF-8, which only binary data can bring
    Must(encoded.status().code() == absl::StatusCode::kFailedPrecondition, "a parsed tensor can be written");
    return;
  }
  Must(Judge(encoded->json) == simdjson::SUCCESS, "what is written is JSON");
  const std::string again = "{\"inputs\"" + encoded->json.substr(encoded->json.find(",\"outputs\":[") + 10);
  const auto back = ParseInferRequest(again, std::nullopt, Limits());
  Must(back.ok() && back->inputs.size() == request.inputs.size(), "what is written can be read");
  for (size_t i = 0; i < back->inputs.size(); ++i) {
    Must(back->inputs[i].name == request.inputs[i].name, "names come back");
    Must(back->inputs[i].data.bytes() == request.inputs[i].data.bytes(), "data comes back bit for bit");
  }
}

}  // namespace

void CheckInferRequest(std::string_view body, std::optional<size_t> json_bytes) {
  const auto request = ParseInferRequest(body, json_bytes, Limits());
  if (!request.ok()) {
    const int http = HttpStatus(request.status().code());
    Must(http == 400 || http == 413, "bad input is the client's fault");
    Must(Judge(WriteError(ErrorStyle::kKserve, request.status())) == simdjson::SUCCESS, "an error is JSON");
    return;
  }
  const simdjson::error_code judged = Judge(body.substr(0, json_bytes.value_or(body.size())));
  // simdjson refuses numbers beyond double or 64 bits, which a skipped parameter may hold.
  Must(judged == simdjson::SUCCESS || judged == simdjson::NUMBER_ERROR, "what is accepted is JSON");
  for (const Tensor& input : request->inputs) {
    Must(!input.name.empty() && CheckTensorData(input, "input").ok(), "accepted data fits its shape");
  }
  if (request->id.find(",\"outputs\":[") == std::string::npos) CheckRoundTrip(*request);
}

}  // namespace strata::protocol
