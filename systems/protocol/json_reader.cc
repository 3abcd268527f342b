#include "systems/protocol/json_reader.h"

#include <utility>

#include "systems/protocol/json_writer.h"
#include "systems/protocol/quote.h"
#include "systems/protocol/text.h"

namespace strata::protocol {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// "NaN" and "Infinity" are what Python's json module writes, though JSON does not have them.
bool LooksNonFinite(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return text.starts_with("NaN") || text.starts_with("Inf") || text.starts_with("nan") || text.starts_with("inf");
}

void AppendUtf8(uint32_t code, std::string* out) {
  const auto push = [out](uint32_t byte) { out->push_back(static_cast<char>(byte)); };
  if (code < 0x80) return push(code);
  if (code < 0x800) {
    push(0xC0 | (code >> 6));
  } else {
    if (code < 0x10000) {
      push(0xE0 | (code >> 12));
    } else {
      push(0xF0 | (code >> 18));
      push(0x80 | ((code >> 12) & 0x3F));
    }
    push(0x80 | ((code >> 6) & 0x3F));
  }
  push(0x80 | (code & 0x3F));
}

}  // namespace

JsonReader::JsonReader(std::string_view text, int max_depth)
    : begin_(text.data()), at_(begin_), end_(begin_ + text.size()), max_depth_(max_depth) {
  if (!IsUtf8(text)) Fail(absl::InvalidArgumentError("the request's JSON is not valid UTF-8"));
}

void JsonReader::Fail(absl::Status status) {
  if (status_.ok()) status_ = std::move(status);
  at_ = end_;  // so that a loop over the rest stops at once
}

bool JsonReader::Invalid(const char* wanted) {
  if (!ok()) return false;
  const std::string_view rest(at_, bytes_left());
  if (LooksNonFinite(rest)) {
    Fail(absl::InvalidArgumentError(Cat("the request's JSON is not valid at byte ", at_ - begin_,
                                        ": JSON has no NaN and no infinity, so send such values as binary "
                                        "tensor data")));
    return false;
  }
  const std::string found = rest.empty() ? "the end" : Quote(rest.substr(0, 12));
  Fail(absl::InvalidArgumentError(
      Cat("the request's JSON is not valid at byte ", at_ - begin_, ": wanted ", wanted, " but found ", found)));
  return false;
}

void JsonReader::Restore(const Mark& mark) {
  if (!ok()) return;
  at_ = mark.at;
  depth_ = mark.depth;
  first_ = mark.first;
}

void JsonReader::SkipSpace() {
  while (at_ != end_ && IsSpace(*at_)) ++at_;
}

JsonReader::Kind JsonReader::Peek() {
  SkipSpace();
  if (at_ == end_) return Kind::kNone;
  switch (*at_) {
    case '{':
      return Kind::kObject;
    case '[':
      return Kind::kArray;
    case '"':
      return Kind::kString;
    case 't':
    case 'f':
      return Kind::kBool;
    case 'n':
      return Kind::kNull;
    default:
      return *at_ == '-' || IsDigit(*at_) ? Kind::kNumber : Kind::kNone;
  }
}

bool JsonReader::Expect(char c, const char* wanted) {
  SkipSpace();
  if (at_ == end_ || *at_ != c) return Invalid(wanted);
  ++at_;
  return true;
}

bool JsonReader::Enter(char open, const char* wanted) {
  if (!ok() || !Expect(open, wanted)) return false;
  if (++depth_ > max_depth_) {
    Fail(absl::InvalidArgumentError(
        Cat("the request's JSON is nested deeper than the limit of ", max_depth_, " levels")));
    return false;
  }
  first_ = true;
  return true;
}

bool JsonReader::EnterObject() { return Enter('{', "an object"); }
bool JsonReader::EnterArray() { return Enter('[', "an array"); }

bool JsonReader::NextItem(char close) {
  SkipSpace();
  if (at_ != end_ && *at_ == close) {
    ++at_;
    --depth_;
    first_ = false;
    return false;
  }
  if (std::exchange(first_, false)) return ok();
  return Expect(',', close == ']' ? "',' or ']'" : "',' or '}'");
}

bool JsonReader::NextElement() { return NextItem(']'); }

bool JsonReader::NextKey(std::string_view* key) { return NextItem('}') && ReadString(key) && Expect(':', "':'"); }

bool JsonReader::ReadString(std::string_view* value) {
  if (!Expect('"', "a string")) return false;
  const char* start = at_;
  while (at_ != end_) {
    const char c = *at_;
    if (c == '"') {
      *value = std::string_view(start, static_cast<size_t>(at_ - start));
      ++at_;
      return true;
    }
    if (c == '\\') return ReadEscapedString(start, value);
    if (static_cast<unsigned char>(c) < 0x20) return Invalid("a string without bare control characters");
    ++at_;
  }
  return Invalid("the closing '\"' of a string");
}

bool JsonReader::ReadEscapedString(const char* start, std::string_view* value) {
  scratch_.assign(start, static_cast<size_t>(at_ - start));
  while (at_ != end_) {
    const char c = *at_;
    if (c == '"') {
      ++at_;
      *value = scratch_;
      return true;
    }
    if (static_cast<unsigned char>(c) < 0x20) return Invalid("a string without bare control characters");
    ++at_;
    if (c != '\\') {
      scratch_.push_back(c);
    } else if (!AppendEscape()) {
      return false;
    }
  }
  return Invalid("the closing '\"' of a string");
}

