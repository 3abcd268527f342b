// Three stages, so that vectors stay full although neighbours leave at different times:
//   1. Scan: the first steps of a run of points together, counted exactly. Three of four points end here.
//   2. Advance: what is left sits in the lanes of a group of vectors and goes on in blocks of steps with one test at
//   the
//      end of each; a lane whose point is done takes the next one.
//   3. Finish: points that left within a block, set back to its beginning, are counted exactly, many at a time.
// One test a block is enough: once |z|^2 > 4 it stays so or becomes NaN (mandelbrot_test.cc tries the hard points).
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/mandelbrot/mandelbrot_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include <atomic>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/mandelbrot/mandelbrot.h"
#include "kernels/simd/row-inl.h"

// Vectors in arrays must be unrolled to live in registers.
#undef STRATA_UNROLL
#if defined(__clang__)
#define STRATA_UNROLL _Pragma("unroll")
#else
#define STRATA_UNROLL _Pragma("GCC unroll 8")
#endif

#ifndef STRATA_KERNELS_OPS_MANDELBROT_ONCE
#define STRATA_KERNELS_OPS_MANDELBROT_ONCE
namespace strata::mandelbrot {

inline constexpr int64_t kBlock = 48;       // steps between tests; 16 cost 9 % more
inline constexpr int64_t kFirst = 32;       // steps of the scan, or up to kBlock - 1 more
inline constexpr int64_t kSegment = 256;    // points of a row that are scanned together
inline constexpr size_t kExactVectors = 4;  // enough to hide the latency of a step
inline constexpr size_t kMaxLanes = 16;     // of a vector: 512 bits of float32
inline constexpr size_t kMaxVectors = 6;    // of a group

// Points on their way: where they are, their c, and where their count goes.
template <class F, size_t kSize>
struct Points {
  alignas(64) F zr[kSize], zi[kSize], cr[kSize], ci[kSize];
  int64_t at[kSize];

  template <size_t kOther>
  void Take(size_t to, const Points<F, kOther>& from, size_t i) {
    zr[to] = from.zr[i], zi[to] = from.zi[i], cr[to] = from.cr[i], ci[to] = from.ci[i], at[to] = from.at[i];
  }
};

// The lanes of a group of vectors. A point leaves at the latest when the worker's clock shows its deadline; the clock
// counts blocks and may wrap around.
template <class F>
struct Group {
  using Clock = std::conditional_t<sizeof(F) == 4, uint32_t, uint64_t>;
  Points<F, kMaxVectors * kMaxLanes> points;
  alignas(64) Clock deadline[kMaxVectors * kMaxLanes];
};

template <class F>
struct Storage {
  Group<F> group;
  Points<F, static_cast<size_t>(kSegment)> waiting;
  Points<F, (kExactVectors + kMaxVectors) * kMaxLanes> leaving;
  int32_t counted[(kExactVectors + kMaxVectors) * kMaxLanes];  // of those leaving, until the block they left in
  alignas(64) F old_zr[kMaxVectors * kMaxLanes], old_zi[kMaxVectors * kMaxLanes];
};

// What the workers of one call share.
struct Grid {
  int64_t width, height, max_iterations;
  int32_t* counts;
  int64_t blocks = std::max<int64_t>(0, (max_iterations - kFirst) / kBlock);  // after the scan
  int64_t first = max_iterations - blocks * kBlock;                           // steps of the scan
  int64_t segments = (width + kSegment - 1) / kSegment;
  std::atomic<int64_t> next{0};
};

}  // namespace strata::mandelbrot
#endif  // STRATA_KERNELS_OPS_MANDELBROT_ONCE

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

using mandelbrot::kBlock;
using mandelbrot::kExactVectors;

template <class F>
using Lanes = hn::CappedTag<F, 64 / sizeof(F)>;

// One step of z' = z^2 + c. The order of its roundings is the op's definition.
template <class D, class V = hn::Vec<D>>
HWY_INLINE void Step(D, V& zr, V& zi, V cr, V ci) {
  const V next = hn::NegMulAdd(zi, zi, hn::MulAdd(zr, zr, cr));
  zi = hn::MulAdd(hn::Add(zr, zr), zi, ci);
  zr = next;
}

