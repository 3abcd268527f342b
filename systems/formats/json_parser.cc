#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "systems/formats/json_node.h"
#include "systems/formats/text.h"

namespace strata::runtime {
namespace {

using Kind = JsonNode::Kind;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Bytes of the UTF-8 character at the front of `text`; 0 where it is none. Overlong forms and surrogates are none.
size_t CharacterBytes(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto follows = [&](size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
  const unsigned first = byte(0), second = byte(1);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first < 0xE0) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first < 0xF0) {
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)) return 0;
    return follows(1) && follows(2) ? 3 : 0;
  }
  if (first < 0xF0 || first > 0xF4 || (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) return 0;
  return follows(1) && follows(2) && follows(3) ? 4 : 0;
}

char* AppendCharacter(uint32_t code, char* to) {
  const auto put = [&](uint32_t byte) { *to++ = static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6), put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12), put(0x80 | (code >> 6 & 0x3F)), put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18), put(0x80 | (code >> 12 & 0x3F)), put(0x80 | (code >> 6 & 0x3F)), put(0x80 | (code & 0x3F));
  }
  return to;
}

class Parser {
 public:
  Parser(std::string* text, int max_depth, std::vector<JsonNode>* nodes)
      : begin_(text->data()), at_(begin_), end_(begin_ + text->size()), depth_left_(max_depth), nodes_(*nodes) {}

  absl::Status Run() {
    RUNTIME_RETURN_IF_ERROR(Value());
    Space();
    return at_ == end_ ? absl::OkStatus() : Wrong("something follows the value");
  }

 private:
  absl::Status Wrong(std::string_view what) const {
    return Invalid("the JSON is not valid: at byte ", at_ - begin_, ": ", what);
  }

