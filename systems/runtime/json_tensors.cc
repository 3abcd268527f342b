#include "systems/runtime/json_tensors.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "systems/formats/json.h"
#include "systems/formats/text.h"

namespace strata::runtime {
namespace {

constexpr int kMaxDepth = kMaxRank + 4;

// Reads nested lists of numbers: the sizes, and the elements' bytes in order.
class ListReader {
 public:
  explicit ListReader(DType dtype) : dtype_(dtype) {}

  absl::Status Read(Json json, size_t depth = 0) {
    if (!json.is_array()) {
      if (depth < sizes.size()) return Invalid("is not a list everywhere at depth ", depth);
      leaf_ = true;
      return Append(json);
    }
    if (leaf_ && depth >= sizes.size()) return Invalid("is a list at depth ", depth, " in some places alone");
    if (depth == kMaxRank) return Invalid("has more than ", kMaxRank, " dims");
    int64_t count = 0;
    const bool first = depth == sizes.size();
    if (first) sizes.push_back(0);
    RUNTIME_RETURN_IF_ERROR(json.ForEachElement([&](Json element) {
      ++count;
      return Read(element, depth + 1);
    }));
    if (!first && sizes[depth] != count) return Invalid("has lists of ", sizes[depth], " and of ", count, " elements");
    sizes[depth] = count;
    return absl::OkStatus();
  }

  std::vector<int64_t> sizes;
  std::string bytes;
  int64_t elements = 0;

 private:
  template <class T>
  void Put(T value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    ++elements;
  }

  std::optional<double> Number(Json json) const {
    if (const std::optional<std::string_view> word = json.AsString()) {
      if (*word == "NaN") return std::numeric_limits<double>::quiet_NaN();
      if (*word == "Infinity") return std::numeric_limits<double>::infinity();
      if (*word == "-Infinity") return -std::numeric_limits<double>::infinity();
    }
    return json.AsNumber();
  }

  absl::Status Append(Json json) {
    const auto wrong = [&] { return Invalid("has an element that is no ", NameOf(dtype_)); };
    if (dtype_ == DType::kBool) {
      const std::optional<bool> flag = json.AsBool();
      if (!flag) return wrong();
      Put<uint8_t>(*flag);
    } else if (dtype_ == DType::kI64) {
      if (!PutInteger<int64_t>(json)) return wrong();
    } else if (dtype_ == DType::kI32) {
      if (!PutInteger<int32_t>(json)) return wrong();
    } else if (dtype_ == DType::kI8) {
      if (!PutInteger<int8_t>(json)) return wrong();
    } else if (dtype_ == DType::kU8) {
      if (!PutInteger<uint8_t>(json)) return wrong();
    } else {
      const std::optional<double> value = Number(json);
      if (!value) return wrong();
      if (dtype_ == DType::kF64) Put(*value);
      // float32 takes the shortest decimals of float32 exactly: rounding through double gives the same.
      if (dtype_ == DType::kF32) Put(static_cast<float>(*value));
      if (dtype_ == DType::kBF16) Put(ToBF16(static_cast<float>(*value)).bits);
      if (dtype_ == DType::kF16) Put(ToF16(static_cast<float>(*value)).bits);
    }
    return absl::OkStatus();
  }

  // False where the element is no integer of that size.
  template <class T>
  bool PutInteger(Json json) {
    const std::optional<int64_t> value = json.AsInteger();
    if (!value || !std::in_range<T>(*value)) return false;
    Put(static_cast<T>(*value));
    return true;
  }

