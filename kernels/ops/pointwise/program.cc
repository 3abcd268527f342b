#include "kernels/ops/pointwise/program.h"

#include <charconv>
#include <cstring>
#include <limits>
#include <optional>

namespace strata::pointwise {
namespace {

constexpr CodeInfo kInfos[kNumCodes] = {
    {"add", 2, CodeKind::kNumber},       {"sub", 2, CodeKind::kNumber},         {"mul", 2, CodeKind::kNumber},
    {"min", 2, CodeKind::kNumber},       {"max", 2, CodeKind::kNumber},         {"neg", 1, CodeKind::kNumber},
    {"abs", 1, CodeKind::kNumber},       {"sign", 1, CodeKind::kNumber},        {"div", 2, CodeKind::kFloat},
    {"pow", 2, CodeKind::kFloat},        {"fma", 3, CodeKind::kFloat},          {"floor", 1, CodeKind::kFloat},
    {"ceil", 1, CodeKind::kFloat},       {"round", 1, CodeKind::kFloat},        {"trunc", 1, CodeKind::kFloat},
    {"reciprocal", 1, CodeKind::kFloat}, {"sqrt", 1, CodeKind::kFloat},         {"rsqrt", 1, CodeKind::kFloat},
    {"exp", 1, CodeKind::kFloat},        {"expm1", 1, CodeKind::kFloat},        {"log", 1, CodeKind::kFloat},
    {"log1p", 1, CodeKind::kFloat},      {"sin", 1, CodeKind::kFloat},          {"cos", 1, CodeKind::kFloat},
    {"tanh", 1, CodeKind::kFloat},       {"erf", 1, CodeKind::kFloat},          {"normal_cdf", 1, CodeKind::kFloat},
    {"sigmoid", 1, CodeKind::kFloat},    {"silu", 1, CodeKind::kFloat},         {"gelu", 1, CodeKind::kFloat},
    {"gelu_tanh", 1, CodeKind::kFloat},  {"eq", 2, CodeKind::kCompare},         {"ne", 2, CodeKind::kCompare},
    {"lt", 2, CodeKind::kCompare},       {"le", 2, CodeKind::kCompare},         {"gt", 2, CodeKind::kCompare},
    {"ge", 2, CodeKind::kCompare},       {"and", 2, CodeKind::kLogic},          {"or", 2, CodeKind::kLogic},
    {"xor", 2, CodeKind::kLogic},        {"not", 1, CodeKind::kLogic},          {"select", 3, CodeKind::kSelect},
    {"cast", 1, CodeKind::kCast},        {"random_bits", 2, CodeKind::kRandom}, {"uniform", 2, CodeKind::kRandom},
    {"normal", 2, CodeKind::kRandom},
};

constexpr DTypeSet kTypes = SetOf(DType::kF32) | SetOf(DType::kBF16) | SetOf(DType::kF16) | SetOf(DType::kF64) |
                            SetOf(DType::kI32) | SetOf(DType::kI64) | SetOf(DType::kU8) | SetOf(DType::kBool);

std::optional<DType> TypeNamed(std::string_view name) {
  const std::optional<DType> type = DTypeFromName(name);
  return type && Contains(kTypes, *type) ? type : std::nullopt;
}

// What a kind of instruction computes with.
bool Takes(CodeKind kind, DType type) {
  const bool whole = type == DType::kI32 || type == DType::kI64;
  switch (kind) {
    case CodeKind::kNumber:
    case CodeKind::kCompare:
      return IsFloatType(type) || whole;
    case CodeKind::kFloat:
      return IsFloatType(type);
    case CodeKind::kLogic:
      return type == DType::kBool;
    case CodeKind::kSelect:
      return IsFloatType(type) || whole || type == DType::kBool;
    default:
      return true;
  }
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

class Parser {
 public:
  Parser(std::string_view text, Program* program) : text_(text), rest_(text), p_(*program) {}

  bool Run(std::string* error) {
    if (text_.size() > kMaxText) {
      *error = "program has " + std::to_string(text_.size()) + " characters, wanted " + std::to_string(kMaxText) +
               " at most";
      return false;
    }
    const bool ok = Header() && Body();
    if (!ok) *error = std::move(error_);
    return ok;
  }

 private:
  // Takes `token` if it is next.
  bool Take(std::string_view token) {
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  std::string_view Word() {
    size_t n = 0;
    while (n < rest_.size() && (IsDigit(rest_[n]) || rest_[n] == '_' || (rest_[n] >= 'a' && rest_[n] <= 'z'))) ++n;
    const std::string_view word = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return word;
  }
  // A number without leading zeros, below `limit`; -1 for anything else.
  int Number(int limit) {
    size_t n = 0;
    int value = 0;
    while (n < rest_.size() && IsDigit(rest_[n]) && value < limit) value = value * 10 + (rest_[n++] - '0');
    if (n == 0 || value >= limit || (n > 1 && rest_[0] == '0') || (n < rest_.size() && IsDigit(rest_[n]))) return -1;
    rest_.remove_prefix(n);
    return value;
  }
  // Bytes of the text that can be printed.
  static std::string Quoted(std::string_view words) {
    std::string out = "\"";
    for (const char c : words.substr(0, 60)) out += c >= ' ' && c < 127 && c != '"' ? c : '?';
    return out + (words.size() > 60 ? "...\"" : "\"");
  }
  bool Fail(const std::string& what) {
    const std::string_view statement = text_.substr(start_, text_.find(';', start_) - start_);
    const std::string where = at_ < 0 ? "the inputs" : "instruction " + std::to_string(at_);
    error_ = "program: " + where + ", " + Quoted(statement) + ": " + what;
    return false;
  }

  bool Header() {
    do {
      if (p_.num_inputs == kMaxProgramInputs) return Fail("more than 16 inputs");
      const std::string_view word = Word();
      const std::optional<DType> type = TypeNamed(word);
      if (!type) return Fail(Quoted(word) + " is not a dtype that a program takes");
      if (!Take(" x") || Number(kMaxProgramInputs) != p_.num_inputs) {
        return Fail("wanted the name x" + std::to_string(p_.num_inputs) + " after the dtype");
      }
      p_.inputs[static_cast<size_t>(p_.num_inputs++)] = *type;
    } while (Take(", "));
    return Take("; ") || Fail("wanted \"; \" after the inputs");
  }

  bool Body() {
    for (at_ = 0;; ++at_) {
      start_ = static_cast<size_t>(rest_.data() - text_.data());
      if (Take("return ")) return Outputs();
      if (at_ == kMaxInstructions) return Fail("more than " + std::to_string(kMaxInstructions) + " instructions");
      if (!Take("v") || Number(kMaxInstructions) != at_ || !Take(" = ")) {
        return Fail("wanted \"v" + std::to_string(at_) + " = \" or \"return \"");
      }
      if (!One(p_.code[static_cast<size_t>(at_)])) return false;
      ++p_.num_instructions;
      if (!Take("; ")) return Fail("wanted \"; \" after the instruction");
    }
  }

  bool Outputs() {
    uint32_t taken[(kMaxInstructions + 31) / 32] = {};
    do {
      if (p_.num_outputs == kMaxProgramOutputs) return Fail("more than 8 outputs");
      if (!Take("v")) return Fail("an output is a result, v0 or later");
      const int index = Number(kMaxInstructions);
      if (index < 0 || index >= p_.num_instructions) return Fail("an output is not defined");
      uint32_t& word = taken[index / 32];
      if (word >> (index % 32) & 1) return Fail("v" + std::to_string(index) + " is returned twice");
      word |= uint32_t{1} << (index % 32);
      p_.outputs[static_cast<size_t>(p_.num_outputs++)] = ResultOf(index);
    } while (Take(", "));
    return rest_.empty() || Fail("wanted nothing after the outputs");
  }

  bool One(Instruction& instruction) {
    const std::string_view word = Word();
    instruction.operands = {0, 0, 0};
    if (const std::optional<DType> type = TypeNamed(word)) {
      instruction.code = Code::kCast;
      instruction.result = *type;
    } else {
      int code = 0;
      while (code < kNumCodes && (kInfos[code].name != word || kInfos[code].kind == CodeKind::kCast)) ++code;
      if (code == kNumCodes) return Fail("no operation is named " + Quoted(word));
      instruction.code = static_cast<Code>(code);
    }
    const CodeInfo& info = InfoOf(instruction.code);
    instruction.arity = static_cast<uint8_t>(info.arity);
    if (info.kind == CodeKind::kRandom) return Random(instruction);
    return Operands(instruction, info) && Types(instruction, info);
  }

  // Reads "(a, b, c)"; literals are kept as text until the type is known.
  bool Operands(Instruction& instruction, const CodeInfo& info) {
    for (int i = 0; i < info.arity; ++i) {
      if (!Take(i == 0 ? "(" : ", ")) return Fail("wanted " + std::to_string(info.arity) + " operands");
      literals_[i] = {};
      if (!rest_.empty() && (rest_[0] == 'x' || rest_[0] == 'v')) {
        if (!Value(&instruction.operands[static_cast<size_t>(i)])) return false;
        continue;
      }
      const size_t end = rest_.find_first_of(",)");
      literals_[i] = rest_.substr(0, end);
      if (literals_[i].empty() || literals_[i].size() > kMaxLiteral) return Fail("an operand is missing or too long");
      rest_.remove_prefix(literals_[i].size());
    }
    return Take(")") || Fail("wanted " + std::to_string(info.arity) + " operands");
  }

  bool Value(Operand* operand) {
    const bool input = rest_[0] == 'x';
    rest_.remove_prefix(1);
    const int index = Number(kMaxInstructions);
    if (index < 0 || index >= (input ? p_.num_inputs : p_.num_instructions)) {
      return Fail(index < 0 ? "a name is not x or v and a number"
                            : (input ? "x" : "v") + std::to_string(index) + " is not defined before it");
    }
    *operand = input ? static_cast<Operand>(index) : ResultOf(index);
    return true;
  }

  // All operands have one type, which literals take on; of select, the branches.
  bool Types(Instruction& instruction, const CodeInfo& info) {
    const int first = info.kind == CodeKind::kSelect ? 1 : 0;
    std::optional<DType> type;
    for (int i = 0; i < info.arity; ++i) {
      if (!literals_[i].empty()) continue;
      const DType mine = p_.TypeOf(instruction.operands[static_cast<size_t>(i)]);
      if (i < first) {
        if (mine != DType::kBool) return Fail("the condition is " + std::string(NameOf(mine)) + ", wanted bool");
        continue;
      }
      if (!type) type = mine;
      if (*type != mine) {
        return Fail("operands of " + std::string(NameOf(*type)) + " and " + std::string(NameOf(mine)) +
                    ": a cast is wanted");
      }
    }
    if (first == 1 && !literals_[0].empty()) return Fail("the condition is a literal");
    if (!type) return Fail("wanted an operand that is not a literal");
    if (!Takes(info.kind, *type)) {
      return Fail(std::string(info.name) + " does not take " + std::string(NameOf(*type)));
    }
    for (int i = first; i < info.arity; ++i) {
      if (!literals_[i].empty() && !Literal(literals_[i], *type, &instruction.operands[static_cast<size_t>(i)])) {
        return false;
      }
    }
    instruction.type = *type;
    if (info.kind == CodeKind::kCompare) {
      instruction.result = DType::kBool;
    } else if (info.kind != CodeKind::kCast) {
      instruction.result = *type;
    }
    return true;
  }

  bool Literal(std::string_view text, DType type, Operand* operand) {
    if (p_.num_constants == kMaxConstants) return Fail("more than " + std::to_string(kMaxConstants) + " literals");
    Constant constant{ComputeOf(type), 0, 0};
    if (!(IsFloatType(type) ? FloatLiteral(text, constant) : WholeLiteral(text, type, constant))) {
      return Fail(Quoted(text) + " is no literal of " + std::string(NameOf(type)));
    }
    *operand = static_cast<Operand>(-1 - p_.num_constants);
    p_.constants[static_cast<size_t>(p_.num_constants++)] = constant;
    return true;
  }
  static bool FloatLiteral(std::string_view text, Constant& constant) {
    const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
    if (digits == "inf" || digits == "nan") {
      constant.f = digits == "nan"  ? std::numeric_limits<double>::quiet_NaN()
                   : text == digits ? std::numeric_limits<double>::infinity()
                                    : -std::numeric_limits<double>::infinity();
      return text != "-nan";
    }
    if (digits.empty() || !IsDigit(digits[0])) return false;  // from_chars takes more words than this format
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), constant.f);
    if (error != std::errc() || end != text.data() + text.size()) return false;
    if (constant.type == DType::kF32) constant.f = static_cast<double>(static_cast<float>(constant.f));
    return true;
  }
  static bool WholeLiteral(std::string_view text, DType type, Constant& constant) {
    if (type == DType::kBool) {
      constant.i = text == "true" ? 1 : 0;
      return text == "true" || text == "false";
    }
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), constant.i);
    if (error != std::errc() || end != text.data() + text.size()) return false;
    return type == DType::kI64 ||
           (constant.i >= std::numeric_limits<int32_t>::min() && constant.i <= std::numeric_limits<int32_t>::max());
  }

