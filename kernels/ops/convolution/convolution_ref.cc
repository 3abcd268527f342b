#include "kernels/simd/convolution_ref.h"
#include "kernels/ops/convolution/convolution.h"

namespace strata {

void ConvolutionRef(const OpContext&, const Convolution& c) { ConvolveRef(c); }

}  // namespace strata
