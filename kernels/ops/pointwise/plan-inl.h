// Turns the steps of a pointwise program into chains of links (chain-inl.h) and single steps. Included once per SIMD
// target.
//
//   const Part* end = Planner(program, values, memory).Run();
#if defined(STRATA_KERNELS_OPS_POINTWISE_PLAN_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_OPS_POINTWISE_PLAN_INL_H_
#undef STRATA_KERNELS_OPS_POINTWISE_PLAN_INL_H_
#else
#define STRATA_KERNELS_OPS_POINTWISE_PLAN_INL_H_
#endif

#include <hwy/highway.h>

#include <array>
#include <cstddef>

#include "kernels/ops/pointwise/casts-inl.h"
#include "kernels/ops/pointwise/chain-inl.h"
#include "kernels/ops/pointwise/random-inl.h"
#include "kernels/ops/pointwise/steps-inl.h"
#include "kernels/ops/pointwise/workspace.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
using pointwise::Part;
using pointwise::Step;

inline bool IsNarrow(DType type) { return type == DType::kBF16 || type == DType::kF16; }

inline StepFn FindStep(const Step& step) {
  switch (pointwise::InfoOf(step.code).kind) {
    case pointwise::CodeKind::kCast:
      return FindCast(pointwise::ComputeOf(step.type), pointwise::ComputeOf(step.result));
    case pointwise::CodeKind::kRandom:
      return FindRandom(step.code);
    default:
      break;
  }
  switch (step.type) {
    case DType::kI32:
      return WholeStep<int32_t>(step.code);
    case DType::kI64:
      return WholeStep<int64_t>(step.code);
    default:
      return BoolStep(step.code);
  }
}

// Where values lie. Places move from tile to tile; links hold their addresses.
struct Values {
  std::array<Place, pointwise::kNumPlaces> places;
  // Of a fused program: an input of a narrow format as it is in memory, and the strip that it is converted to.
  std::array<Place, pointwise::kMaxProgramInputs> narrow, wide;
  uint32_t narrow_inputs = 0;     // bits: converted by links
  uint32_t streamed_outputs = 0;  // bits: written past the caches by links
};

class Planner {
 public:
  // `memory` has LinkBytes.
  Planner(const pointwise::Program& program, const Values& values, std::byte* memory)
      : program_(program),
        values_(values),
        part_(reinterpret_cast<Part*>(memory)),
        link_(reinterpret_cast<Link*>(part_ + program.schedule.num_steps)) {}

  // Writes the parts to the front of `memory` and returns their end.
  const Part* Run() {
    const pointwise::Schedule& schedule = program_.schedule;
    for (size_t s = 0; s < static_cast<size_t>(schedule.num_steps);) {
      const Step& step = schedule.steps[s];
      if (!step.chained) {
        *part_++ = {nullptr, nullptr, FindStep(step), s++};
      } else if (pointwise::ComputeOf(step.type) == DType::kF32) {
        s = Chain<float>(s);
      } else {
        s = Chain<double>(s);
      }
    }
    return part_;
  }

 private:
  // A chain of the steps from number `s` on that have its type; returns the one after.
  template <class F>
  size_t Chain(size_t s) {
    const pointwise::Schedule& schedule = program_.schedule;
    const DType type = pointwise::ComputeOf(schedule.steps[s].type);
    *part_++ = {RunChain<F>, link_, nullptr, s};
    for (; s < static_cast<size_t>(schedule.num_steps); ++s) {
      const Step& step = schedule.steps[s];
      if (!step.chained || pointwise::ComputeOf(step.type) != type) break;
      AddWork<F>(step);
      AddStores<F>(step);
    }
    Add(EndLink<F>());
    return s;
  }

  void Add(LinkFn run, const Place* in0 = nullptr, const Place* in1 = nullptr, const Place* out = nullptr) {
    *link_++ = {run, {in0, in1}, out};
  }

  // Whether each of the operands differs from element to element; nullptr: none.
  static bool Move(const Place* a, const Place* b = nullptr, const Place* c = nullptr) {
    return (a == nullptr || a->mask != 0) && (b == nullptr || b->mask != 0) && (c == nullptr || c->mask != 0);
  }

  const Place* PlaceAt(int16_t place) const { return &values_.places[static_cast<size_t>(place)]; }

  // Where a link reads the operand in the chain's type: a narrow input is converted first, once.
  const Place* In(int16_t operand) {
    const auto t = static_cast<size_t>(operand);
    if (operand >= pointwise::kMaxProgramInputs || (values_.narrow_inputs >> t & 1) == 0) return PlaceAt(operand);
    if ((widened_ >> t & 1) == 0) {
      widened_ |= 1u << t;
      Add(program_.inputs[t] == DType::kBF16 ? LinkOf<float, Widen<BF16>>() : LinkOf<float, Widen<F16>>(),
          &values_.narrow[t], nullptr, &values_.wide[t]);
    }
    return &values_.wide[t];
  }

  // Whether the operand is an input of a narrow format that is converted where it is read: up to twice that costs less
  // than writing what it is converted to.
  bool ReadNarrow(int16_t operand) const {
    const auto t = static_cast<size_t>(operand);
    return operand < pointwise::kMaxProgramInputs && (values_.narrow_inputs >> t & 1) != 0 &&
           program_.schedule.input_uses[t] <= 2;
  }

