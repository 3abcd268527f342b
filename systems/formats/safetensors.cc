#include "systems/formats/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <tuple>

#include "systems/formats/json.h"
#include "systems/formats/text.h"

namespace strata::runtime {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian and is read in place");

constexpr size_t kPrefixBytes = 8;
constexpr std::string_view kDTypeNames[kNumDTypes] = {"F32", "BF16", "F64", "I32", "I64", "U8", "BOOL", "F16", "I8"};

absl::StatusOr<DType> ParseDType(Json json) {
  RUNTIME_ASSIGN_OR_RETURN(const std::string text, StringOf(json, "dtype", 16));
  for (int i = 0; i < kNumDTypes; ++i) {
    if (kDTypeNames[i] == text) return static_cast<DType>(i);
  }
  return Invalid("dtype is ", Quote(text), ", wanted F32, BF16, F16, F64, I32, I64, I8, U8 or BOOL");
}

// The sizes and, from them, the number of bytes.
absl::Status ParseShape(Json json, SafeTensors::Entry* entry) {
  RUNTIME_RETURN_IF_ERROR(WantArray(json, "shape"));
  TensorView& view = entry->view;
  view.rank = 0;
  size_t elements = 1;
  bool empty = false;
  RUNTIME_RETURN_IF_ERROR(json.ForEachElement([&](Json element) -> absl::Status {
    if (view.rank == kMaxRank) return Invalid("shape has more than ", kMaxRank, " dims");
    RUNTIME_ASSIGN_OR_RETURN(const int64_t size, IntegerOf(element, "a size", 0, INT64_MAX));
    view.sizes[static_cast<size_t>(view.rank++)] = size;
    empty |= size == 0;
    // Sizes beside a 0 are multiplied as well, so that no stride overflows.
    if (__builtin_mul_overflow(elements, static_cast<size_t>(std::max<int64_t>(size, 1)), &elements)) {
      return Invalid("shape has more elements than fit in 64 bits");
    }
    return absl::OkStatus();
  }));
  size_t bytes = 0;
  if (__builtin_mul_overflow(elements, SizeOf(view.dtype), &bytes) || bytes > static_cast<size_t>(INT64_MAX)) {
    return Invalid("shape has more elements than fit in 64 bits");
  }
  entry->num_bytes = empty ? 0 : bytes;
  view.MakeContiguous();
  return absl::OkStatus();
}

absl::StatusOr<size_t> ParseOffsets(Json json, size_t num_bytes, size_t data_bytes) {
  RUNTIME_RETURN_IF_ERROR(WantArray(json, "data_offsets"));
  std::vector<int64_t> offsets;
  RUNTIME_RETURN_IF_ERROR(json.ForEachElement([&](Json element) -> absl::Status {
    if (offsets.size() == 2) return Invalid("data_offsets has more than 2 numbers");
    RUNTIME_ASSIGN_OR_RETURN(const int64_t offset,
                             IntegerOf(element, "an offset", 0, static_cast<int64_t>(data_bytes)));
    offsets.push_back(offset);
    return absl::OkStatus();
  }));
  if (offsets.size() != 2) return Invalid("data_offsets has ", offsets.size(), " numbers, wanted 2");
  if (offsets[0] > offsets[1] || static_cast<size_t>(offsets[1] - offsets[0]) != num_bytes) {
    return Invalid("data_offsets are ", offsets[0], " and ", offsets[1], ", wanted ", num_bytes,
                   " bytes as dtype and shape say");
  }
  return static_cast<size_t>(offsets[0]);
}

absl::Status ParseMetadata(Json json) {
  RUNTIME_RETURN_IF_ERROR(WantObject(json, "__metadata__"));
  return json.ForEachMember([](std::string_view key, Json value) {
    if (value.AsString()) return absl::OkStatus();
    return Invalid("__metadata__: ", Quote(key), " is ", value.KindText(), ", wanted a string");
  });
}

absl::StatusOr<SafeTensors::Entry> ParseEntry(Json json, absl::Span<const std::byte> data) {
  std::optional<Json> dtype, shape, offsets;
  RUNTIME_RETURN_IF_ERROR(ReadFields(json, {{"dtype", &dtype}, {"shape", &shape}, {"data_offsets", &offsets}}));
  SafeTensors::Entry entry;
  RUNTIME_ASSIGN_OR_RETURN(entry.view.dtype, ParseDType(*dtype));
  RUNTIME_RETURN_IF_ERROR(ParseShape(*shape, &entry));
  RUNTIME_ASSIGN_OR_RETURN(const size_t begin, ParseOffsets(*offsets, entry.num_bytes, data.size()));
  entry.view.data = const_cast<std::byte*>(data.data() + begin);
  return entry;
}

// Tensors cover the data from its first byte to its last, one after the other.
absl::Status CheckCover(const std::vector<SafeTensors::Entry>& entries, absl::Span<const std::byte> data) {
  const std::byte* at = data.data();
  for (const SafeTensors::Entry& entry : entries) {
    if (entry.view.data != at) {
      const auto* begin = static_cast<const std::byte*>(entry.view.data);
      return Invalid("tensor ", Quote(entry.name), " begins at byte ", begin - data.data(), ", ",
                     begin < at ? "inside the tensor before it" : "after a gap", ": wanted ", at - data.data());
    }
    at += entry.num_bytes;
  }
  if (at == data.data() + data.size()) return absl::OkStatus();
  return Invalid("the tensors end at byte ", at - data.data(), " of ", data.size(), ", wanted no bytes after them");
}

absl::Status CheckBools(const SafeTensors::Entry& entry) {
  if (entry.view.dtype != DType::kBool) return absl::OkStatus();
  const auto* bytes = static_cast<const uint8_t*>(entry.view.data);
  for (size_t i = 0; i < entry.num_bytes; ++i) {
    if (bytes[i] > 1) return Invalid("tensor ", Quote(entry.name), " has the byte ", int{bytes[i]}, ", wanted 0 or 1");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SafeTensors> SafeTensors::Parse(absl::Span<const std::byte> bytes) {
  uint64_t header_bytes = 0;
  if (bytes.size() < kPrefixBytes) return Invalid("the file has ", bytes.size(), " bytes, wanted at least 8");
  std::memcpy(&header_bytes, bytes.data(), kPrefixBytes);
  const size_t rest = bytes.size() - kPrefixBytes;
  if (header_bytes > rest || header_bytes > kMaxHeaderBytes) {
    return Invalid("the header has ", header_bytes, " bytes, wanted at most ", std::min(rest, kMaxHeaderBytes));
  }
  const std::string_view header(reinterpret_cast<const char*>(bytes.data()) + kPrefixBytes, header_bytes);
  if (header.empty() || header[0] != '{') return Invalid("the header does not begin with {");
  const absl::Span<const std::byte> data = bytes.subspan(kPrefixBytes + header_bytes);

  RUNTIME_ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::Parse(header, /*max_depth=*/4));
  SafeTensors out;
  RUNTIME_RETURN_IF_ERROR(document.root().ForEachMember([&](std::string_view name, Json json) -> absl::Status {
    if (name == "__metadata__") return ParseMetadata(json);
    if (name.empty() || name.size() > 512) return Invalid("a name has ", name.size(), " bytes, wanted 1 to 512");
    absl::StatusOr<Entry> entry = ParseEntry(json, data);
    if (!entry.ok()) return Annotate(entry.status(), Cat("tensor ", Quote(name)));
    entry->name = std::string(name);
    out.entries_.push_back(*std::move(entry));
    return absl::OkStatus();
  }));
  // Empty tensors share their place with the next one and come first.
  std::sort(out.entries_.begin(), out.entries_.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.view.data, a.num_bytes, a.name) < std::tie(b.view.data, b.num_bytes, b.name);
  });
  RUNTIME_RETURN_IF_ERROR(CheckCover(out.entries_, data));
  for (const Entry& entry : out.entries_) RUNTIME_RETURN_IF_ERROR(CheckBools(entry));
  for (size_t i = 0; i < out.entries_.size(); ++i) out.index_.emplace(out.entries_[i].name, i);
  return out;
}