  // "uniform(x1, 7)": an input with the seed, and the number of a stream.
  bool Random(Instruction& instruction) {
    Operand seed = 0, stream = 0;
    if (!Take("(x")) return Fail("wanted an input with the seed");
    const int index = Number(kMaxProgramInputs);
    if (index < 0 || index >= p_.num_inputs) return Fail("the seed is not an input of the program");
    if (p_.inputs[static_cast<size_t>(index)] != DType::kI64) return Fail("the seed is not int64");
    seed = static_cast<Operand>(index);
    if (!Take(", ")) return Fail("wanted the number of a stream");
    const size_t end = rest_.find(')');
    const std::string_view text = rest_.substr(0, end);
    if (text.size() > kMaxLiteral || !Literal(text, DType::kI64, &stream)) {
      return error_.empty() ? Fail("the stream is too long") : false;
    }
    if (p_.constants[static_cast<size_t>(-1 - stream)].i < 0) return Fail("the stream is negative");
    rest_.remove_prefix(text.size());
    if (!Take(")")) return Fail("wanted 2 operands");
    p_.seeds |= uint32_t{1} << index;
    instruction.operands = {seed, stream, 0};
    instruction.type = DType::kI64;
    instruction.result = instruction.code == Code::kRandomBits ? DType::kI32 : DType::kF32;
    return true;
  }