// Lanes whose point is inside; a NaN is not.
template <class D, class V = hn::Vec<D>>
HWY_INLINE hn::Mask<D> Inside(D d, V zr, V zi) {
  return hn::Le(hn::MulAdd(zr, zr, hn::Mul(zi, zi)), hn::Set(d, hn::TFromD<D>(4)));
}

template <class D>
HWY_INLINE uint32_t Bits(D d, hn::Mask<D> mask) {
  uint8_t bits[8] = {};
  hn::StoreMaskBits(d, mask, bits);
  return static_cast<uint32_t>(bits[0]) | static_cast<uint32_t>(bits[1]) << 8;
}

template <class Visit>
HWY_INLINE void ForBits(uint32_t bits, Visit visit) {
  for (; bits != 0; bits &= bits - 1) visit(static_cast<size_t>(__builtin_ctz(bits)));
}

// Counts exactly from (zr, zi) on, up to `most` steps; ends early when every lane has left.
template <class D, class F = hn::TFromD<D>>
HWY_INLINE void CountExactly(D d, const F* cr, const F* ci, int64_t most, F* zr, F* zi, F* count) {
  constexpr size_t kLanes = hn::MaxLanes(D());
  hn::Vec<D> r[kExactVectors], i[kExactVectors], n[kExactVectors];
  STRATA_UNROLL
  for (size_t v = 0; v < kExactVectors; ++v) {
    r[v] = hn::LoadU(d, zr + v * kLanes);
    i[v] = hn::LoadU(d, zi + v * kLanes);
    n[v] = hn::Zero(d);
  }
  for (int64_t step = 0; step < most; ++step) {
    auto any = hn::FirstN(d, 0);
    STRATA_UNROLL
    for (size_t v = 0; v < kExactVectors; ++v) {
      const auto inside = Inside(d, r[v], i[v]);
      any = hn::Or(any, inside);
      n[v] = hn::Add(n[v], hn::IfThenElseZero(inside, hn::Set(d, F(1))));
      Step(d, r[v], i[v], hn::LoadU(d, cr + v * kLanes), hn::LoadU(d, ci + v * kLanes));
    }
    if (hn::AllFalse(d, any)) break;
  }
  STRATA_UNROLL
  for (size_t v = 0; v < kExactVectors; ++v) {
    hn::StoreU(r[v], d, zr + v * kLanes);
    hn::StoreU(i[v], d, zi + v * kLanes);
    hn::StoreU(n[v], d, count + v * kLanes);
  }
}

template <class T>
class Worker {
  using F = ComputeType<T>;
  using D = Lanes<F>;
  using Group = mandelbrot::Group<F>;
  using Clock = typename Group::Clock;
  using ClockTag = hn::RebindToUnsigned<D>;
  static constexpr size_t kLanes = hn::MaxLanes(D());
  // A step waits 8 cycles for the one before it and takes 3 or 4 slots of the multiply-add units.
  static constexpr size_t kVectors = mandelbrot::kMaxVectors;
  static constexpr size_t kSize = kVectors * kLanes;
  static constexpr size_t kExact = kExactVectors * kLanes;

 public:
  Worker(mandelbrot::Grid& grid, const T* re, const T* im, mandelbrot::Storage<F>& storage)
      : grid_(grid), re_(re), im_(im), m_(storage) {}

  HWY_INLINE void Run() {
    for (size_t lane = 0; lane < kSize; ++lane) Refill(m_.group, lane, 0);
    for (; live_ > 0; ++now_) Advance(m_.group);
    if (leaving_ > 0) Finish();
  }

 private:
  // Points of one segment after the scan, if any segment is left that has some.
  HWY_INLINE bool Produce() {
    while (waiting_ == 0) {
      const int64_t item = grid_.next.fetch_add(1, std::memory_order_relaxed);
      if (item >= grid_.segments * grid_.height) return false;
      const int64_t w = item % grid_.segments * mandelbrot::kSegment;
      Scan(item / grid_.segments, w, std::min(grid_.width, w + mandelbrot::kSegment));
    }
    return true;
  }

