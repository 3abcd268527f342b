#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "systems/protocol/decimal.h"
#include "systems/protocol/json_writer.h"
#include "systems/protocol/tensor_json.h"
#include "systems/protocol/text.h"

namespace strata::protocol {
namespace {

absl::Status NotInJson(const Tensor& tensor, size_t element, std::string_view what) {
  return absl::FailedPreconditionError(Cat(TensorLabel("output", tensor.name), ": element ", element, " is ", what,
                                           ", which JSON cannot carry; ask for binary_data"));
}

template <class T>
absl::Status AppendOne(const Tensor& tensor, size_t i, T value, std::string* out) {
  if constexpr (std::floating_point<T>) {
    if (!std::isfinite(value)) return NotInJson(tensor, i, std::isnan(value) ? "NaN" : "infinite");
  }
  AppendJsonNumber(value, out);
  return absl::OkStatus();
}

// `Stored` is what lies in the data, `convert` makes it what is written.
template <class Stored, class Convert>
absl::Status AppendNumbers(const Tensor& tensor, const Convert& convert, std::string* out) {
  const std::string_view bytes = tensor.data.bytes();
  const size_t count = bytes.size() / sizeof(Stored);
  // 12 bytes are about what a float32 and its comma take.
  out->reserve(out->size() + count * (sizeof(Stored) >= 4 ? 12 : 5));
  for (size_t i = 0; i < count; ++i) {
    Stored value;
    std::memcpy(&value, bytes.data() + i * sizeof(Stored), sizeof(Stored));
    if (i > 0) out->push_back(',');
    const absl::Status status = AppendOne(tensor, i, convert(value), out);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

template <class T>
absl::Status AppendNumbers(const Tensor& tensor, std::string* out) {
  return AppendNumbers<T>(tensor, [](T value) { return value; }, out);
}

absl::Status AppendSmallFloats(const Tensor& tensor, FloatFormat format, std::string* out) {
  return AppendNumbers<uint16_t>(tensor, [format](uint16_t bits) { return FloatFromBits(bits, format); }, out);
}

absl::Status AppendBools(const Tensor& tensor, std::string* out) {
  const std::string_view bytes = tensor.data.bytes();
  for (size_t i = 0; i < bytes.size(); ++i) {
    CatTo(out, i > 0 ? "," : "", bytes[i] != 0 ? "true" : "false");
  }
  return absl::OkStatus();
}

absl::Status AppendStrings(const Tensor& tensor, std::string* out) {
  const absl::StatusOr<std::vector<std::string_view>> elements = BytesElements(tensor);
  if (!elements.ok()) return elements.status();
  for (size_t i = 0; i < elements->size(); ++i) {
    if (!IsUtf8((*elements)[i])) return NotInJson(tensor, i, "not UTF-8");
    if (i > 0) out->push_back(',');
    AppendJsonString((*elements)[i], out);
  }
  return absl::OkStatus();
}

absl::Status AppendElements(const Tensor& tensor, std::string* out) {
  switch (tensor.datatype) {
    case Datatype::kBool:
      return AppendBools(tensor, out);
    case Datatype::kUint8:
      return AppendNumbers<uint8_t>(tensor, out);
    case Datatype::kUint16:
      return AppendNumbers<uint16_t>(tensor, out);
    case Datatype::kUint32:
      return AppendNumbers<uint32_t>(tensor, out);
    case Datatype::kUint64:
      return AppendNumbers<uint64_t>(tensor, out);
    case Datatype::kInt8:
      return AppendNumbers<int8_t>(tensor, out);
    case Datatype::kInt16:
      return AppendNumbers<int16_t>(tensor, out);
    case Datatype::kInt32:
      return AppendNumbers<int32_t>(tensor, out);
    case Datatype::kInt64:
      return AppendNumbers<int64_t>(tensor, out);
    case Datatype::kFp16:
      return AppendSmallFloats(tensor, kFp16Format, out);
    case Datatype::kBf16:
      return AppendSmallFloats(tensor, kBf16Format, out);
    case Datatype::kFp32:
      return AppendNumbers<float>(tensor, out);
    case Datatype::kFp64:
      return AppendNumbers<double>(tensor, out);
    case Datatype::kBytes:
      return AppendStrings(tensor, out);
  }
  return absl::InternalError("a datatype outside the enum");
}

}  // namespace

absl::Status AppendTensorData(const Tensor& tensor, std::string* out) {
  out->push_back('[');
  const absl::Status status = AppendElements(tensor, out);
  out->push_back(']');
  return status;
}

}  // namespace strata::protocol
