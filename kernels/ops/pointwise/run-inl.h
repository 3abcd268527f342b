// Runs a pointwise program tile by tile. Included once per SIMD target.
//
//   Runner(work, chunk).Run(first_tile, end_tile);
#if defined(STRATA_KERNELS_OPS_POINTWISE_RUN_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_OPS_POINTWISE_RUN_INL_H_
#undef STRATA_KERNELS_OPS_POINTWISE_RUN_INL_H_
#else
#define STRATA_KERNELS_OPS_POINTWISE_RUN_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstring>

#include "kernels/ops/pointwise/plan-inl.h"
#include "kernels/ops/pointwise/workspace.h"
#include "kernels/simd/stream.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// `count` copies of the element at `from`.
inline void Spread(const void* from, size_t bytes, size_t count, void* to) {
  switch (bytes) {
    case 1:
      std::memset(to, *static_cast<const uint8_t*>(from), count);
      return;
    case 2:
      std::fill_n(static_cast<uint16_t*>(to), count, *static_cast<const uint16_t*>(from));
      return;
    case 4:
      std::fill_n(static_cast<uint32_t*>(to), count, *static_cast<const uint32_t*>(from));
      return;
    default:
      std::fill_n(static_cast<uint64_t*>(to), count, *static_cast<const uint64_t*>(from));
  }
}

// Each constant, as often as a vector may ask for.
inline void FillConstants(const pointwise::Work& work) {
  for (int k = 0; k < work.program.num_constants; ++k) {
    const pointwise::Constant& constant = work.program.constants[static_cast<size_t>(k)];
    std::byte* to = work.memory + static_cast<size_t>(k) * pointwise::kConstantBytes;
    const auto fill = [to](auto value) { Spread(&value, sizeof value, pointwise::kConstantBytes / sizeof value, to); };
    switch (constant.type) {
      case DType::kF32:
        fill(static_cast<float>(constant.f));
        break;
      case DType::kF64:
        fill(constant.f);
        break;
      case DType::kI32:
        fill(static_cast<int32_t>(constant.i));
        break;
      case DType::kI64:
        fill(constant.i);
        break;
      default:
        fill(static_cast<uint8_t>(constant.i));
    }
  }
}

// One thread's part of a call.
class Runner {
 public:
  Runner(const pointwise::Work& work, int chunk)
      : work_(work),
        program_(work.program),
        fused_(program_.schedule.fused),
        slot_bytes_(pointwise::SlotBytes(program_)),
        parts_(work.memory + pointwise::kConstantBytes * static_cast<size_t>(program_.num_constants) +
               pointwise::ThreadBytes(program_) * static_cast<size_t>(chunk)),
        slots_(parts_ + pointwise::LinkBytes(program_)) {
    for (size_t k = 0; k < static_cast<size_t>(program_.num_constants); ++k) {
      values_.places[pointwise::kConstantPlaces + k] = {work.memory + k * pointwise::kConstantBytes, 0};
    }
    const size_t strip = pointwise::kTileStep * static_cast<size_t>(program_.schedule.width);
    for (size_t s = 0; s < static_cast<size_t>(program_.schedule.num_slots); ++s) {
      // A fused program's values live from link to link only: strips side by side, which share no sets of the cache.
      values_.places[pointwise::kSlotPlaces + s] =
          fused_ ? Place{slots_ + s * strip, pointwise::kTileStep - 1} : Place{Slot(s), ~size_t{0}};
    }
    for (size_t o = 0; o < work.outputs.size(); ++o) values_.places[pointwise::kOutputPlaces + o].mask = ~size_t{0};
    for (size_t t = 0; t < work.inputs.size(); ++t) PlanInput(t);
    for (size_t o = 0; o < work.outputs.size(); ++o) {
      if (Streams(o)) values_.streamed_outputs |= 1u << o;
    }
    end_ = Planner(program_, values_, parts_).Run();
  }

  // Tiles [first, end).
  void Run(int64_t first, int64_t end) {
    const int64_t run = work_.run(), per_run = work_.tiles_per_run();
    constexpr auto kTile = static_cast<int64_t>(pointwise::kTile), kStep = static_cast<int64_t>(pointwise::kTileStep);
    const int64_t whole = run / kStep * kStep;
    int64_t row = first / per_run, number = first % per_run;
    for (int64_t t = first; t < end; ++t) {
      const int64_t begin = std::min(whole, number * kTile);
      cut_ = begin == whole;
      count_ = static_cast<size_t>((cut_ ? run : std::min(whole, begin + kTile)) - begin);
      RunTile(row, begin);
      if (++number == per_run) number = 0, ++row;
    }
    if (work_.streams) StreamFence();
  }

