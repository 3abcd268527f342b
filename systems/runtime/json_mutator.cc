#include "systems/runtime/json_mutator.h"

#include <cstring>
#include <iterator>

namespace strata::runtime {
namespace {

constexpr const char* kNumbers[] = {"0",
                                    "1",
                                    "2",
                                    "3",
                                    "7",
                                    "8",
                                    "-1",
                                    "64",
                                    "4096",
                                    "1099511627776",
                                    "1099511627777",
                                    "4611686018427387904",
                                    "9223372036854775807",
                                    "1e308",
                                    "0.5",
                                    "null",
                                    "true"};
constexpr const char* kWords[] = {"float32",  "bfloat16", "float64",   "int32",     "int64",
                                  "uint8",    "bool",     "float16",   "int8",               // dtypes
                                  "F32",      "BF16",     "I64",       "U8",        "BOOL",  // of safetensors
                                  "reshape",  "slice",    "permute",   "broadcast", "stacked",
                                  "ragged",   "offsets",  // views, layouts
                                  "B",        "N",        "B+1",       "2*B",       "B-1",
                                  "B*B",      "B//2",     "B%3",       "N-B",       "B*1099511627776",
                                  "(B+N)//B",  // sizes
                                  "x",        "t0",       "$a",        "$w",        "add",
                                  "concat",   "gather",   "pointwise", "copy",      ""};

}  // namespace

std::vector<JsonMutator::Token> JsonMutator::Split(std::string_view text) {
  std::vector<Token> tokens;
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    size_t end = i + 1;
    if (c == '"') {
      while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
      end = std::min(end + 1, text.size());
      tokens.push_back({i, end - i, '"'});
    } else if (std::strchr("{}[]:,", c) != nullptr && c != '\0') {
      tokens.push_back({i, 1, c});
    } else if (std::strchr(" \t\r\n", c) == nullptr || c == '\0') {
      while (end < text.size() && std::strchr("{}[]:,\" \t\r\n", text[end]) == nullptr) ++end;
      tokens.push_back({i, end - i, '0'});
    }
    i = end;
  }
  return tokens;
}

size_t JsonMutator::EndOfValue(const std::vector<Token>& tokens, size_t at) {
  size_t depth = 0;
  for (size_t i = at; i < tokens.size(); ++i) {
    const char kind = tokens[i].kind;
    if (kind == '{' || kind == '[') ++depth;
    if (kind == '}' || kind == ']') {
      if (depth == 0) return at;
      --depth;
    }
    if (depth > 0) continue;
    if (kind == ',' || (kind == ':' && i == at)) return at;
    // A key belongs to its value.
    if (i + 1 < tokens.size() && tokens[i + 1].kind == ':') {
      ++i;
      continue;
    }
    return i + 1;
  }
  return at;
}

std::string JsonMutator::AnyNumber() { return kNumbers[Any(std::size(kNumbers))]; }

std::string JsonMutator::AnyWord() { return std::string("\"") + kWords[Any(std::size(kWords))] + "\""; }

std::string JsonMutator::Mutate(const std::string& text) {
  const std::vector<Token> tokens = Split(text);
  if (tokens.empty()) return text;
  const auto span = [&](size_t first, size_t end) {
    return text.substr(tokens[first].begin, tokens[end - 1].begin + tokens[end - 1].size - tokens[first].begin);
  };
  const auto replaced = [&](size_t first, size_t end, const std::string& with) {
    return text.substr(0, tokens[first].begin) + with + text.substr(tokens[end - 1].begin + tokens[end - 1].size);
  };
  for (int attempt = 0; attempt < 20; ++attempt) {
    const size_t at = Any(tokens.size()), other = Any(tokens.size());
    const size_t end = EndOfValue(tokens, at), other_end = EndOfValue(tokens, other);
    if (end == at) continue;
    const bool leaf = end == at + 1;
    switch (Any(6)) {
      case 0:  // a size, an offset, an attribute
        if (leaf) return replaced(at, end, tokens[at].kind == '"' && Any(2) != 0 ? AnyWord() : AnyNumber());
        break;
      case 1:
        if (leaf && tokens[at].kind == '"') return replaced(at, end, AnyWord());
        break;
      case 2:  // another value of the text: a name that is somebody else's, a shape of another tensor
        if (other_end > other) return replaced(at, end, span(other, other_end));
        break;
      case 3:  // twice
        return replaced(at, end, span(at, end) + "," + span(at, end));
      case 4: {  // gone, with its comma
        const bool comma = end < tokens.size() && tokens[end].kind == ',';
        return replaced(at, comma ? end + 1 : end, "");
      }
      default:  // another element of the text beside it
        if (other_end > other) return replaced(at, end, span(at, end) + "," + span(other, other_end));
    }
  }
  return text;
}

}  // namespace strata::runtime