  HWY_INLINE void Scan(int64_t h, int64_t begin, int64_t end) {
    const D d;
    HWY_ALIGN F cr[kExact], ci[kExact], zr[kExact], zi[kExact], count[kExact];
    const auto im = hn::Set(d, hn::GetLane(ReadN(d, im_ + h, 1)));
    for (size_t i = 0; i < kExact; i += kLanes) hn::StoreU(im, d, ci + i);
    for (int64_t w = begin; w < end; w += static_cast<int64_t>(kExact)) {
      const size_t n = std::min(kExact, static_cast<size_t>(end - w));
      for (size_t i = 0; i < kExact; i += kLanes) {
        hn::StoreU(ReadN(d, re_ + w + i, n > i ? std::min(kLanes, n - i) : 0), d, cr + i);
        hn::StoreU(hn::Zero(d), d, zr + i);
        hn::StoreU(hn::Zero(d), d, zi + i);
      }
      CountExactly(d, cr, ci, grid_.first, zr, zi, count);
      int32_t* out = grid_.counts + h * grid_.width + w;
      for (size_t i = 0; i < n; ++i) out[i] = static_cast<int32_t>(count[i]);
      if (grid_.blocks == 0) continue;
      const auto all = hn::Set(d, static_cast<F>(grid_.first));
      for (size_t v = 0; v < n; v += kLanes) {
        uint32_t stayed = Bits(d, hn::Eq(hn::LoadU(d, count + v), all));
        if (n - v < kLanes) stayed &= (1u << (n - v)) - 1;
        ForBits(stayed, [&](size_t lane) {
          const size_t i = v + lane, to = waiting_++;
          auto& p = m_.waiting;
          p.zr[to] = zr[i], p.zi[to] = zi[i], p.cr[to] = cr[i], p.ci[to] = ci[i];
          p.at[to] = h * grid_.width + w + static_cast<int64_t>(i);
        });
      }
    }
  }

  // `start`: the clock when the lane's next block begins.
  HWY_INLINE void Refill(Group& group, size_t lane, Clock start) {
    if (waiting_ == 0 && !Produce()) {
      // An empty lane stays at 0. Its deadline may come round again: `at` tells.
      group.points.zr[lane] = group.points.zi[lane] = group.points.cr[lane] = group.points.ci[lane] = 0;
      group.points.at[lane] = -1;
      return;
    }
    group.points.Take(lane, m_.waiting, --waiting_);
    group.deadline[lane] = start + static_cast<Clock>(grid_.blocks);
    ++live_;
  }

  // A block of steps, then the lanes that are done.
  HWY_INLINE void Advance(Group& group) {
    const D d;
    const ClockTag du;
    auto& p = group.points;
    hn::Vec<D> r[kVectors], i[kVectors];
    STRATA_UNROLL
    for (size_t v = 0; v < kVectors; ++v) {
      r[v] = hn::Load(d, p.zr + v * kLanes);
      i[v] = hn::Load(d, p.zi + v * kLanes);
    }
    for (int64_t step = 0; step < kBlock; ++step) {
      STRATA_UNROLL
      for (size_t v = 0; v < kVectors; ++v) {
        Step(d, r[v], i[v], hn::Load(d, p.cr + v * kLanes), hn::Load(d, p.ci + v * kLanes));
      }
    }
    const auto end = hn::Set(du, now_ + 1);
    auto stay = hn::FirstN(d, kLanes);
    STRATA_UNROLL
    for (size_t v = 0; v < kVectors; ++v) {
      const auto due = hn::RebindMask(d, hn::Eq(hn::Load(du, group.deadline + v * kLanes), end));
      stay = hn::And(stay, hn::AndNot(due, Inside(d, r[v], i[v])));
    }
    const bool all = hn::AllTrue(d, stay);
    if (HWY_UNLIKELY(!all)) {
      std::copy_n(p.zr, kSize, m_.old_zr);
      std::copy_n(p.zi, kSize, m_.old_zi);
    }
    STRATA_UNROLL
    for (size_t v = 0; v < kVectors; ++v) {
      hn::Store(r[v], d, p.zr + v * kLanes);
      hn::Store(i[v], d, p.zi + v * kLanes);
    }
    if (HWY_UNLIKELY(!all)) Settle(group);
  }