  const std::string_view text_;
  std::string_view rest_;
  Program& p_;
  int at_ = -1;  // the instruction; -1: the inputs
  size_t start_ = 0;
  std::string_view literals_[3];
  std::string error_;
};

// Texts decoded lately, by thread: no lock, and no allocation after the first call.
struct Entry {
  size_t length = 0;  // 0: empty
  std::array<char, kMaxText> text{};
  Program program;
};
constexpr size_t kEntries = 8;
struct Cache {
  std::array<Entry, kEntries> entries{};
  size_t next = 0;
};
constinit thread_local Cache cache;

std::string OperandText(const Program& program, const Instruction& instruction, Operand operand) {
  if (IsInput(operand)) return "x" + std::to_string(operand);
  if (!IsConstant(operand)) return "v" + std::to_string(operand - kMaxProgramInputs);
  const Constant& constant = program.constants[static_cast<size_t>(-1 - operand)];
  if (constant.type == DType::kBool) return constant.i ? "true" : "false";
  if (!IsFloatType(instruction.type)) return std::to_string(constant.i);
  char buffer[40];
  return std::string(buffer, std::to_chars(buffer, buffer + sizeof buffer, constant.f).ptr);
}

}  // namespace

const CodeInfo& InfoOf(Code code) { return kInfos[static_cast<size_t>(code)]; }