  template <class F>
  void AddLoad(int16_t operand) {
    const auto t = static_cast<size_t>(operand);
    if (ReadNarrow(operand)) {
      return Add(
          program_.inputs[t] == DType::kBF16 ? LinkOf<float, LoadNarrow<BF16>>() : LinkOf<float, LoadNarrow<F16>>(),
          &values_.narrow[t]);
    }
    const Place* in = In(operand);
    Add(LinkOf<F, Load>(Move(in)), in);
  }

  // A simple step of float32 numbers. A bfloat16 operand that is not held is read from memory, if it may be.
  void AddSimple(const Step& step) {
    const bool rounds = RoundsByItself(step);
    const auto add = [&](Form form, int16_t other) {
      const bool narrow = ReadNarrow(other) && program_.inputs[static_cast<size_t>(other)] == DType::kBF16;
      const Place* place = narrow ? &values_.narrow[static_cast<size_t>(other)] : In(other);
      Add(SimpleLink(step.code, form, narrow, rounds, Move(place)), place);
    };
    if (step.held == 3) return Add(SimpleLink(step.code, Form::kBoth, false, rounds, true));
    if (step.held == 2) return add(Form::kRight, step.in[0]);
    if (step.held == 0) {
      if (!ReadNarrow(step.in[0]) && !ReadNarrow(step.in[1])) {
        const Place *a = In(step.in[0]), *b = In(step.in[1]);
        return Add(SimpleLink(step.code, Form::kNeither, false, rounds, Move(a, b)), a, b);
      }
      AddLoad<float>(step.in[0]);
    }
    add(Form::kLeft, step.in[1]);
  }

  template <class F>
  void AddWork(const Step& step) {
    if constexpr (sizeof(F) == 4) {
      if (IsSimple(step.code)) return AddSimple(step);
    }
    const auto in = step.in;
    if (step.arity == 1) {
      if (step.held == 0) AddLoad<F>(in[0]);
      if (step.code != Code::kCast) Add(UnaryLink<F>(step.code));
      return;
    }
    if (step.code == Code::kSelect) {
      const bool right = step.held == 4;
      const Place* other = In(right ? in[1] : in[2]);
      if (step.test != Code::kSelect) {
        const Place *a = In(step.tested[0]), *b = In(step.tested[1]);
        if (step.held == 0) AddLoad<F>(in[1]);
        return Add(TestLink<F>(step.test, right ? Form::kRight : Form::kLeft, Move(a, b, other)), a, b, other);
      }
      if (step.held == 0) AddLoad<F>(in[1]);
      return Add(BinaryLink<F>(step.code, right ? Form::kRight : Form::kLeft, Move(PlaceAt(in[0]), other)),
                 PlaceAt(in[0]), other);
    }
    if (step.code == Code::kFma) {
      const bool right = step.held == 4;
      const Place* a = In(right ? in[0] : step.held == 2 ? in[0] : in[1]);
      const Place* b = In(right ? in[1] : in[2]);
      if (step.held == 0) AddLoad<F>(in[0]);
      return Add(BinaryLink<F>(step.code, right ? Form::kRight : Form::kLeft, Move(a, b)), a, b);
    }
    if (step.held == 0) {
      const Place *a = In(in[0]), *b = In(in[1]);
      return Add(BinaryLink<F>(step.code, Form::kNeither, Move(a, b)), a, b, PlaceAt(step.out));
    }
    const Form form = step.held == 3 ? Form::kBoth : step.held == 2 ? Form::kRight : Form::kLeft;
    const Place* other = form == Form::kBoth ? nullptr : In(form == Form::kRight ? in[0] : in[1]);
    Add(BinaryLink<F>(step.code, form, Move(other)), other);
  }

  static bool RoundsByItself(const Step& step) {
    return step.rounds && step.result == DType::kBF16 && IsSimple(step.code);
  }
  static LinkFn RoundingLink(const Step& step) {
    if (step.result == DType::kF16) return LinkOf<float, Rounded<F16>>();
    return step.code == Code::kCast ? LinkOf<float, Rounded<BF16>>() : LinkOf<float, ThenRounded<Nothing>>();
  }

  template <class F>
  void AddStores(const Step& step) {
    if (step.result == DType::kBool) return;  // the comparison has done it
    const bool bf16 = step.result == DType::kBF16;
    if (step.rounds && !RoundsByItself(step)) Add(RoundingLink(step));
    if (step.output >= 0) {
      const bool stream = (values_.streamed_outputs >> step.output & 1) != 0;
      LinkFn run = stream ? LinkOf<F, StreamAs<F>>() : LinkOf<F, StoreAs<F>>();
      if (bf16) run = stream ? LinkOf<float, StreamAs<BF16>>() : LinkOf<float, StoreAs<BF16>>();
      if (step.result == DType::kF16) run = LinkOf<float, StoreAs<F16>>();
      Add(run, nullptr, nullptr, PlaceAt(static_cast<int16_t>(pointwise::kOutputPlaces + step.output)));
    }
    if (step.kept) Add(LinkOf<F, StoreAs<F>>(), nullptr, nullptr, PlaceAt(step.out));
  }

  const pointwise::Program& program_;
  const Values& values_;
  Part* part_;
  Link* link_;
  uint32_t widened_ = 0;
};

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
