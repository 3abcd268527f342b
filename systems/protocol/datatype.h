// The element types of the Open Inference Protocol (KServe v2), their names and sizes.
// Not for: the dtypes that kernels compute in; systems/runtime maps one to the other.
//
//   absl::StatusOr<Datatype> type = DatatypeFromName("FP32");
//   size_t bytes = ElementSize(*type);  // 4
#ifndef STRATA_SYSTEMS_PROTOCOL_DATATYPE_H_
#define STRATA_SYSTEMS_PROTOCOL_DATATYPE_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace strata::protocol {

enum class Datatype : uint8_t {
  kBool,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kFp16,
  kBf16,
  kFp32,
  kFp64,
  kBytes,
};

// The protocol's name, such as "FP32".
std::string_view DatatypeName(Datatype type);

// Names are case-sensitive, as in the protocol; anything else is kInvalidArgument.
absl::StatusOr<Datatype> DatatypeFromName(std::string_view name);

// Bytes of one element in binary form. 0 for kBytes, whose elements carry their own length.
size_t ElementSize(Datatype type);

}  // namespace strata::protocol

#endif  // STRATA_SYSTEMS_PROTOCOL_DATATYPE_H_
