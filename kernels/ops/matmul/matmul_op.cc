#include <algorithm>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/matmul/matmul.h"
#include "kernels/simd/gemm_batch.h"
#include "kernels/simd/targets.h"

namespace strata {
namespace {

bool Simd(const Call&) { return SimdSupported(); }

// The product of an M x K and a K x N matrix for every place of the leading dims.
struct Sizes {
  size_t batch, m, k, n, element;
  GemmOptions options;

  Sizes(const TensorView& a, const TensorView& b)
      : batch(1),
        m(static_cast<size_t>(a.size(-2))),
        k(static_cast<size_t>(a.size(-1))),
        n(static_cast<size_t>(b.size(-1))),
        element(a.dtype == DType::kF64 ? sizeof(double) : sizeof(float)),
        options{.in_place = a.dtype != DType::kBF16} {
    for (int i = 0; i + 2 < a.rank; ++i) batch *= static_cast<size_t>(a.size(i));
  }
  size_t Bytes(GemmShape shape, int num_threads) const {
    return BatchBytes(batch, shape, element, options, num_threads);
  }
};

size_t ForwardBytes(const Call& call, int num_threads) {
  const Sizes s(call.inputs[0], call.inputs[1]);
  return s.Bytes({s.m, s.n, s.k}, num_threads);
}
size_t BackwardBytes(const Call& call, int num_threads) {
  const Sizes s(call.inputs[1], call.inputs[2]);
  return std::max(s.Bytes({s.m, s.k, s.n}, num_threads), s.Bytes({s.k, s.n, s.m}, num_threads));
}

constexpr Variant kForward[] = {
    {.name = "simd", .run = Typed<kMatmul, MatmulCpu>, .accepts = Simd, .workspace_bytes = ForwardBytes},
    {.name = "ref", .run = Typed<kMatmul, MatmulRef>, .numerics = "reference"},
};
constexpr Variant kBackward[] = {
    {.name = "simd",
     .run = Typed<kMatmulBackward, MatmulBackwardCpu>,
     .accepts = Simd,
     .workspace_bytes = BackwardBytes},
    {.name = "ref", .run = Typed<kMatmulBackward, MatmulBackwardRef>, .numerics = "reference"},
};

}  // namespace

namespace ops::matmul {
constinit const std::array<OpDef, 2> kOps = {{{&kMatmul, kForward}, {&kMatmulBackward, kBackward}}};
}  // namespace ops::matmul

}  // namespace strata
