// A tensor's elements as the JSON array `data`, both ways.
// Not for: the object around it; infer_parser.h and infer_writer.h do that.
//
//   Tensor x{"x", Datatype::kFp32, {2}, {}};
//   if (ReadTensorData(&json, &x)) ...  // json stands before "[1.5, 2]"
#ifndef STRATA_SYSTEMS_PROTOCOL_TENSOR_JSON_H_
#define STRATA_SYSTEMS_PROTOCOL_TENSOR_JSON_H_

#include <string>

#include "absl/status/status.h"
#include "systems/protocol/json_reader.h"
#include "systems/protocol/tensor.h"

namespace strata::protocol {

// Reads an array, flat or nested exactly as the shape, into tensor->data. Integers must be written as integers and lie
// in the datatype; floats are rounded once from their text; BOOL is true or false; BYTES are strings. False on failure,
// with the reason in json->status().
// REQUIRES: name, datatype and shape are set, and ElementCount(shape, limit) was fine. Memory grows with the text that
// is there, not with what the shape claims.
bool ReadTensorData(JsonReader* json, Tensor* tensor);

// Appends a flat array, numbers in the shortest form that reads back to the same bits. kFailedPrecondition for what
// JSON cannot carry: NaN, infinity, or BYTES that are not UTF-8; the message says to ask for binary data.
// REQUIRES: CheckTensorData(tensor) is fine.
absl::Status AppendTensorData(const Tensor& tensor, std::string* out);

}  // namespace strata::protocol

#endif  // STRATA_SYSTEMS_PROTOCOL_TENSOR_JSON_H_
