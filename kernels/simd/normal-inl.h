// The normal distribution's Phi(x) and gelu's slope in float32, piece by piece. Included once per SIMD target, by
// activation-inl.h.
//
//   const auto y = OneSided<kNormalTail>(d, x);  // Phi(x)
//
// Both f have f(x) + f(-x) = 1, so f(-a) for a in [0, 6.34] is enough; beyond, it is 0. Each piece of 7/16 is a
// polynomial of the sixth degree that interpolates at Chebyshev's points, in 40 digits: one column of a table. That is
// a third of the work of an erf. Absolute errors below 0.7 * 2^-24; below zero, where 1 + erf cancels, Phi has 21 bits
// at -4, 17 at -5 and 15 at -6.
#if defined(STRATA_KERNELS_SIMD_NORMAL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_SIMD_NORMAL_INL_H_
#undef STRATA_KERNELS_SIMD_NORMAL_INL_H_
#else
#define STRATA_KERNELS_SIMD_NORMAL_INL_H_
#endif

#include <hwy/highway.h>

#include <array>
#include <cstddef>
#include <utility>

#include "kernels/simd/exp-inl.h"
#include "kernels/simd/table-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Coefficient by coefficient, the highest power first, of each piece.
using PieceTable = std::array<std::array<float, 16>, 7>;
// Phi(-a)
alignas(64) inline constexpr PieceTable kNormalTail = {
    {{{0, 0.00286269281f, 0.00260384311f, 0.000236223554f, -0.00129472779f, -0.00109828834f, -0.000301616819f,
       0.000139786614f, 0.00017971691f, 9.43830455e-05f, 3.24365101e-05f, 8.10386064e-06f, 1.53758833e-06f,
       2.26760363e-07f, 2.63649724e-08f, 0}},
     {{-0.00987470523f, -0.00566286454f, 0.00223446218f, 0.00607288582f, 0.00429541618f, 0.000874921505f,
       -0.00094986608f, -0.00105470966f, -0.000580368796f, -0.000217164081f, -6.01315005e-05f, -1.27849862e-05f,
       -2.12966643e-06f, -2.813957e-07f, -2.97384712e-08f, 0}},
     {{0, -0.018560376f, -0.022161603f, -0.0117772352f, 0.000392830349f, 0.00593242189f, 0.00541469594f, 0.00298489514f,
       0.00117723283f, 0.000351824769f, 8.18887274e-05f, 1.50768128e-05f, 2.21740243e-06f, 2.62251547e-07f,
       2.50606469e-08f, 0}},
     {{0.0664880201f, 0.0488559008f, 0.010628338f, -0.0203042794f, -0.0296574533f, -0.0230021402f, -0.0124926837f,
       -0.00512098428f, -0.00163623807f, -0.000414530135f, -8.41282308e-05f, -1.37693278e-05f, -1.82591646e-06f,
       -1.96833469e-07f, -1.72922459e-08f, 0}},
     {{0, 0.0793039426f, 0.119024061f, 0.110639282f, 0.0754926577f, 0.0398790352f, 0.0167004876f, 0.00561503554f,
       0.00152719463f, 0.000337652687f, 6.08869923e-05f, 8.97609971e-06f, 1.08372865e-06f, 1.07300352e-07f,
       8.72125216e-09f, 0}},
     {{-0.398942262f, -0.362532318f, -0.272055f, -0.168593198f, -0.086277321f, -0.0364608318f, -0.0127241788f,
       -0.00366696157f, -0.000872682955f, -0.000171506443f, -2.78341904e-05f, -3.73036801e-06f, -4.12857815e-07f,
       -3.7733443e-08f, -2.84794122e-09f, 0}},
     {{0.5f, 0.330874383f, 0.190786958f, 0.0946757421f, 0.0400591567f, 0.014353022f, 0.00433244836f, 0.0010974824f,
       0.000232629085f, 4.11674664e-05f, 6.07162383e-06f, 7.45269347e-07f, 7.60496022e-08f, 6.44563025e-09f,
       4.53418025e-10f, 0}}}};
