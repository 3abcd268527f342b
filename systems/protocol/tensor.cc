#include "systems/protocol/tensor.h"

#include <bit>
#include <cstring>
#include <limits>

#include "systems/protocol/quote.h"
#include "systems/protocol/text.h"

namespace strata::protocol {
namespace {

// Elements are copied between memory and the wire as they are.
static_assert(std::endian::native == std::endian::little);

absl::Status CheckBools(const Tensor& tensor, std::string_view role) {
  const std::string_view bytes = tensor.data.bytes();
  for (size_t i = 0; i < bytes.size(); ++i) {
    // Any other byte read as a C++ bool is undefined behaviour further down.
    if (static_cast<unsigned char>(bytes[i]) > 1) {
      return absl::InvalidArgumentError(
          Cat(TensorLabel(role, tensor.name), ": element ", i, " of BOOL data is the byte ",
              static_cast<int>(static_cast<unsigned char>(bytes[i])), ", but wanted 0 or 1"));
    }
  }
  return absl::OkStatus();
}

// Walks the length-prefixed elements, and stores them where `elements` is given.
absl::Status WalkBytes(const Tensor& tensor, std::string_view role, int64_t count,
                       std::vector<std::string_view>* elements) {
  std::string_view rest = tensor.data.bytes();
  for (int64_t i = 0; i < count; ++i) {
    uint32_t length = 0;
    if (rest.size() < sizeof(length)) {
      return absl::InvalidArgumentError(Cat(TensorLabel(role, tensor.name), ": BYTES data ends after ", i,
                                            " elements, but shape ", ShapeText(tensor.shape), " wants ", count));
    }
    std::memcpy(&length, rest.data(), sizeof(length));
    rest.remove_prefix(sizeof(length));
    if (length > rest.size()) {
      return absl::InvalidArgumentError(Cat(TensorLabel(role, tensor.name), ": element ", i,
                                            " of BYTES data says it has ", length, " bytes, but only ", rest.size(),
                                            " are left"));
    }
    if (elements != nullptr) elements->push_back(rest.substr(0, length));
    rest.remove_prefix(length);
  }
  if (!rest.empty()) {
    return absl::InvalidArgumentError(Cat(TensorLabel(role, tensor.name), ": BYTES data has ", rest.size(),
                                          " bytes after the ", count, " elements that shape ", ShapeText(tensor.shape),
                                          " wants"));
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> CountOf(const Tensor& tensor, std::string_view role) {
  absl::StatusOr<int64_t> count = ElementCount(tensor.shape, std::numeric_limits<int64_t>::max() / 8);
  if (count.ok()) return count;
  return absl::Status(count.status().code(), Cat(TensorLabel(role, tensor.name), ": ", count.status().message()));
}

absl::Status TooManyElements(absl::Span<const int64_t> shape, int64_t max_elements) {
  return absl::OutOfRangeError(
      Cat("shape ", ShapeText(shape), " has more than the limit of ", max_elements, " elements"));
}

}  // namespace

absl::StatusOr<int64_t> ElementCount(absl::Span<const int64_t> shape, int64_t max_elements) {
  int64_t count = 1;
  bool empty = false;
  for (const int64_t dim : shape) {
    if (dim < 0) {
      return absl::InvalidArgumentError(
          Cat("shape ", ShapeText(shape), " has the negative dim ", dim, ", but wanted 0 or more"));
    }
    empty |= dim == 0;
    if (dim > 0 && count > max_elements / dim) return TooManyElements(shape, max_elements);
    if (dim > 0) count *= dim;
  }
  // A shape without dims is one element, and no dim was there to be checked.
  if (!empty && count > max_elements) return TooManyElements(shape, max_elements);
  return empty ? 0 : count;
}

absl::Status CheckTensorData(const Tensor& tensor, std::string_view role) {
  const absl::StatusOr<int64_t> count = CountOf(tensor, role);
  if (!count.ok()) return count.status();
  if (tensor.datatype == Datatype::kBytes) return WalkBytes(tensor, role, *count, nullptr);
  const size_t wanted = static_cast<size_t>(*count) * ElementSize(tensor.datatype);
  if (tensor.data.bytes().size() != wanted) {
    return absl::InvalidArgumentError(Cat(TensorLabel(role, tensor.name), ": has ", tensor.data.bytes().size(),
                                          " bytes of data, but ", DatatypeName(tensor.datatype), " of shape ",
                                          ShapeText(tensor.shape), " wants ", wanted));
  }
  return tensor.datatype == Datatype::kBool ? CheckBools(tensor, role) : absl::OkStatus();
}

absl::StatusOr<std::vector<std::string_view>> BytesElements(const Tensor& tensor) {
  if (tensor.datatype != Datatype::kBytes) {
    return absl::InvalidArgumentError(
        Cat("tensor ", Quote(tensor.name), ": has datatype ", DatatypeName(tensor.datatype), ", but wanted BYTES"));
  }
  const absl::StatusOr<int64_t> count = CountOf(tensor, "tensor");
  if (!count.ok()) return count.status();
  std::vector<std::string_view> elements;
  const absl::Status status = WalkBytes(tensor, "tensor", *count, &elements);
  if (!status.ok()) return status;
  return elements;
}

void AppendBytesElement(std::string_view element, std::string* data) {
  const auto length = static_cast<uint32_t>(element.size());
  data->append(reinterpret_cast<const char*>(&length), sizeof(length));
  data->append(element);
}

std::string TensorLabel(std::string_view role, std::string_view name) { return Cat(role, " ", Quote(name)); }

}  // namespace strata::protocol
