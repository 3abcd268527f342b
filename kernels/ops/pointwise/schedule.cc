// Where each value of a program lies while a tile is computed: slots are used again after a value's last use, so that a
// long program stays in the first-level cache.
#include <algorithm>
#include <bit>
#include <iterator>
#include <utility>

#include "kernels/ops/pointwise/program.h"

namespace strata::pointwise {
namespace {

bool IsNarrow(DType type) { return type == DType::kBF16 || type == DType::kF16; }

// Results that are representable because the operands are.
bool IsExact(const Instruction& instruction) {
  switch (instruction.code) {
    case Code::kNeg:
    case Code::kAbs:
    case Code::kSign:
    case Code::kFloor:
    case Code::kCeil:
    case Code::kRound:
    case Code::kTrunc:
      return true;
    case Code::kMin:
    case Code::kMax:
    case Code::kSelect:
      return std::none_of(instruction.operands.begin(), instruction.operands.end(), IsConstant);
    default:
      return false;
  }
}

int Weight(Code code) {
  const CodeKind kind = InfoOf(code).kind;
  if (kind == CodeKind::kRandom) return 24;
  return code >= Code::kExp && code <= Code::kSigmoid ? 12 : code == Code::kPow ? 48 : 1;
}

class Scheduler {
 public:
  explicit Scheduler(Program& program) : p_(program), s_(program.schedule) {}

  void Run() {
    s_.num_steps = s_.num_slots = s_.weight = 0;
    s_.width = 4;
    place_.fill(-1);  // as long as a value has none
    FindOutputs();
    FindUses();
    for (int i = 0; i < p_.num_inputs; ++i) Widen(p_.inputs[static_cast<size_t>(i)]);
    for (int i = 0; i < p_.num_instructions; ++i) {
      if (source_[static_cast<size_t>(i)] == ResultOf(i)) Place(i);
    }
  }

 private:
  void Widen(DType type) { s_.width = std::max(s_.width, static_cast<int>(SizeOf(ComputeOf(type)))); }
  const Instruction& At(int i) const { return p_.code[static_cast<size_t>(i)]; }

  void FindOutputs() {
    output_.fill(-1);
    for (int o = 0; o < p_.num_outputs; ++o) {
      output_[static_cast<size_t>(p_.outputs[static_cast<size_t>(o)] - kMaxProgramInputs)] = static_cast<int8_t>(o);
    }
  }

  // What an operand stands for: a cast from bfloat16 or float16 to float32 changes nothing where it lies.
  Operand Resolve(Operand operand) const {
    return IsConstant(operand) || IsInput(operand) ? operand
                                                   : source_[static_cast<size_t>(operand - kMaxProgramInputs)];
  }

  void FindUses() {
    for (int i = 0; i < p_.num_instructions; ++i) {
      const Instruction& in = At(i);
      const auto at = static_cast<size_t>(i);
      last_use_[at] = i;
      used_[at] = false;
      const bool same = in.code == Code::kCast && output_[at] < 0 &&
                        (in.result == in.type || (IsNarrow(in.type) && in.result == DType::kF32));
      source_[at] = same ? Resolve(in.operands[0]) : ResultOf(i);
      for (size_t a = 0; a < in.arity && !same; ++a) {
        const Operand operand = Resolve(in.operands[a]);
        if (operand < kMaxProgramInputs) continue;
        last_use_[static_cast<size_t>(operand - kMaxProgramInputs)] = i;
        used_[static_cast<size_t>(operand - kMaxProgramInputs)] = true;
      }
    }
  }

  void Place(int i) {
    const Instruction& in = At(i);
    const auto at = static_cast<size_t>(i);
    Step& step = s_.steps[static_cast<size_t>(s_.num_steps++)];
    step = {in.code, in.type, in.result, in.arity, false, -1, {0, 0, 0}, 0};
    std::array<Operand, 3> operands{};
    for (size_t a = 0; a < in.arity; ++a) {
      operands[a] = Resolve(in.operands[a]);
      step.in[a] = PlaceOf(operands[a]);
    }
    if (in.code == Code::kGt || in.code == Code::kGe) {
      step.code = in.code == Code::kGt ? Code::kLt : Code::kLe;
      std::swap(step.in[0], step.in[1]);
    }
    const bool narrow = IsNarrow(in.result);
    if (narrow) step.output = output_[at];
    // What is only stored is rounded by the store.
    step.rounds = narrow && !IsExact(in) && (used_[at] || output_[at] < 0);
    Widen(in.result);
    s_.weight += Weight(in.code) + (step.rounds ? 1 : 0);
    const bool alike = SizeOf(ComputeOf(in.type)) == SizeOf(ComputeOf(in.result)) && in.code != Code::kSelect;
    // The result may overwrite an operand of its own width; another width would run over elements not yet read.
    if (alike) Free(i, operands);
    const bool direct = !narrow && output_[at] >= 0;
    place_[at] = static_cast<int16_t>(direct ? kOutputPlaces + output_[at] : kSlotPlaces + Take());
    step.out = place_[at];
    if (!alike) Free(i, operands);
    if (last_use_[at] == i && !direct) Give(place_[at]);
  }

  int16_t PlaceOf(Operand operand) const {
    if (IsConstant(operand)) return static_cast<int16_t>(kConstantPlaces - 1 - operand);
    return IsInput(operand) ? operand : place_[static_cast<size_t>(operand - kMaxProgramInputs)];
  }

  // Slots of operands whose last use this is.
  void Free(int i, const std::array<Operand, 3>& operands) {
    for (const Operand operand : operands) {
      if (operand < kMaxProgramInputs) continue;
      const auto value = static_cast<size_t>(operand - kMaxProgramInputs);
      if (last_use_[value] != i || place_[value] < kSlotPlaces) continue;
      Give(place_[value]);
      place_[value] = -1;  // it may be named twice
    }
  }
  int Take() {
    for (size_t w = 0; w < std::size(busy_); ++w) {
      if (~busy_[w] == 0) continue;
      const int bit = std::countr_one(busy_[w]);
      busy_[w] |= uint64_t{1} << bit;
      const int slot = static_cast<int>(w) * 64 + bit;
      s_.num_slots = std::max(s_.num_slots, slot + 1);
      return slot;
    }
    return 0;  // never: there are as many slots as instructions
  }
  void Give(int16_t place) {
    const auto slot = static_cast<size_t>(place - kSlotPlaces);
    busy_[slot / 64] &= ~(uint64_t{1} << (slot % 64));
  }

  Program& p_;
  Schedule& s_;
  std::array<int8_t, kMaxInstructions> output_;
  std::array<Operand, kMaxInstructions> source_;
  std::array<int, kMaxInstructions> last_use_;
  std::array<bool, kMaxInstructions> used_;
  std::array<int16_t, kMaxInstructions> place_;  // -1: none
  uint64_t busy_[kMaxInstructions / 64] = {};
};

}  // namespace

void MakeSchedule(Program& program) { Scheduler(program).Run(); }

}  // namespace strata::pointwise