// Phi(-a) - a phi(a)
alignas(64) inline constexpr PieceTable kGeluSlopeTail = {
    {{{0, 0.0214989278f, 0.0145700285f, -0.00537524652f, -0.0113309473f, -0.00402054144f, 0.00203576474f,
       0.00235186191f, 0.000747786951f, -8.91299787e-05f, -0.000173753157f, -7.93572763e-05f, -2.22120198e-05f,
       -4.39736959e-06f, -6.50321056e-07f, 0}},
     {{-0.0590516776f, -0.0264042001f, 0.0269467514f, 0.0381913409f, 0.0121989902f, -0.0091064591f, -0.0104302093f,
       -0.00376915443f, 0.000282441877f, 0.000924426538f, 0.000491172017f, 0.000157868257f, 3.58774123e-05f,
       6.10297229e-06f, 7.99553391e-07f, 0}},
     {{0, -0.105277427f, -0.100813799f, -0.0186120812f, 0.039684996f, 0.0390121415f, 0.0143582961f, -0.00130794896f,
       -0.00423974963f, -0.00247142836f, -0.000881955959f, -0.000224115982f, -4.2845164e-05f, -6.33322134e-06f,
       -7.3555259e-07f, 0}},
     {{0.265942663f, 0.162940145f, -0.0350460261f, -0.14304252f, -0.115881011f, -0.0401026942f, 0.0068826396f,
       0.0160814803f, 0.00993675645f, 0.00388323399f, 0.0010965158f, 0.000235123618f, 3.92511902e-05f, 5.1763468e-06f,
       5.44383056e-07f, 0}},
     {{0, 0.302036464f, 0.38496843f, 0.251963675f, 0.0707743764f, -0.0313112773f, -0.0482748561f, -0.0302027538f,
       -0.0125993555f, -0.00388432364f, -0.000921866333f, -0.000171983178f, -2.55352825e-05f, -3.04169953e-06f,
       -2.92296249e-07f, 0}},
     {{-0.797884464f, -0.655673623f, -0.335817963f, -0.0467583276f, 0.0916696638f, 0.101549149f, 0.0622292124f,
       0.0270581655f, 0.00894499198f, 0.0023160011f, 0.000477093039f, 7.89344776e-05f, 1.0553531e-05f, 1.14509737e-06f,
       1.01143343e-07f, 0}},
     {{0.5f, 0.172266498f, -0.047261171f, -0.126602814f, -0.110926151f, -0.0654050484f, -0.0290685277f, -0.0101325894f,
       -0.00282176025f, -0.000634137832f, -0.000115702278f, -1.7206894e-05f, -2.09139762e-06f, -2.08153111e-07f,
       -1.69887997e-08f, 0}}}};

template <const PieceTable& kTable, class D, size_t... kIndex>
HWY_INLINE hn::Vec<D> PieceOf(D d, hn::Vec<D> r, hn::Vec<hn::RebindToUnsigned<D>> piece,
                              std::index_sequence<kIndex...>) {
  auto p = Lookup16(d, kTable[0], piece);
  ((p = hn::MulAdd(p, r, Lookup16(d, kTable[kIndex + 1], piece))), ...);
  return p;
}

// f(x) of the table of f(-a). A NaN gives any number.
template <const PieceTable& kTable, class D>
HWY_INLINE hn::Vec<D> OneSided(D d, hn::Vec<D> x) {
  const hn::RebindToUnsigned<D> du;
  const auto a = hn::Min(hn::Abs(x), hn::Set(d, 6.5625f)), magic = hn::Set(d, ExpConstants<float>::kMagic);
  const auto n_plus_magic = hn::MulAdd(a, hn::Set(d, 16.0f / 7), magic);
  const auto r = hn::NegMulAdd(hn::Sub(n_plus_magic, magic), hn::Set(d, 7.0f / 16), a);  // exact
  const auto piece = hn::BitCast(du, n_plus_magic);
  const auto p = PieceOf<kTable>(d, r, piece, std::make_index_sequence<kTable.size() - 1>());
  return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), p, hn::Sub(hn::Set(d, 1.0f), p));
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // include guard, toggled per target