bool Parse(std::string_view text, Program* program, std::string* error) {
  program->num_inputs = program->num_instructions = program->num_constants = program->num_outputs = 0;
  program->seeds = 0;
  if (!Parser(text, program).Run(error)) return false;
  MakeSchedule(*program);
  return true;
}

Decoded Decode(std::string_view text) {
  for (Entry& entry : cache.entries) {
    if (entry.length == text.size() && std::memcmp(entry.text.data(), text.data(), text.size()) == 0 &&
        entry.length > 0) {
      return {&entry.program, {}};
    }
  }
  Entry& entry = cache.entries[cache.next];
  Decoded decoded{&entry.program, {}};
  entry.length = 0;
  if (!Parse(text, &entry.program, &decoded.error)) {
    decoded.program = nullptr;
    return decoded;
  }
  cache.next = (cache.next + 1) % kEntries;
  std::memcpy(entry.text.data(), text.data(), text.size());
  entry.length = text.size();
  return decoded;
}

std::string ProgramText(const Program& program) {
  std::string out;
  for (int i = 0; i < program.num_inputs; ++i) {
    out += (i ? ", " : "") + std::string(NameOf(program.inputs[static_cast<size_t>(i)])) + " x" + std::to_string(i);
  }
  for (int i = 0; i < program.num_instructions; ++i) {
    const Instruction& instruction = program.code[static_cast<size_t>(i)];
    const CodeInfo& info = InfoOf(instruction.code);
    out += "; v" + std::to_string(i) + " = ";
    out += info.kind == CodeKind::kCast ? NameOf(instruction.result) : info.name;
    for (int a = 0; a < info.arity; ++a) {
      out += (a ? ", " : "(") + OperandText(program, instruction, instruction.operands[static_cast<size_t>(a)]);
    }
    out += ")";
  }
  for (int i = 0; i < program.num_outputs; ++i) {
    out += (i ? ", v" : "; return v") + std::to_string(program.outputs[static_cast<size_t>(i)] - kMaxProgramInputs);
  }
  return out;
}

}  // namespace strata::pointwise
