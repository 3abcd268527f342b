// A pointwise program: text -> a fixed-size list of instructions. The text may come from an untrusted bundle; whatever
// it says, a decoded program is safe to run. The format and its limits: docs/formats/pointwise.md.
//
//   const Decoded decoded = Decode("float32 x0, float32 x1; v0 = sigmoid(x0); v1 = mul(v0, x1); return v1");
//   if (decoded.program == nullptr) return InvalidArgument(decoded.error);
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "kernels/core/dtype.h"

namespace strata::pointwise {

inline constexpr int kMaxProgramInputs = 16;
inline constexpr int kMaxProgramOutputs = 8;
inline constexpr int kMaxInstructions = 256;
inline constexpr int kMaxConstants = 128;
inline constexpr size_t kMaxText = 8192;
inline constexpr size_t kMaxLiteral = 32;

enum class Code : uint8_t {
  // float32, bfloat16, float16, float64, int32, int64
  kAdd,
  kSub,
  kMul,
  kMin,
  kMax,
  kNeg,
  kAbs,
  kSign,
  // the floats alone
  kDiv,
  kPow,
  kFma,
  kFloor,
  kCeil,
  kRound,
  kTrunc,
  kReciprocal,
  kSqrt,
  kRsqrt,
  kExp,
  kExpm1,
  kLog,
  kLog1p,
  kSin,
  kCos,
  kTanh,
  kErf,
  kNormalCdf,
  kSigmoid,
  kSilu,
  kGelu,
  kGeluTanh,
  // -> bool
  kEq,
  kNe,
  kLt,
  kLe,
  kGt,
  kGe,
  // bool
  kAnd,
  kOr,
  kXor,
  kNot,
  // any
  kSelect,
  kCast,
  // an int64 input of seeds and a stream -> int32, float32
  kRandomBits,
  kUniform,
  kNormal,
};
inline constexpr int kNumCodes = static_cast<int>(Code::kNormal) + 1;

enum class CodeKind : uint8_t { kNumber, kFloat, kCompare, kLogic, kSelect, kCast, kRandom };

struct CodeInfo {
  std::string_view name;
  int arity;
  CodeKind kind;
};
const CodeInfo& InfoOf(Code code);

// A value is an input (0 to kMaxProgramInputs - 1) or the result of instruction i (kMaxProgramInputs + i); a negative
// operand -1 - k is constant number k.
using Operand = int16_t;
inline constexpr bool IsConstant(Operand operand) { return operand < 0; }
inline constexpr bool IsInput(Operand operand) { return operand >= 0 && operand < kMaxProgramInputs; }
inline constexpr Operand ResultOf(int instruction) { return static_cast<Operand>(kMaxProgramInputs + instruction); }

struct Instruction {
  Code code;
  DType type;    // of the operands (of select: of its branches)
  DType result;  // of the value that it makes
  uint8_t arity;
  std::array<Operand, 3> operands;
};

// A literal, as the type that its instruction computes in: float32 for bfloat16 and float16.
struct Constant {
  DType type;  // float32, float64, int32, int64 or bool
  double f;
  int64_t i;
};

// Where an operand or a result lies while a tile is computed: the inputs, the outputs, the constants, then slots of
// working memory.
inline constexpr int kOutputPlaces = kMaxProgramInputs;
inline constexpr int kConstantPlaces = kOutputPlaces + kMaxProgramOutputs;
inline constexpr int kSlotPlaces = kConstantPlaces + kMaxConstants;
inline constexpr int kNumPlaces = kSlotPlaces + kMaxInstructions;

// How an instruction runs: casts that change nothing where a value lies are gone, gt and ge are lt and le exchanged.
struct Step {
  Code code;
  DType type, result;
  uint8_t arity;
  bool rounds;    // the result is rounded to bfloat16 or float16 where it lies
  int8_t output;  // the output that the result is converted or copied to, or -1
  bool chained;   // runs in registers, in one chain with its neighbours of the same type (chain-inl.h)
  uint8_t held;   // of a chain: the operands, as bits, that are the step's before and still in registers
  bool kept;      // the result is stored in its place
  std::array<int16_t, 3> in;
  int16_t out;
  // Of a select: the comparison that it makes itself, in place of reading in[0]; its operands.
  Code test = Code::kSelect;  // kSelect: none
  std::array<int16_t, 2> tested = {};
};

struct Schedule {
  int num_steps = 0, num_slots = 0;
  int width = 4;   // bytes of the widest value
  int weight = 0;  // what an element costs, in simple instructions
  // All steps are one chain: values live in registers and strips of memory, outputs are written as they are made.
  bool fused = false;
  std::array<uint16_t, kMaxProgramInputs> input_uses{};
  std::array<Step, kMaxInstructions> steps{};
};

struct Program {
  int num_inputs = 0, num_instructions = 0, num_constants = 0, num_outputs = 0;
  std::array<DType, kMaxProgramInputs> inputs{};
  std::array<Instruction, kMaxInstructions> code{};
  std::array<Constant, kMaxConstants> constants{};
  std::array<Operand, kMaxProgramOutputs> outputs{};  // results of instructions, each once
  uint32_t seeds = 0;                                 // inputs that are seeds: int64, one for each block of rows

  Schedule schedule;

  DType TypeOf(Operand value) const {
    return IsInput(value) ? inputs[static_cast<size_t>(value)]
                          : code[static_cast<size_t>(value - kMaxProgramInputs)].result;
  }
};

struct Decoded {
  const Program* program;  // nullptr: see error
  std::string error;
};

// The program stays valid until this thread has decoded eight others: long enough for a call. Allocates for errors
// only; a text seen lately is not parsed again.
Decoded Decode(std::string_view text);

// Without the cache. False: *error says what is wrong, and where.
bool Parse(std::string_view text, Program* program, std::string* error);

// The text of a program: Parse takes no other spelling, but for literals.
std::string ProgramText(const Program& program);

// Sets program.schedule.
void MakeSchedule(Program& program);

// What arithmetic on a dtype is done in: float32 for bfloat16 and float16.
constexpr DType ComputeOf(DType type) { return type == DType::kBF16 || type == DType::kF16 ? DType::kF32 : type; }
constexpr bool IsFloatType(DType type) {
  return type == DType::kF32 || type == DType::kBF16 || type == DType::kF16 || type == DType::kF64;
}

}  // namespace strata::pointwise