 private:
  std::byte* Slot(size_t slot) const { return slots_ + slot_bytes_ * slot; }
  std::byte* InputSlot(size_t t) const { return Slot(static_cast<size_t>(program_.schedule.num_slots) + t); }
  std::byte* OutputSlot(size_t o) const { return InputSlot(work_.inputs.size() + o); }

  void PlanInput(size_t t) {
    const pointwise::Broadcast& broadcast = work_.broadcast;
    single_[t] = broadcast.Single(t);
    if (single_[t]) SpreadInput(t, 0);
    const bool spread = single_[t] || (!broadcast.Full(t) && work_.by_run() && broadcast.InnerStride(t) == 0);
    values_.places[t].mask = values_.narrow[t].mask = spread ? 0 : ~size_t{0};
    if (!fused_ || spread || !IsNarrow(work_.inputs[t].dtype)) return;
    values_.narrow_inputs |= 1u << t;
    values_.wide[t] = {InputSlot(t), pointwise::kTileStep - 1};
  }

  // Output o goes past the caches from registers: every tile of it begins with a line.
  bool Streams(size_t o) const {
    const TensorView& view = work_.outputs[o];
    const size_t run = static_cast<size_t>(work_.run()) * SizeOf(view.dtype);
    return work_.streams && fused_ && view.dtype != DType::kF16 && reinterpret_cast<uintptr_t>(view.data) % 64 == 0 &&
           (run % 64 == 0 || work_.run() == work_.broadcast.total);
  }

  // Input t is the element number `at` everywhere.
  void SpreadInput(size_t t, int64_t at) {
    const TensorView& view = work_.inputs[t];
    const size_t size = SizeOf(view.dtype);
    const std::byte* from = static_cast<const std::byte*>(view.data) + static_cast<size_t>(at) * size;
    float wide = 0;
    if (IsNarrow(view.dtype)) {
      wide = view.dtype == DType::kBF16 ? ToFloat(view.In<BF16>()[at]) : ToFloat(view.In<F16>()[at]);
      Spread(&wide, sizeof wide, pointwise::kConstantBytes / sizeof wide, InputSlot(t));
    } else {
      Spread(from, size, pointwise::kConstantBytes / size, InputSlot(t));
    }
    values_.places[t] = {InputSlot(t), 0};
  }

  // Where a copy of a tile of input t goes: of a narrow format behind what it is converted to.
  std::byte* CopyOf(size_t t) const {
    return InputSlot(t) + (IsNarrow(work_.inputs[t].dtype) ? pointwise::kTile * sizeof(uint16_t) : 0);
  }

  // Input t is what lies at `from`; only the tile's own elements may be read.
  void ReadInput(size_t t, std::byte* from) {
    if (cut_) {
      std::memcpy(CopyOf(t), from, count_ * SizeOf(work_.inputs[t].dtype));
      from = CopyOf(t);
    }
    SetInput(t, from);
  }
  // A narrow format is converted by the chain, or into the input's slot.
  void SetInput(size_t t, std::byte* from) {
    const DType type = work_.inputs[t].dtype;
    const Place place = {from, ~size_t{0}};
    if ((values_.narrow_inputs >> t & 1) != 0) {
      values_.narrow[t] = place;
    } else if (IsNarrow(type)) {
      auto* wide = reinterpret_cast<float*>(InputSlot(t));
      if (type == DType::kBF16) {
        FromNarrow(reinterpret_cast<const BF16*>(from), wide, Padded());
      } else {
        FromNarrow(reinterpret_cast<const F16*>(from), wide, Padded());
      }
      values_.places[t] = {InputSlot(t), ~size_t{0}};
    } else {
      values_.places[t] = place;
    }
  }

  // Copies what output elements [begin, begin + count_) read of input t: runs of memory or of one element.
  void Gather(size_t t, int64_t begin) {
    const pointwise::Broadcast& broadcast = work_.broadcast;
    const TensorView& view = work_.inputs[t];
    const size_t size = SizeOf(view.dtype);
    std::byte* to = CopyOf(t);
    int64_t row = begin / broadcast.inner, column = begin % broadcast.inner;
    for (auto left = static_cast<int64_t>(count_); left > 0; ++row, column = 0) {
      const int64_t length = std::min(left, broadcast.inner - column), stride = broadcast.InnerStride(t);
      const std::byte* from = static_cast<const std::byte*>(view.data) +
                              static_cast<size_t>(broadcast.Offset(t, row) + column * stride) * size;
      if (stride == 1) {
        std::memcpy(to, from, static_cast<size_t>(length) * size);
      } else {
        Spread(from, size, static_cast<size_t>(length), to);
      }
      to += static_cast<size_t>(length) * size;
      left -= length;
    }
    SetInput(t, CopyOf(t));
  }

