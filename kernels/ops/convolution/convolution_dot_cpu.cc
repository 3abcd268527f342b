// Convolutions in bfloat16 by dot-product instructions: classes bf16-dot (vdpbf16ps) and bf16-amx
// (docs/design/numerics.md). Rows are output channels, columns places of one image.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/convolution/convolution_dot_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include <algorithm>
#include <cstring>

#include "kernels/dot/bf16_product.h"
#include "kernels/dot/dot_pack.h"
#include "kernels/ops/convolution/convolution.h"
#include "kernels/simd/convolution-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

// Steps of pairs along k of the places [column, ...), as bf16_product.h wants a panel.
void PackPairs(const WindowMatrix<BF16>& windows, size_t num_k, size_t column, size_t columns, size_t first,
               size_t steps, uint32_t* out) {
  const hn::ScalableTag<uint32_t> d;
  const hn::Rebind<uint16_t, hn::ScalableTag<uint32_t>> half;
  constexpr auto kLanes = static_cast<int64_t>(hn::MaxLanes(hn::ScalableTag<uint32_t>()));
  using Run = WindowMatrix<BF16>::Run;
  Run runs[kPanelColumns];
  const size_t made = windows.RunsOf(static_cast<int64_t>(column), static_cast<int64_t>(columns), runs);
  const int64_t farthest = runs[made - 1].from + runs[made - 1].count + kLanes;
  for (size_t s = 0; s < steps; ++s, out += kPanelColumns) {
    const size_t k = 2 * (first + s);
    const BF16* const low = k < num_k ? windows.StepAt(k) : nullptr;
    const BF16* const high = k + 1 < num_k ? windows.StepAt(k + 1) : nullptr;
    // Whole vectors, one after the other: what is too much is written over by what comes next.
    const bool room = s + 2 < steps && columns == kPanelColumns && high != nullptr;
    if (room && windows.end - std::max(low, high) >= farthest) {
      for (size_t r = 0; r < made; ++r) {
        const auto* a = reinterpret_cast<const uint16_t*>(low + runs[r].from);
        const auto* b = reinterpret_cast<const uint16_t*>(high + runs[r].from);
        for (int64_t i = 0; i < runs[r].count; i += kLanes) {
          const auto pair = hn::Or(hn::PromoteTo(d, hn::LoadU(half, a + i)),
                                   hn::ShiftLeft<16>(hn::PromoteTo(d, hn::LoadU(half, b + i))));
          hn::StoreU(pair, d, out + runs[r].to + i);
        }
      }
      continue;
    }
    std::fill_n(out, kPanelColumns, 0u);
    for (size_t r = 0; r < made; ++r) {
      for (int64_t i = 0; i < runs[r].count; ++i) {
        uint16_t pair[2] = {};
        if (low != nullptr) std::memcpy(pair, low + runs[r].from + i, sizeof(BF16));
        if (high != nullptr) std::memcpy(pair + 1, high + runs[r].from + i, sizeof(BF16));
        out[runs[r].to + i] = pair[0] | static_cast<uint32_t>(pair[1]) << 16;
      }
    }
  }
}

struct DotConvolver {
  const Convolution& c;
  const DotKernel& kernel;
  ConvolutionProducts products{c, /*may_turn=*/false};

  void Product(const OpContext& context, int64_t image, int64_t group) const {
    const auto windows = WindowsOf<BF16>(context, products, image, 1, group);
    const int64_t row = group * c.outputs, all = c.groups * c.outputs, places = c.windows.places();
    const size_t k = products.shape(1).k, width = static_cast<size_t>(places);
    const auto outputs = static_cast<size_t>(c.outputs);
    const uint16_t* const weight = c.weight->In<uint16_t>() + static_cast<size_t>(row) * k;
    const ChannelEpilogue<BF16> epilogue{c.y->Out<BF16>() + (image * all + row) * places, width,
                                         c.bias == nullptr ? nullptr : c.bias->In<BF16>() + row, c.activation};
    const DotShape shape{outputs, width, DotSteps(k, 2)};
    const auto pack_a = [&](size_t first, size_t rows, uint32_t* to, size_t block) {
      PackRows(weight + first * k, k * sizeof(BF16), rows, k * sizeof(BF16), shape.steps, to, block);
    };
    const auto pack_b = [&](size_t column, size_t first, size_t steps, uint32_t* to) {
      PackPairs(windows, k, column, std::min(kPanelColumns, width - column), first, steps, to);
    };
    const auto finish = [&](const DotSums& sums) {
      const hn::ScalableTag<float> d;
      for (size_t r = 0; r < sums.rows; ++r) {
        const float* from = reinterpret_cast<const float*>(sums.sums) + r * sums.stride;
        for (size_t i = 0; i < sums.columns; i += hn::MaxLanes(d)) {
          epilogue(d, sums.row + r, sums.column + i, hn::LoadU(d, from + i), sums.columns - i);
        }
      }
    };
    DotGemm(context, kernel, shape,
            {.pack_a = pack_a,
             .packed_b = nullptr,
             .pack_b = pack_b,
             .init = nullptr,
             .finish = finish,
             .out = {epilogue.y, width * sizeof(BF16), sizeof(BF16)}},
            context.workspace + products.tap_bytes() + products.plane_bytes(sizeof(BF16)));
  }
};

void ConvolveDot(const OpContext& context, const Convolution& c, const DotKernel& kernel) {
  const DotConvolver convolver{c, kernel};
  ForEachProduct(context, convolver.products, ConvolutionDotBytes(c, kernel, 1),
                 [&](const OpContext& on, int64_t image, int64_t group) { convolver.Product(on, image, group); });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(ConvolveDot);

void ConvolutionBf16Dot(const OpContext& context, const Convolution& c) {
  HWY_DYNAMIC_DISPATCH(ConvolveDot)(context, c, Bf16DotKernel());
}
void ConvolutionBf16Amx(const OpContext& context, const Convolution& c) {
  HWY_DYNAMIC_DISPATCH(ConvolveDot)(context, c, Bf16AmxKernel());
}

}  // namespace strata
#endif  // HWY_ONCE
