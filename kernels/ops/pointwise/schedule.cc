// Where each value of a program lies while a tile is computed: in registers where only the next step wants it; slots
// are used again after a value's last use, so that a long program stays in the first-level cache.
#include <algorithm>
#include <bit>
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

// Instructions that can be links of a chain.
bool Chains(const Instruction& in) {
  if (ComputeOf(in.type) != DType::kF32 && ComputeOf(in.type) != DType::kF64) return false;
  const CodeKind kind = InfoOf(in.code).kind;
  return kind == CodeKind::kCast ? ComputeOf(in.type) == ComputeOf(in.result) : kind != CodeKind::kRandom;
}

// Whether a link takes the operands `held` (bits) from registers.
bool Takes(const Instruction& in, int held) {
  const CodeKind kind = InfoOf(in.code).kind;
  if (kind == CodeKind::kCompare) return false;
  if (kind == CodeKind::kSelect) return held == 2 || held == 4;
  return std::has_single_bit(static_cast<unsigned>(held)) || (held == 3 && in.arity == 2);
}

int Weight(Code code) {
  const CodeKind kind = InfoOf(code).kind;
  if (kind == CodeKind::kRandom) return 24;
  return code >= Code::kExp && code <= Code::kGeluTanh ? 12 : code == Code::kPow ? 48 : 1;
}

class Scheduler {
 public:
  explicit Scheduler(Program& program) : p_(program), s_(program.schedule) {}

