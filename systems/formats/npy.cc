#include "systems/formats/npy.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>

#include "systems/formats/text.h"

namespace strata::runtime {
namespace {

constexpr std::string_view kMagic("\x93NUMPY", 6);

struct Name {
  std::string_view text;
  DType dtype;
};
constexpr Name kNames[] = {{"'<f4'", DType::kF32}, {"'<f8'", DType::kF64}, {"'<i4'", DType::kI32},
                           {"'<i8'", DType::kI64}, {"'|u1'", DType::kU8},  {"'|b1'", DType::kBool},
                           {"'<f2'", DType::kF16}, {"'|i1'", DType::kI8}};

// The text after `'key': ` in the header's Python dict.
std::optional<std::string_view> ValueOf(std::string_view header, std::string_view key) {
  const std::string quoted = Cat("'", key, "':");
  const size_t at = header.find(quoted);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view rest = header.substr(at + quoted.size());
  while (!rest.empty() && rest[0] == ' ') rest.remove_prefix(1);
  return rest;
}

absl::StatusOr<DType> ReadDescr(std::string_view header) {
  const std::optional<std::string_view> value = ValueOf(header, "descr");
  for (const Name& name : kNames) {
    if (value && value->substr(0, name.text.size()) == name.text) return name.dtype;
  }
  return Invalid("the array's descr is ", Quote(value ? value->substr(0, 8) : "missing"),
                 ", wanted <f2, <f4, <f8, |i1, <i4, <i8, |u1 or |b1");
}

// "(2, 3)", "(2,)" or "()".
absl::Status ReadShape(std::string_view header, TensorView* view) {
  const absl::Status wrong = Invalid("the array's shape is not understood");
  std::optional<std::string_view> value = ValueOf(header, "shape");
  if (!value || value->empty() || (*value)[0] != '(') return wrong;
  std::string_view rest = value->substr(1);
  int64_t elements = 1;
  for (view->rank = 0;;) {
    while (!rest.empty() && (rest[0] == ' ' || rest[0] == ',')) rest.remove_prefix(1);
    if (!rest.empty() && rest[0] == ')') return absl::OkStatus();
    int64_t size = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), size);
    if (error != std::errc() || size < 0 || view->rank == kMaxRank ||
        __builtin_mul_overflow(elements, std::max<int64_t>(size, 1), &elements) || elements > (int64_t{1} << 48)) {
      return wrong;
    }
    view->sizes[static_cast<size_t>(view->rank++)] = size;
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
  }
}

}  // namespace

absl::StatusOr<TensorView> ParseNpy(absl::Span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.size() < 12 || text.substr(0, 6) != kMagic) return Invalid("this is no .npy file");
  const int version = text[6];
  if (version < 1 || version > 3) return Invalid("the .npy file has version ", version, ", wanted 1 to 3");
  uint32_t length = 0;
  const size_t prefix = version == 1 ? 10 : 12;
  std::memcpy(&length, text.data() + 8, prefix - 8);
  if (length > text.size() - prefix) return Invalid("the header has ", length, " bytes, which the file has not");
  const std::string_view header = text.substr(prefix, length);
  TensorView view;
  RUNTIME_ASSIGN_OR_RETURN(view.dtype, ReadDescr(header));
  const std::optional<std::string_view> order = ValueOf(header, "fortran_order");
  if (!order || order->substr(0, 5) != "False") return Invalid("the array is not in C order");
  RUNTIME_RETURN_IF_ERROR(ReadShape(header, &view));
  view.MakeContiguous();
  const size_t wanted = static_cast<size_t>(view.numel()) * SizeOf(view.dtype), had = text.size() - prefix - length;
  if (had != wanted) return Invalid("the array has ", had, " bytes, its shape says ", wanted);
  view.data = const_cast<char*>(text.data() + prefix + length);
  const auto* values = static_cast<const uint8_t*>(view.data);
  if (view.dtype == DType::kBool && std::any_of(values, values + wanted, [](uint8_t v) { return v > 1; })) {
    return Invalid("the array of bools has a byte that is not 0 or 1");
  }
  return view;
}

absl::StatusOr<std::string> WriteNpy(const TensorView& view) {
  const auto name =
      std::find_if(std::begin(kNames), std::end(kNames), [&](const Name& n) { return n.dtype == view.dtype; });
  if (name == std::end(kNames)) {
    return Invalid("numpy has no ", NameOf(view.dtype), ": write a .safetensors");
  }
  std::string header = Cat("{'descr': ", name->text, ", 'fortran_order': False, 'shape': (");
  for (int d = 0; d < view.rank; ++d) header += Cat(view.size(d), d + 1 < view.rank || view.rank == 1 ? "," : "");
  header += "), }";
  constexpr size_t kPrefix = 10, kLine = 64;  // data begins on a line
  header.resize((kPrefix + header.size() + kLine) / kLine * kLine - kPrefix - 1, ' ');
  header += '\n';
  std::string bytes(kMagic);
  bytes += std::string("\x01\x00", 2);
  bytes += static_cast<char>(header.size() & 0xff);
  bytes += static_cast<char>(header.size() >> 8);
  bytes += header;
  bytes.append(static_cast<const char*>(view.data), static_cast<size_t>(view.numel()) * SizeOf(view.dtype));
  return bytes;
}

}  // namespace strata::runtime