const SafeTensors::Entry* SafeTensors::Find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &entries_[found->second];
}

std::string WriteSafeTensors(absl::Span<const NamedTensor> tensors) {
  std::vector<const NamedTensor*> order;
  for (const NamedTensor& tensor : tensors) order.push_back(&tensor);
  // Wide elements first: then each tensor is aligned to its own without a gap.
  std::sort(order.begin(), order.end(), [](const NamedTensor* a, const NamedTensor* b) {
    const size_t x = SizeOf(a->view.dtype), y = SizeOf(b->view.dtype);
    return x != y ? x > y : a < b;
  });
  std::string header = "{";
  size_t offset = 0;
  for (const NamedTensor* tensor : order) {
    const TensorView& view = tensor->view;
    const size_t bytes = static_cast<size_t>(view.numel()) * SizeOf(view.dtype);
    header += Cat(header.size() > 1 ? "," : "", JsonQuote(tensor->name), ":{\"dtype\":\"",
                  kDTypeNames[static_cast<size_t>(view.dtype)], "\",\"shape\":[");
    for (int i = 0; i < view.rank; ++i) header += Cat(i ? "," : "", view.size(i));
    header += Cat("],\"data_offsets\":[", offset, ",", offset + bytes, "]}");
    offset += bytes;
  }
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const uint64_t header_bytes = header.size();
  std::string out(reinterpret_cast<const char*>(&header_bytes), kPrefixBytes);
  out += header;
  out.reserve(out.size() + offset);
  for (const NamedTensor* tensor : order) {
    const TensorView& view = tensor->view;
    const size_t bytes = static_cast<size_t>(view.numel()) * SizeOf(view.dtype);
    if (bytes > 0) out.append(static_cast<const char*>(view.data), bytes);
  }
  return out;
}

}  // namespace strata::runtime