  DType dtype_;
  bool leaf_ = false;
};

absl::StatusOr<Tensor> ReadTensor(Json json, DType dtype) {
  ListReader reader(dtype);
  std::optional<Json> shape, data = json;
  if (json.is_object()) RUNTIME_RETURN_IF_ERROR(ReadFields(json, {{"shape", &shape}, {"data", &data}}));
  RUNTIME_RETURN_IF_ERROR(reader.Read(*data));
  if (shape) {
    ListReader sizes(DType::kI64);
    RUNTIME_RETURN_IF_ERROR(sizes.Read(*shape));
    if (sizes.sizes.size() != 1 || sizes.elements > kMaxRank) return Invalid("has a shape that is no list of sizes");
    reader.sizes.assign(static_cast<size_t>(sizes.elements), 0);
    if (!reader.sizes.empty()) std::memcpy(reader.sizes.data(), sizes.bytes.data(), sizes.bytes.size());
  }
  TensorView view;
  view.dtype = dtype;
  view.rank = 0;
  int64_t elements = 1;
  for (const int64_t size : reader.sizes) {
    if (size < 0 || __builtin_mul_overflow(elements, size, &elements)) return Invalid("has an impossible shape");
    view.sizes[static_cast<size_t>(view.rank++)] = size;
  }
  view.MakeContiguous();
  if (elements != reader.elements) return Invalid("has ", reader.elements, " elements, its shape says ", elements);
  view.data = reader.bytes.data();
  return Tensor::CopyOf(view);
}

template <class T>
void AppendNumber(T value, std::string* out) {
  char buffer[32];
  out->append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
}

template <class T>
void AppendFloat(T value, std::string* out) {
  if (std::isfinite(value)) {
    // A whole number beyond 64 bits would come out as digits alone, which readers take for an integer too large.
    if (std::abs(value) < T{0x1p63}) return AppendNumber(value, out);
    char buffer[32];
    out->append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr);
    return;
  }
  *out += std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
}

void AppendElement(const TensorView& view, int64_t i, std::string* out) {
  switch (view.dtype) {
    case DType::kF32:
      return AppendFloat(view.In<float>()[i], out);
    case DType::kF64:
      return AppendFloat(view.In<double>()[i], out);
    case DType::kBF16:
      return AppendFloat(ToFloat(view.In<BF16>()[i]), out);
    case DType::kF16:
      return AppendFloat(ToFloat(view.In<F16>()[i]), out);
    case DType::kI8:
      return AppendNumber(int{view.In<int8_t>()[i]}, out);
    case DType::kI32:
      return AppendNumber(view.In<int32_t>()[i], out);
    case DType::kI64:
      return AppendNumber(view.In<int64_t>()[i], out);
    case DType::kU8:
      return AppendNumber(view.In<uint8_t>()[i], out);
    case DType::kBool:
      *out += view.In<uint8_t>()[i] ? "true" : "false";
      return;
  }
}

void AppendList(const TensorView& view, int dim, int64_t* at, std::string* out) {
  if (dim == view.rank) return AppendElement(view, (*at)++, out);
  *out += '[';
  for (int64_t i = 0; i < view.size(dim); ++i) {
    if (i > 0) *out += ',';
    AppendList(view, dim + 1, at, out);
  }
  *out += ']';
}

}  // namespace

absl::StatusOr<ParsedInputs> ParseInputs(std::string_view json, const Signature& signature) {
  RUNTIME_ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::Parse(json, kMaxDepth));
  std::optional<Json> inputs;
  RUNTIME_RETURN_IF_ERROR(ReadFields(document.root(), {{"inputs", &inputs}}));
  RUNTIME_RETURN_IF_ERROR(WantObject(*inputs, "inputs"));
  ParsedInputs parsed;
  parsed.views.resize(signature.inputs.size());
  RUNTIME_RETURN_IF_ERROR(inputs->ForEachMember([&](std::string_view name, Json value) -> absl::Status {
    const int index = signature.FindInput(name);
    if (index < 0) return Invalid("entry point ", Quote(signature.name), " has no input ", Quote(name));
    const size_t at = static_cast<size_t>(index);
    absl::StatusOr<Tensor> tensor = ReadTensor(value, signature.inputs[at].dtype);
    if (!tensor.ok()) return Invalid("input ", Quote(name), " ", tensor.status().message());
    parsed.tensors.push_back(*std::move(tensor));
    parsed.views[at] = parsed.tensors.back().view();
    return absl::OkStatus();
  }));
  return parsed;
}

std::string OutputsJson(const Signature& signature, absl::Span<const Tensor> outputs) {
  std::string out = "{\"outputs\":{";
  for (size_t o = 0; o < outputs.size(); ++o) {
    int64_t at = 0;
    out += Cat(o > 0 ? "," : "", JsonQuote(signature.outputs[o].name), ":");
    AppendList(outputs[o].view(), 0, &at, &out);
  }
  return out + "}}";
}

}  // namespace strata::runtime
