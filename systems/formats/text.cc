#include "systems/formats/text.h"

#include <algorithm>
#include <cstdint>

namespace strata::runtime {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsWord(char c) { return IsDigit(c) || IsUpper(c) || (c >= 'a' && c <= 'z') || c == '_'; }

}  // namespace

std::string CatPieces(std::initializer_list<const Piece*> pieces) {
  std::string out;
  for (const Piece* piece : pieces) out += piece->text();
  return out;
}

std::string Quote(std::string_view text) {
  constexpr size_t kMost = 64;
  constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text.substr(0, kMost)) {
    const auto byte = static_cast<uint8_t>(c);
    if (c == '"' || c == '\\') out += '\\';
    if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out + (text.size() > kMost ? "...\"" : "\"");
}

std::string JsonQuote(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte < 0x20) {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

absl::Status Annotate(const absl::Status& status, std::string_view where) {
  if (status.ok()) return status;
  return absl::Status(status.code(), Cat(where, ": ", status.message()));
}

absl::Status FromKernel(const strata::Status& status) {
  switch (status.code()) {
    case StatusCode::kOk:
      return absl::OkStatus();
    case StatusCode::kInvalidArgument:
      return absl::InvalidArgumentError(status.message());
    case StatusCode::kNotFound:
      return absl::NotFoundError(status.message());
    case StatusCode::kUnimplemented:
      return absl::UnimplementedError(status.message());
    case StatusCode::kFailedPrecondition:
      return absl::FailedPreconditionError(status.message());
    case StatusCode::kInternal:
      return absl::InternalError(status.message());
  }
  return absl::UnknownError(status.message());
}

std::string BytesText(size_t bytes) {
  if (bytes < 1024) return Cat(bytes, " bytes");
  constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  for (; value >= 1024; value /= 1024) ++unit;
  const auto tenths = static_cast<int64_t>(value * 10 + 0.5);
  return Cat(tenths / 10, ".", tenths % 10, " ", kUnits[unit]);
}

bool IsValueName(std::string_view text) {
  return !text.empty() && text.size() <= 256 && IsWord(text[0]) && !IsDigit(text[0]) &&
         std::all_of(text.begin(), text.end(), [](char c) { return IsWord(c) || c == '.'; });
}

bool IsDimName(std::string_view text) {
  return !text.empty() && text.size() <= 32 && IsUpper(text[0]) && std::all_of(text.begin(), text.end(), IsWord);
}

bool IsModelName(std::string_view text, size_t max) {
  return !text.empty() && text.size() <= max && IsWord(text[0]) && text[0] != '_' &&
         std::all_of(text.begin(), text.end(), [](char c) { return IsWord(c) || c == '.' || c == '-'; });
}

}  // namespace strata::runtime