  void ReadInputs(int64_t row, int64_t begin) {
    const pointwise::Broadcast& broadcast = work_.broadcast;
    for (size_t t = 0; t < work_.inputs.size(); ++t) {
      if (single_[t]) continue;
      const TensorView& view = work_.inputs[t];
      const auto at = [&](int64_t element) {
        return static_cast<std::byte*>(view.data) + static_cast<size_t>(element) * SizeOf(view.dtype);
      };
      if (broadcast.Full(t)) {
        ReadInput(t, at(row * broadcast.inner + begin));
      } else if (!work_.by_run()) {
        Gather(t, begin);
      } else if (broadcast.InnerStride(t) == 0) {
        SpreadInput(t, broadcast.Offset(t, row));
      } else {
        ReadInput(t, at(broadcast.Offset(t, row) + begin));
      }
    }
  }

  size_t Padded() const { return (count_ + pointwise::kTileStep - 1) / pointwise::kTileStep * pointwise::kTileStep; }

  // Output o of this tile is made in its slot and copied.
  bool Copies(size_t o) const { return cut_ || (work_.streams && (values_.streamed_outputs >> o & 1) == 0); }

  // The elements that start at number `begin` of a run.
  void RunTile(int64_t row, int64_t begin) {
    ReadInputs(row, begin);
    const int64_t first = row * work_.run() + begin;
    const auto at = [&](size_t o) {
      const TensorView& view = work_.outputs[o];
      return static_cast<std::byte*>(view.data) + static_cast<size_t>(first) * SizeOf(view.dtype);
    };
    for (size_t o = 0; o < work_.outputs.size(); ++o) {
      values_.places[pointwise::kOutputPlaces + o] = {Copies(o) ? OutputSlot(o) : at(o), ~size_t{0}};
    }
    RunParts(first);
    for (size_t o = 0; o < work_.outputs.size(); ++o) {
      if (!Copies(o)) continue;
      const size_t bytes = count_ * SizeOf(work_.outputs[o].dtype);
      if (work_.streams) {
        StreamBytes(at(o), OutputSlot(o), bytes);
      } else {
        std::memcpy(at(o), OutputSlot(o), bytes);
      }
    }
  }

  void RunParts(int64_t position) {
    const size_t count = Padded();
    for (const auto* part = reinterpret_cast<const Part*>(parts_); part != end_; ++part) {
      if (part->run_chain != nullptr) {
        part->run_chain(part->first, count);
      } else {
        RunStep(*part, position);
      }
    }
  }

  void RunStep(const Part& part, int64_t position) {
    const Step& step = program_.schedule.steps[part.step];
    pointwise::Tile tile{};
    tile.count = Padded();
    tile.position = static_cast<uint64_t>(position);
    for (size_t a = 0; a < step.arity; ++a) {
      const Place& place = values_.places[static_cast<size_t>(step.in[a])];
      tile.in[a] = place.data;
      tile.mask[a] = place.mask;
    }
    if (pointwise::InfoOf(step.code).kind == pointwise::CodeKind::kRandom) {
      const TensorView& seeds = work_.inputs[static_cast<size_t>(step.in[0])];
      tile.in[0] = seeds.data;
      tile.drawn = count_;
      tile.block = static_cast<uint64_t>(work_.broadcast.total / seeds.numel());
    }
    tile.out = values_.places[static_cast<size_t>(step.out)].data;
    part.run_step(tile);
    auto* values = static_cast<float*>(tile.out);
    const bool bf16 = step.result == DType::kBF16;
    if (step.rounds) bf16 ? RoundNarrow<BF16>(values, tile.count) : RoundNarrow<F16>(values, tile.count);
    if (step.output < 0) return;
    std::byte* out = values_.places[pointwise::kOutputPlaces + static_cast<size_t>(step.output)].data;
    if (bf16) {
      ToNarrow(values, reinterpret_cast<BF16*>(out), tile.count);
    } else {
      ToNarrow(values, reinterpret_cast<F16*>(out), tile.count);
    }
  }

  const pointwise::Work& work_;
  const pointwise::Program& program_;
  const bool fused_;
  const size_t slot_bytes_;
  std::byte* const parts_;
  std::byte* const slots_;
  const Part* end_;
  bool cut_ = false;  // this tile ends past the last whole step: inputs and outputs are copied
  size_t count_ = 0;  // its elements
  std::array<bool, pointwise::kMaxProgramInputs> single_;
  Values values_;
};

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
