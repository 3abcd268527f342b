#include <algorithm>
#include <concepts>
#include <limits>
#include <optional>

#include "systems/protocol/decimal.h"
#include "systems/protocol/quote.h"
#include "systems/protocol/tensor_json.h"
#include "systems/protocol/text.h"

namespace strata::protocol {
namespace {

template <class T>
void AppendRaw(T value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof(value));
}

template <class T>
std::optional<T> Narrow(const Decimal& number) {
  if constexpr (std::same_as<T, double>) {
    return ToDouble(number);
  } else if constexpr (std::same_as<T, float>) {
    return ToFloat(number);
  } else if constexpr (std::signed_integral<T>) {
    const std::optional<int64_t> value = ToInt64(number);
    if (!value || *value < std::numeric_limits<T>::min() || *value > std::numeric_limits<T>::max()) return std::nullopt;
    return static_cast<T>(*value);
  } else {
    const std::optional<uint64_t> value = ToUint64(number);
    if (!value || *value > std::numeric_limits<T>::max()) return std::nullopt;
    return static_cast<T>(*value);
  }
}

class DataReader {
 public:
  DataReader(JsonReader* json, const Tensor& tensor, int64_t count) : json_(*json), tensor_(tensor), count_(count) {}

  bool Read(std::string* out) {
    out_ = out;
    // An element takes two bytes of JSON or more ("1,"): a shape that lies gets no memory for its claim.
    const size_t most = std::min(static_cast<size_t>(count_), json_.bytes_left() / 2 + 1);
    out_->reserve(most * std::max<size_t>(ElementSize(tensor_.datatype), 4));
    switch (tensor_.datatype) {
      case Datatype::kBool:
        return ReadArray([this] { return ReadBool(); });
      case Datatype::kUint8:
        return ReadNumbers<uint8_t>();
      case Datatype::kUint16:
        return ReadNumbers<uint16_t>();
      case Datatype::kUint32:
        return ReadNumbers<uint32_t>();
      case Datatype::kUint64:
        return ReadNumbers<uint64_t>();
      case Datatype::kInt8:
        return ReadNumbers<int8_t>();
      case Datatype::kInt16:
        return ReadNumbers<int16_t>();
      case Datatype::kInt32:
        return ReadNumbers<int32_t>();
      case Datatype::kInt64:
        return ReadNumbers<int64_t>();
      case Datatype::kFp16:
        return ReadArray([this] { return ReadSmallFloat(kFp16Format); });
      case Datatype::kBf16:
        return ReadArray([this] { return ReadSmallFloat(kBf16Format); });
      case Datatype::kFp32:
        return ReadNumbers<float>();
      case Datatype::kFp64:
        return ReadNumbers<double>();
      case Datatype::kBytes:
        return ReadArray([this] { return ReadBytes(); });
    }
    return false;
  }

 private:
  template <class T>
  bool ReadNumbers() {
    return ReadArray([this] {
      Decimal number;
      if (!ReadNumber(&number)) return false;
      const std::optional<T> value = Narrow<T>(number);
      if (!value) return OutOfRange(number);
      AppendRaw(*value, out_);
      return true;
    });
  }

  bool ReadSmallFloat(FloatFormat format) {
    Decimal number;
    if (!ReadNumber(&number)) return false;
    const std::optional<uint32_t> bits = ToFloatBits(number, format);
    if (!bits) return OutOfRange(number);
    AppendRaw(static_cast<uint16_t>(*bits), out_);
    return true;
  }

  bool ReadNumber(Decimal* number) {
    const JsonReader::Kind kind = json_.Peek();
    if (kind != JsonReader::Kind::kNumber && kind != JsonReader::Kind::kNone) return WrongKind("a number");
    return json_.ReadNumber(number);
  }

  bool ReadBool() {
    bool value = false;
    if (json_.Peek() != JsonReader::Kind::kBool) return WrongKind("true or false");
    if (!json_.ReadBool(&value)) return false;
    out_->push_back(static_cast<char>(value));
    return true;
  }

