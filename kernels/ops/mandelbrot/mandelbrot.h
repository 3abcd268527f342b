// How long the points of a grid stay in the Mandelbrot iteration: the showpiece of SIMD and scheduling.
//
//   re: W coordinates of columns, im: H coordinates of rows -> counts [H, W]
//
// Every iteration of every point is done: no test for the cardioid or the bulb, no symmetry, no periods.
#pragma once

#include <array>

#include "kernels/core/op_def.h"

namespace strata {

// z has two parts, (zr, zi), from (0, 0); c = re[w] + i im[h]. One step, each fma rounding once (bfloat16: in float32):
//   zr' = fma(-zi, zi, fma(zr, zr, cr)),   zi' = fma(zr + zr, zi, ci)
// and the test ahead of it is fma(zr, zr, zi * zi) <= 4, which a NaN fails. Equal for every processor by that.
inline constexpr OpSchema kMandelbrot =
    Op("mandelbrot")
        .Doc("counts[h, w] = the first n with |z_n|^2 > 4 in z' = z^2 + (re[w] + i im[h]), at most max_iterations")
        .In("re", "W")
        .In("im", "H")
        .Attr("max_iterations", 1000)
        .Range(0, 2147483647)
        .Out("counts", "H W", Only(DType::kI32))
        .Batch("H");

void MandelbrotRef(const OpContext&, const TensorView& re, const TensorView& im, int64_t max_iterations,
                   const TensorView& counts);
void MandelbrotCpu(const OpContext&, const TensorView& re, const TensorView& im, int64_t max_iterations,
                   const TensorView& counts);
size_t MandelbrotWorkspace(const Call& call, int num_threads);

namespace ops::mandelbrot {
extern const std::array<OpDef, 1> kOps;
}  // namespace ops::mandelbrot

}  // namespace strata
