#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/convolution/convolution_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include "kernels/ops/convolution/convolution.h"
#include "kernels/simd/convolution-inl.h"

#if HWY_ONCE
namespace strata {

HWY_EXPORT(Convolve);

void ConvolutionCpu(const OpContext& context, const Convolution& c) { HWY_DYNAMIC_DISPATCH(Convolve)(context, c); }

}  // namespace strata
#endif  // HWY_ONCE