  bool ReadBytes() {
    std::string_view value;
    if (json_.Peek() != JsonReader::Kind::kString) return WrongKind("a string");
    if (!json_.ReadString(&value)) return false;
    AppendBytesElement(value, out_);
    return true;
  }

  template <class ReadOne>
  bool ReadArray(const ReadOne& read_one) {
    if (json_.Peek() != JsonReader::Kind::kArray) return Fail("data is not an array");
    if (!json_.EnterArray()) return false;
    if (!json_.NextElement()) return json_.ok() && (count_ == 0 || CountMismatch(0));
    if (json_.Peek() == JsonReader::Kind::kArray && tensor_.shape.size() > 1) return ReadNested(0, read_one);
    do {
      if (done_ == count_) return TooMany();
      if (!read_one()) return false;
      ++done_;
    } while (json_.NextElement());
    return json_.ok() && (done_ == count_ || CountMismatch(done_));
  }

  // REQUIRES: the array of `level` was entered and has an element. Recursion is bounded by the rank.
  template <class ReadOne>
  bool ReadNested(size_t level, const ReadOne& read_one) {
    const bool last = level + 1 == tensor_.shape.size();
    int64_t entries = 0;
    do {
      if (entries == tensor_.shape[level]) return NestedMismatch(level, entries + 1);
      ++entries;
      if (last) {
        if (!read_one()) return false;
        ++done_;
        continue;
      }
      if (json_.Peek() != JsonReader::Kind::kArray) return WrongKind("an array, as the nesting before it says,");
      if (!json_.EnterArray()) return false;
      if (json_.NextElement()) {
        if (!ReadNested(level + 1, read_one)) return false;
      } else if (!json_.ok() || tensor_.shape[level + 1] != 0) {
        return NestedMismatch(level + 1, 0);
      }
    } while (json_.NextElement());
    return json_.ok() && (entries == tensor_.shape[level] || NestedMismatch(level, entries));
  }

  bool Fail(std::string_view what) {
    json_.Fail(absl::InvalidArgumentError(Cat(TensorLabel("input", tensor_.name), ": ", what)));
    return false;
  }

  bool CountMismatch(int64_t had) {
    return Fail(Cat("data has ", had, " elements, but shape ", ShapeText(tensor_.shape), " wants ", count_));
  }

  bool TooMany() {
    return Fail(Cat("data has more than the ", count_, " elements that shape ", ShapeText(tensor_.shape), " wants"));
  }

  bool NestedMismatch(size_t level, int64_t had) {
    const bool more = had > tensor_.shape[level];
    return Fail(Cat("an array at nesting level ", level + 1, " of data has ", more ? "at least " : "", had,
                    " entries, but shape ", ShapeText(tensor_.shape), " wants ", tensor_.shape[level]));
  }

  bool WrongKind(std::string_view wanted) {
    if (json_.Peek() == JsonReader::Kind::kNone) return json_.SkipValue();  // not JSON: its own message
    static constexpr std::string_view kNames[] = {"an object", "an array", "a string", "a number", "a bool", "null"};
    return Fail(Cat("element ", done_, " of data is ", kNames[static_cast<size_t>(json_.Peek())], ", but wanted ",
                    wanted, " for ", DatatypeName(tensor_.datatype)));
  }

  bool OutOfRange(const Decimal& number) {
    return Fail(Cat("element ", done_, " of data is ", Quote(number.text), ", which ", DatatypeName(tensor_.datatype),
                    " cannot hold"));
  }

  JsonReader& json_;
  const Tensor& tensor_;
  const int64_t count_;
  int64_t done_ = 0;
  std::string* out_ = nullptr;
};

}  // namespace

bool ReadTensorData(JsonReader* json, Tensor* tensor) {
  const absl::StatusOr<int64_t> count = ElementCount(tensor->shape, std::numeric_limits<int64_t>::max());
  if (!count.ok()) {
    json->Fail(count.status());
    return false;
  }
  std::string data;
  if (!DataReader(json, *tensor, *count).Read(&data)) return false;
  tensor->data = TensorData::Own(std::move(data));
  return true;
}

}  // namespace strata::protocol