  void Run() {
    s_.num_steps = s_.num_slots = s_.weight = 0;
    s_.width = 4;
    place_.fill(-1);  // as long as a value has none
    FindOutputs();
    FindTests();
    FindUses();
    s_.fused = IsOneChain();
    for (int i = 0; i < p_.num_inputs; ++i) Widen(p_.inputs[static_cast<size_t>(i)]);
    for (int i = 0; i < p_.num_instructions; ++i) {
      if (source_[static_cast<size_t>(i)] == ResultOf(i) && !tests_[static_cast<size_t>(i)]) Place(i);
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

  // A comparison that only selects of its type read is no step: each select makes it anew, in less time than its bytes
  // take to be written and read.
  void FindTests() {
    for (int i = 0; i < p_.num_instructions; ++i) {
      const auto at = static_cast<size_t>(i);
      tests_[at] = InfoOf(At(i).code).kind == CodeKind::kCompare && Chains(At(i)) && output_[at] < 0;
      for (size_t a = 0; a < At(i).arity; ++a) {
        const Operand operand = At(i).operands[a];
        if (operand < kMaxProgramInputs) continue;
        const auto from = static_cast<size_t>(operand - kMaxProgramInputs);
        if (At(i).code != Code::kSelect || a > 0 || !Chains(At(i)) ||
            ComputeOf(At(i).type) != ComputeOf(p_.code[from].type)) {
          tests_[from] = false;
        }
      }
    }
  }
  // The comparison that instruction i, a select, makes itself, or nullptr.
  const Instruction* TestOf(const Instruction& in) const {
    if (in.code != Code::kSelect || in.operands[0] < kMaxProgramInputs) return nullptr;
    const auto from = static_cast<size_t>(in.operands[0] - kMaxProgramInputs);
    return tests_[from] ? &p_.code[from] : nullptr;
  }

  void Use(Operand operand, int i) {
    if (IsInput(operand)) ++s_.input_uses[static_cast<size_t>(operand)];
    if (operand < kMaxProgramInputs) return;
    last_use_[static_cast<size_t>(operand - kMaxProgramInputs)] = i;
    ++uses_[static_cast<size_t>(operand - kMaxProgramInputs)];
  }

  void FindUses() {
    uses_.fill(0);
    s_.input_uses.fill(0);
    for (int i = 0; i < p_.num_instructions; ++i) {
      const Instruction& in = At(i);
      const auto at = static_cast<size_t>(i);
      last_use_[at] = i;
      const bool same = in.code == Code::kCast && output_[at] < 0 &&
                        (in.result == in.type || (IsNarrow(in.type) && in.result == DType::kF32));
      source_[at] = same ? Resolve(in.operands[0]) : ResultOf(i);
      if (same || tests_[at]) continue;
      const Instruction* test = TestOf(in);
      if (test != nullptr) Use(Resolve(test->operands[0]), i), Use(Resolve(test->operands[1]), i);
      for (size_t a = test != nullptr ? 1 : 0; a < in.arity; ++a) Use(Resolve(in.operands[a]), i);
    }
  }

  bool IsOneChain() const {
    int first = -1;
    for (int i = 0; i < p_.num_instructions; ++i) {
      if (source_[static_cast<size_t>(i)] != ResultOf(i)) continue;
      if (first < 0) first = i;
      if (!Chains(At(i)) || ComputeOf(At(i).type) != ComputeOf(At(first).type)) return false;
      // A comparison writes its bytes to one place.
      if (output_[static_cast<size_t>(i)] >= 0 && At(i).result == DType::kBool) return false;
    }
    return true;
  }

  void Place(int i) {
    const Instruction& in = At(i);
    const auto at = static_cast<size_t>(i);
    std::array<Operand, 3> operands{};
    for (size_t a = 0; a < in.arity; ++a) operands[a] = Resolve(in.operands[a]);
    Step& step = s_.steps[static_cast<size_t>(s_.num_steps++)];
    step = {in.code, in.type, in.result, in.arity, false, -1, Chains(in), 0, true, {0, 0, 0}, 0, Code::kSelect, {}};
    if (in.code == Code::kGt || in.code == Code::kGe) {
      step.code = in.code == Code::kGt ? Code::kLt : Code::kLe;
      std::swap(operands[0], operands[1]);
    }
    const Instruction* test = TestOf(in);
    if (test != nullptr) SetTest(*test, step);
    for (size_t a = test != nullptr ? 1 : 0; a < in.arity; ++a) step.in[a] = PlaceOf(operands[a]);
    const auto free_operands = [&] {
      for (const Operand operand : operands) Free(i, operand);
      for (size_t a = 0; a < 2 && test != nullptr; ++a) Free(i, Resolve(test->operands[a]));
    };
    Hold(in, operands, step);
    const bool narrow = IsNarrow(in.result);
    if (narrow || s_.fused) step.output = output_[at];
    // What is only stored is rounded by the store.
    step.rounds = narrow && !IsExact(in) && (uses_[at] > 0 || output_[at] < 0);
    Widen(in.result);
    s_.weight += Weight(in.code) + (step.rounds ? 1 : 0);
    const bool alike = SizeOf(ComputeOf(in.type)) == SizeOf(ComputeOf(in.result)) && in.code != Code::kSelect;
    // The result may overwrite an operand of its own width; another width would run over elements not yet read.
    if (alike) free_operands();
    const bool direct = step.output < 0 && output_[at] >= 0;
    place_[at] =
        static_cast<int16_t>(direct ? kOutputPlaces + output_[at] : kSlotPlaces + Take(in.result == DType::kBool));
    step.out = place_[at];
    step.kept = !step.chained || direct || uses_[at] > 0;  // until the next step holds it
    last_ = i;
    if (!alike) free_operands();
    if (last_use_[at] == i && !direct) Give(place_[at]);
  }

  void SetTest(const Instruction& compare, Step& step) const {
    std::array<Operand, 2> operands = {Resolve(compare.operands[0]), Resolve(compare.operands[1])};
    step.test = compare.code;
    if (compare.code == Code::kGt || compare.code == Code::kGe) {
      step.test = compare.code == Code::kGt ? Code::kLt : Code::kLe;
      std::swap(operands[0], operands[1]);
    }
    for (size_t a = 0; a < 2; ++a) step.tested[a] = PlaceOf(operands[a]);
  }

  // Finds the operands that the step before has left in registers; that one need not store what nobody else reads.
  void Hold(const Instruction& in, const std::array<Operand, 3>& operands, Step& step) {
    if (last_ < 0 || !step.chained) return;
    Step& before = s_.steps[static_cast<size_t>(s_.num_steps - 2)];
    if (!before.chained || ComputeOf(before.type) != ComputeOf(step.type) || before.result == DType::kBool) return;
    unsigned held = 0;
    for (size_t a = 0; a < in.arity; ++a) held |= unsigned{operands[a] == ResultOf(last_)} << a;
    if (held == 0 || !Takes(in, static_cast<int>(held))) return;
    step.held = static_cast<uint8_t>(held);
    const bool direct = before.out >= kOutputPlaces && before.out < kConstantPlaces;
    before.kept = direct || uses_[static_cast<size_t>(last_)] > std::popcount(held);
  }

  int16_t PlaceOf(Operand operand) const {
    if (IsConstant(operand)) return static_cast<int16_t>(kConstantPlaces - 1 - operand);
    return IsInput(operand) ? operand : place_[static_cast<size_t>(operand - kMaxProgramInputs)];
  }

  // The slot of an operand whose last use this is.
  void Free(int i, Operand operand) {
    if (operand < kMaxProgramInputs) return;
    const auto value = static_cast<size_t>(operand - kMaxProgramInputs);
    if (last_use_[value] != i || place_[value] < kSlotPlaces) return;
    Give(place_[value]);
    place_[value] = -1;  // it may be named twice
  }
  // A slot of bools stays one: the strips of a chain lie elsewhere in it than those of wider values.
  int Take(bool bools) {
    int slot = 0;
    while (busy_[static_cast<size_t>(slot)] || (slot < s_.num_slots && bools_[static_cast<size_t>(slot)] != bools))
      ++slot;
    busy_[static_cast<size_t>(slot)] = true;
    bools_[static_cast<size_t>(slot)] = bools;
    s_.num_slots = std::max(s_.num_slots, slot + 1);
    return slot;
  }
  void Give(int16_t place) { busy_[static_cast<size_t>(place - kSlotPlaces)] = false; }

  Program& p_;
  Schedule& s_;
  std::array<int8_t, kMaxInstructions> output_;
  std::array<Operand, kMaxInstructions> source_;
  std::array<int, kMaxInstructions> last_use_;
  std::array<int, kMaxInstructions> uses_;
  std::array<int16_t, kMaxInstructions> place_;          // -1: none
  int last_ = -1;                                        // the instruction of the step before
  std::array<bool, kMaxInstructions> busy_{}, bools_{};  // by slot
  std::array<bool, kMaxInstructions> tests_;             // comparisons that selects make
};

}  // namespace

void MakeSchedule(Program& program) { Scheduler(program).Run(); }

}  // namespace strata::pointwise