  void Space() {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }
  bool Eat(char c) {
    Space();
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  bool EatWord(std::string_view word) {
    if (std::string_view(at_, static_cast<size_t>(end_ - at_)).substr(0, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  JsonNode& Add(Kind kind) {
    nodes_.emplace_back().kind = kind;
    return nodes_.back();
  }

  absl::Status Value() {
    Space();
    if (at_ == end_) return Wrong("the text ends where a value should be");
    if (nodes_.size() == std::numeric_limits<uint32_t>::max()) return Wrong("there are too many values");
    switch (*at_) {
      case '{':
        return Container(Kind::kObject, '}');
      case '[':
        return Container(Kind::kArray, ']');
      case '"':
        return String();
      default:
        break;
    }
    if (*at_ == '-' || IsDigit(*at_)) return Number();
    if (EatWord("null")) return Add(Kind::kNull), absl::OkStatus();
    const bool yes = EatWord("true");
    if (!yes && !EatWord("false")) return Wrong("a value should be here");
    Add(Kind::kBool).flag = yes;
    return absl::OkStatus();
  }

  absl::Status Container(Kind kind, char close) {
    if (depth_left_ == 0) return absl::OutOfRangeError("");  // ParseJson makes the sentence
    --depth_left_;
    ++at_;
    const size_t mine = nodes_.size();
    Add(kind);
    if (!Eat(close)) {
      do {
        if (kind == Kind::kObject) RUNTIME_RETURN_IF_ERROR(Key());
        RUNTIME_RETURN_IF_ERROR(Value());
      } while (Eat(','));
      if (!Eat(close)) return Wrong(kind == Kind::kObject ? "wanted , or }" : "wanted , or ]");
    }
    nodes_[mine].span = static_cast<uint32_t>(nodes_.size() - mine);
    ++depth_left_;
    return absl::OkStatus();
  }

  absl::Status Key() {
    Space();
    if (at_ == end_ || *at_ != '"') return Wrong("wanted a key in quotes");
    RUNTIME_RETURN_IF_ERROR(String());
    return Eat(':') ? absl::OkStatus() : Wrong("wanted : after the key");
  }

  absl::Status Number() {
    char* const begin = at_;
    const auto digits = [&] {
      const char* const first = at_;
      while (at_ < end_ && IsDigit(*at_)) ++at_;
      return at_ != first;
    };
    if (*at_ == '-') ++at_;
    const bool zero = at_ < end_ && *at_ == '0';
    if (zero ? (++at_, false) : !digits()) return Wrong("wanted a digit");
    bool whole = true;
    if (at_ < end_ && *at_ == '.') {
      ++at_, whole = false;
      if (!digits()) return Wrong("wanted a digit after the point");
    }
    if (at_ < end_ && (*at_ == 'e' || *at_ == 'E')) {
      ++at_, whole = false;
      if (at_ < end_ && (*at_ == '+' || *at_ == '-')) ++at_;
      if (!digits()) return Wrong("wanted a digit in the exponent");
    }
    if (at_ < end_ && IsDigit(*at_)) return Wrong("a number begins with a zero");
    return Convert(begin, whole);
  }

  absl::Status Convert(const char* begin, bool whole) {
    double value = 0;
    int64_t integer = 0;
    if (std::from_chars(begin, at_, value).ec == std::errc::result_out_of_range) {
      value = std::strtod(std::string(begin, static_cast<size_t>(at_ - begin)).c_str(),
                          nullptr);  // which rounds to 0 or to infinity
    }
    if (std::isinf(value)) return Wrong("the number is beyond a double's");
    whole = whole && std::from_chars(begin, at_, integer).ec == std::errc();
    JsonNode& node = Add(Kind::kNumber);
    node.whole = whole;
    node.number = {value, integer};
    return absl::OkStatus();
  }

  absl::Status String() {
    char* const begin = ++at_;
    char* to = begin;
    for (;;) {
      if (at_ == end_) return Wrong("a string has no end");
      const auto c = static_cast<unsigned char>(*at_);
      if (c == '"') break;
      if (c < 0x20) return Wrong("a string has a control character");
      if (c == '\\') {
        RUNTIME_RETURN_IF_ERROR(Escape(&to));
        continue;
      }
      const size_t bytes = CharacterBytes({at_, static_cast<size_t>(end_ - at_)});
      if (bytes == 0) return Wrong("a string is not UTF-8");
      for (size_t i = 0; i < bytes; ++i) *to++ = *at_++;
    }
    ++at_;
    Add(Kind::kString).text = std::string_view(begin, static_cast<size_t>(to - begin));
    return absl::OkStatus();
  }

  // What it means is never longer than how it is written.
  absl::Status Escape(char** to) {
    constexpr std::string_view kNames = "\"\\/bfnrt", kMeans = "\"\\/\b\f\n\r\t";
    if (++at_ == end_) return Wrong("a string has no end");
    const size_t found = kNames.find(*at_);
    if (found != std::string_view::npos) {
      *(*to)++ = kMeans[found];
      ++at_;
      return absl::OkStatus();
    }
    uint32_t code = 0, low = 0;
    bool fine = Hex(&code);
    if (fine && code >= 0xD800 && code < 0xDC00) {  // the first half of a character
      fine = at_ < end_ && *at_++ == '\\' && Hex(&low) && low >= 0xDC00 && low < 0xE000;
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xDC00 && code < 0xE000) {
      fine = false;
    }
    if (!fine) return Wrong("an escape in a string means nothing");
    *to = AppendCharacter(code, *to);
    return absl::OkStatus();
  }

  // "u00e9"
  bool Hex(uint32_t* code) {
    if (end_ - at_ < 5 || *at_ != 'u') return false;
    const char* const first = at_ + 1;
    const auto [stop, error] = std::from_chars(first, first + 4, *code, 16);
    if (error != std::errc() || stop != first + 4) return false;
    at_ += 5;
    return true;
  }

  char* const begin_;
  char* at_;
  char* const end_;
  int depth_left_;
  std::vector<JsonNode>& nodes_;
};

}  // namespace

absl::Status ParseJson(std::string* text, int max_depth, std::vector<JsonNode>* nodes) {
  nodes->clear();
  const absl::Status status = Parser(text, max_depth, nodes).Run();
  if (!absl::IsOutOfRange(status)) return status;
  return Invalid("the JSON is nested deeper than ", max_depth, " levels");
}

}  // namespace strata::runtime