bool JsonReader::ReadHex4(uint32_t* value) {
  *value = 0;
  for (int i = 0; i < 4; ++i, ++at_) {
    const char c = at_ == end_ ? '\0' : *at_;
    const char lower = static_cast<char>(c | 0x20);
    if (!IsDigit(c) && (lower < 'a' || lower > 'f')) return Invalid("four hexadecimal digits after \\u");
    *value = *value * 16 + static_cast<uint32_t>(IsDigit(c) ? c - '0' : lower - 'a' + 10);
  }
  return true;
}

bool JsonReader::AppendEscape() {
  static constexpr std::string_view kNames = "\"\\/bfnrt";
  static constexpr std::string_view kValues = "\"\\/\b\f\n\r\t";
  const char name = at_ == end_ ? '\0' : *at_;
  if (name != 'u') {
    const size_t i = kNames.find(name);
    if (at_ == end_ || i == std::string_view::npos) return Invalid("an escape such as \\n or \\u0041");
    ++at_;
    scratch_.push_back(kValues[i]);
    return true;
  }
  ++at_;
  uint32_t code = 0;
  if (!ReadHex4(&code)) return false;
  if (code >= 0xD800 && code < 0xE000) {
    // UTF-16 pairs: a half alone is no character and has no UTF-8.
    uint32_t low = 0;
    if (code >= 0xDC00 || bytes_left() < 2 || at_[0] != '\\' || at_[1] != 'u') return Invalid("a surrogate pair");
    at_ += 2;
    if (!ReadHex4(&low)) return false;
    if (low < 0xDC00 || low >= 0xE000) return Invalid("a surrogate pair");
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }
  AppendUtf8(code, &scratch_);
  return true;
}

bool JsonReader::ReadNumber(Decimal* value) {
  SkipSpace();
  *value = Decimal();
  const char* start = at_;
  if (at_ != end_ && *at_ == '-') {
    value->negative = true;
    ++at_;
  }
  int digits = 0;  // significant ones in the mantissa
  const auto take = [&](int places_after_point) {
    if (digits < 19) {
      value->mantissa = value->mantissa * 10 + static_cast<uint64_t>(*at_ - '0');
      digits += value->mantissa != 0;
      value->exponent10 -= places_after_point;
    } else {
      value->truncated = true;
      value->exponent10 += 1 - places_after_point;
    }
    ++at_;
  };
  if (at_ == end_ || !IsDigit(*at_)) {
    at_ = start;  // show the whole token, "-Infinity" and not "Infinity"
    return Invalid("a number");
  }
  const bool leading_zero = *at_ == '0';
  take(0);
  if (leading_zero && at_ != end_ && IsDigit(*at_)) return Invalid("a number without leading zeros");
  while (at_ != end_ && IsDigit(*at_)) take(0);
  if (at_ != end_ && *at_ == '.') {
    value->is_integer = false;
    ++at_;
    if (at_ == end_ || !IsDigit(*at_)) return Invalid("a digit after the decimal point");
    while (at_ != end_ && IsDigit(*at_)) take(1);
  }
  if (at_ != end_ && (*at_ == 'e' || *at_ == 'E') && !ReadExponent(value)) return false;
  value->text = std::string_view(start, static_cast<size_t>(at_ - start));
  return true;
}

bool JsonReader::ReadExponent(Decimal* value) {
  value->is_integer = false;
  ++at_;
  bool negative = false;
  if (at_ != end_ && (*at_ == '+' || *at_ == '-')) negative = *at_++ == '-';
  if (at_ == end_ || !IsDigit(*at_)) return Invalid("a digit in the exponent");
  int64_t exponent = 0;
  for (; at_ != end_ && IsDigit(*at_); ++at_) {
    // Far beyond any datatype and any body's number of digits, and far from overflow.
    if (exponent < int64_t{1} << 50) exponent = exponent * 10 + (*at_ - '0');
  }
  value->exponent10 += negative ? -exponent : exponent;
  return true;
}

bool JsonReader::ReadWord(std::string_view word, const char* wanted) {
  SkipSpace();
  if (!std::string_view(at_, bytes_left()).starts_with(word)) return Invalid(wanted);
  at_ += word.size();
  return true;
}

bool JsonReader::ReadBool(bool* value) {
  SkipSpace();
  *value = at_ != end_ && *at_ == 't';
  return ReadWord(*value ? "true" : "false", "true or false");
}

bool JsonReader::ReadNull() { return ReadWord("null", "null"); }

bool JsonReader::SkipValue() {
  std::string_view text;
  Decimal number;
  bool flag;
  switch (Peek()) {
    case Kind::kObject:  // recursion is bounded by max_depth
      EnterObject();
      while (NextKey(&text)) SkipValue();
      return ok();
    case Kind::kArray:
      EnterArray();
      while (NextElement()) SkipValue();
      return ok();
    case Kind::kString:
      return ReadString(&text);
    case Kind::kNumber:
      return ReadNumber(&number);
    case Kind::kBool:
      return ReadBool(&flag);
    case Kind::kNull:
      return ReadNull();
    case Kind::kNone:
      break;
  }
  return Invalid("a value");
}

bool JsonReader::Finish() {
  SkipSpace();
  return ok() && (at_ == end_ || Invalid("the end of the document"));
}

}  // namespace strata::protocol