  HWY_NOINLINE void Settle(Group& group) {
    const D d;
    const ClockTag du;
    auto& p = group.points;
    STRATA_UNROLL
    for (size_t v = 0; v < kVectors; ++v) {
      const size_t base = v * kLanes;
      const auto inside = Inside(d, hn::Load(d, p.zr + base), hn::Load(d, p.zi + base));
      const auto due = hn::RebindMask(d, hn::Eq(hn::Load(du, group.deadline + base), hn::Set(du, now_ + 1)));
      ForBits(Bits(d, hn::Not(inside)), [&](size_t lane) { Leave(group, base + lane); });
      ForBits(Bits(d, hn::And(inside, due)), [&](size_t lane) {
        if (p.at[base + lane] < 0) return;
        grid_.counts[p.at[base + lane]] = static_cast<int32_t>(grid_.max_iterations);
        --live_;
        Refill(group, base + lane, now_ + 1);
      });
    }
    if (leaving_ >= kExact) Finish();
  }

  // A point has left within the block: its exact count is made later, from the block's beginning.
  HWY_INLINE void Leave(Group& group, size_t lane) {
    const size_t to = leaving_++;
    m_.leaving.Take(to, group.points, lane);
    m_.leaving.zr[to] = m_.old_zr[lane];
    m_.leaving.zi[to] = m_.old_zi[lane];
    const auto blocks_left = static_cast<Clock>(group.deadline[lane] - now_);
    m_.counted[to] = static_cast<int32_t>(grid_.max_iterations - static_cast<int64_t>(blocks_left) * kBlock);
    --live_;
    Refill(group, lane, now_ + 1);
  }

  HWY_INLINE void Finish() {
    const D d;
    HWY_ALIGN F count[kExact];
    while (leaving_ > 0) {
      const size_t n = std::min(leaving_, kExact), from = leaving_ - n;
      auto& p = m_.leaving;
      for (size_t i = leaving_; i < kExact; ++i) p.zr[i] = p.zi[i] = 3;  // outside: they end nothing early
      CountExactly(d, p.cr + from, p.ci + from, kBlock, p.zr + from, p.zi + from, count);
      for (size_t i = 0; i < n; ++i) {
        grid_.counts[p.at[from + i]] = m_.counted[from + i] + static_cast<int32_t>(count[i]);
      }
      leaving_ = from;
    }
  }

  mandelbrot::Grid& grid_;
  const T *re_, *im_;
  mandelbrot::Storage<F>& m_;
  size_t waiting_ = 0, leaving_ = 0;
  int64_t live_ = 0;
  Clock now_ = 0;
};

void Mandelbrot(const OpContext& context, const TensorView& re, const TensorView& im, mandelbrot::Grid& grid) {
  // Some 100,000 steps: about what waking a thread costs.
  const int64_t grain = 1 + 100000 / (mandelbrot::kSegment * (grid.max_iterations + 1));
  const int workers = NumChunks(*context.parallel, grid.segments * grid.height, grain);
  DispatchFloat(re.dtype, [&](auto type) {
    using T = decltype(type);
    using Storage = mandelbrot::Storage<ComputeType<T>>;
    auto* storage = reinterpret_cast<Storage*>(context.workspace);
    // A thread takes segments until none is left: rows differ in work by a thousand.
    context.parallel->Run(workers, [&](int i) { Worker<T>(grid, re.In<T>(), im.In<T>(), storage[i]).Run(); });
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(Mandelbrot);

size_t MandelbrotWorkspace(const Call&, int num_threads) {
  return static_cast<size_t>(num_threads) *
         std::max(sizeof(mandelbrot::Storage<float>), sizeof(mandelbrot::Storage<double>));
}

void MandelbrotCpu(const OpContext& context, const TensorView& re, const TensorView& im, int64_t max_iterations,
                   const TensorView& counts) {
  mandelbrot::Grid grid{
      .width = re.numel(), .height = im.numel(), .max_iterations = max_iterations, .counts = counts.Out<int32_t>()};
  if (grid.width == 0 || grid.height == 0) return;
  HWY_DYNAMIC_DISPATCH(Mandelbrot)(context, re, im, grid);
}

}  // namespace strata
#endif  // HWY_ONCE
