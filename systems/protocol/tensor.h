// A named tensor as it travels: datatype, shape, and elements in the protocol's binary form.
// Not for: computing. The bytes of a binary request lie wherever its JSON ended, so they may be unaligned: copy them
// into an aligned buffer (a batch does that anyway) before reading them as numbers.
//
// Binary form: little-endian, row-major, without padding; BOOL is a byte of 0 or 1; each element of BYTES is a
// little-endian uint32 length and that many bytes.
//
//   Tensor y{"y", Datatype::kFp32, {2, 3}, TensorData::Own(std::move(bytes))};
//   if (absl::Status status = CheckTensorData(y, "output"); !status.ok()) return status;
#ifndef STRATA_SYSTEMS_PROTOCOL_TENSOR_H_
#define STRATA_SYSTEMS_PROTOCOL_TENSOR_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "systems/protocol/datatype.h"

namespace strata::protocol {

// Bytes that are either owned, or borrowed from a buffer that outlives this. Copying owned bytes copies them; copying
// borrowed ones does not.
class TensorData {
 public:
  TensorData() = default;
  static TensorData Own(std::string bytes) {
    TensorData data;
    data.owned_ = std::move(bytes);
    return data;
  }
  // REQUIRES: what `bytes` points at outlives the result and its copies.
  static TensorData Borrow(std::string_view bytes) {
    TensorData data;
    data.borrowed_ = bytes;
    data.is_borrowed_ = true;
    return data;
  }

  // Valid while this object stays where it is (a short owned string moves with it).
  std::string_view bytes() const { return is_borrowed_ ? borrowed_ : std::string_view(owned_); }
  bool is_borrowed() const { return is_borrowed_; }

 private:
  std::string owned_;
  std::string_view borrowed_;
  bool is_borrowed_ = false;
};

struct Tensor {
  std::string name;
  Datatype datatype = Datatype::kFp32;
  std::vector<int64_t> shape;
  TensorData data;
};

// The product of the dims. kInvalidArgument for a negative dim; kOutOfRange if the dims that are not 0 multiply to more
// than `max_elements` (so strides of an empty tensor cannot overflow, either). The message starts with "shape ".
absl::StatusOr<int64_t> ElementCount(absl::Span<const int64_t> shape, int64_t max_elements);

// Whether the data has the size that shape and datatype want, BOOL bytes are 0 or 1, and BYTES lengths add up.
// `role` ("input", "output") begins the message.
absl::Status CheckTensorData(const Tensor& tensor, std::string_view role);

// The elements of a BYTES tensor, as views into its data.
absl::StatusOr<std::vector<std::string_view>> BytesElements(const Tensor& tensor);

// Appends one element of a BYTES tensor. REQUIRES: element.size() < 2^32.
void AppendBytesElement(std::string_view element, std::string* data);

// `input "x"`, for messages.
std::string TensorLabel(std::string_view role, std::string_view name);

}  // namespace strata::protocol

#endif  // STRATA_SYSTEMS_PROTOCOL_TENSOR_H_
