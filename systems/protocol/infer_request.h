// An inference request and its response as values (KServe v2, POST /v2/models/{name}/infer).
// Not for: bytes; infer_parser.h and infer_writer.h turn these from and to them.
//
//   for (const Tensor& input : request.inputs) ...
//   bool binary = request.WantsBinary("y");
#ifndef STRATA_SYSTEMS_PROTOCOL_INFER_REQUEST_H_
#define STRATA_SYSTEMS_PROTOCOL_INFER_REQUEST_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "systems/protocol/tensor.h"

namespace strata::protocol {

struct RequestedOutput {
  std::string name;
  // Empty: as the request's binary_data_output says.
  std::optional<bool> binary_data;
};

struct InferRequest {
  // Given back in the response. Empty if the client sent none.
  std::string id;
  // The request parameter `timeout`, in microseconds as in Triton; empty if absent or 0.
  std::optional<int64_t> timeout_us;
  // The request parameter `binary_data_output`: how outputs are sent that do not say.
  bool binary_data_output = false;
  // Names are unique; each tensor's data has the size that its shape and datatype want. Whether the model has such
  // inputs is for the caller to check.
  std::vector<Tensor> inputs;
  // In the order wanted. Empty: all outputs of the model.
  std::vector<RequestedOutput> outputs;

  // Whether the output goes into the binary part of the response.
  bool WantsBinary(std::string_view output) const {
    for (const RequestedOutput& requested : outputs) {
      if (requested.name == output) return requested.binary_data.value_or(binary_data_output);
    }
    return binary_data_output;
  }
};

struct OutputTensor {
  Tensor tensor;
  bool binary = false;
};

struct InferResponse {
  std::string model_name;
  std::string model_version;
  // Left out if empty.
  std::string id;
  std::vector<OutputTensor> outputs;
};

}  // namespace strata::protocol

#endif  // STRATA_SYSTEMS_PROTOCOL_INFER_REQUEST_H_
