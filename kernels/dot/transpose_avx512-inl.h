// A square of sixteen vectors of sixteen steps, transposed. Included as tile_avx512-inl.h is.
#pragma once

#include "kernels/dot/x86.h"

namespace strata {
namespace {

// A transposition of sixteen vectors of sixteen steps has two halves. First, four rows at a time: v[j] gets in its
// quarter q the step 4 q + j of the four.
STRATA_DOT_INLINE void TransposeFour(__m512i* v) {
  const __m512i a = _mm512_unpacklo_epi32(v[0], v[1]), b = _mm512_unpackhi_epi32(v[0], v[1]);
  const __m512i c = _mm512_unpacklo_epi32(v[2], v[3]), d = _mm512_unpackhi_epi32(v[2], v[3]);
  v[0] = _mm512_unpacklo_epi64(a, c), v[1] = _mm512_unpackhi_epi64(a, c);
  v[2] = _mm512_unpacklo_epi64(b, d), v[3] = _mm512_unpackhi_epi64(b, d);
}
// Then the fours: v[i] gets step i of all sixteen.
STRATA_DOT_INLINE void TransposeFours(__m512i (&v)[16]) {
  __m512i t[16];
#pragma GCC unroll 4
  for (size_t j = 0; j < 4; ++j) {
    t[j] = _mm512_shuffle_i32x4(v[j], v[4 + j], 0x88);
    t[4 + j] = _mm512_shuffle_i32x4(v[8 + j], v[12 + j], 0x88);
    t[8 + j] = _mm512_shuffle_i32x4(v[j], v[4 + j], 0xdd);
    t[12 + j] = _mm512_shuffle_i32x4(v[8 + j], v[12 + j], 0xdd);
  }
#pragma GCC unroll 4
  for (size_t j = 0; j < 4; ++j) {
    v[j] = _mm512_shuffle_i32x4(t[j], t[4 + j], 0x88);
    v[8 + j] = _mm512_shuffle_i32x4(t[j], t[4 + j], 0xdd);
    v[4 + j] = _mm512_shuffle_i32x4(t[8 + j], t[12 + j], 0x88);
    v[12 + j] = _mm512_shuffle_i32x4(t[8 + j], t[12 + j], 0xdd);
  }
}
STRATA_DOT_INLINE void Transpose(__m512i (&v)[16]) {
#pragma GCC unroll 4
  for (size_t i = 0; i < 16; i += 4) TransposeFour(v + i);
  TransposeFours(v);
}

// The first n of 64 bytes; n may be more.
STRATA_DOT_INLINE __mmask64 FirstBytes(size_t n) { return n >= 64 ? ~__mmask64{0} : (__mmask64{1} << n) - 1; }

// How far ahead B is asked for, into the second-level cache: columns are often a power of two apart, so that these
// lines would push each other out of the first.
inline constexpr size_t kColumnsAhead = 1024;

// 16 columns of B, turned in registers 16 steps at a time. The next steps' first half, Four, belongs among the
// multiply-adds of those before: a processor looks ahead less far than one turn.
//
//   Columns16 from(b, columns, bytes);
//   from.First(v);
//   for (at = 0; at < bytes; at += 64) {
//     from.MoveTo(at + 64);
//     for (j = 0; j < 16; j += 4) use v[j] to v[j + 3], then from.Four(j, next + j);
//     TransposeFours(next), v = next;
//   }
class Columns16 {
 public:
  // `columns` columns of `bytes` bytes, one after the other; beyond the last come copies of it.
  Columns16(const std::byte* b, size_t columns, size_t bytes) : bytes_(bytes) {
    for (size_t j = 0; j < 16; ++j) from_[j] = b + std::min(j, columns - 1) * bytes;
  }
  STRATA_DOT_INLINE void First(__m512i (&v)[16]) {
    MoveTo(0);
#pragma GCC unroll 4
    for (size_t j = 0; j < 16; j += 4) Four(j, v + j);
    TransposeFours(v);
  }
  // Of the next fours: 64 bytes from `at`. At the end of these columns the next 16 follow.
  STRATA_DOT_INLINE void MoveTo(size_t at) {
    at_ = at, mask_ = FirstBytes(at < bytes_ ? bytes_ - at : 0);
    ahead_ = at + kColumnsAhead + (at + kColumnsAhead < bytes_ ? 0 : 15 * bytes_);
  }
  STRATA_DOT_INLINE void Four(size_t j, __m512i* v) const {
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; ++i) {
      _mm_prefetch(reinterpret_cast<const char*>(from_[j + i] + ahead_), _MM_HINT_T1);
      v[i] = _mm512_maskz_loadu_epi8(mask_, from_[j + i] + at_);
    }
    TransposeFour(v);
  }

 private:
  const std::byte* from_[16];
  size_t bytes_, at_ = 0, ahead_ = 0;
  __mmask64 mask_ = 0;
};

// Columns of B, 16 steps at a time, turned into rows of steps while the multiply-adds of the steps before are under
// way: a processor looks ahead less far than one turn. Two halves of 16 columns; kTurnUnits pieces of work of equal
// size.
inline constexpr size_t kTurnUnits = 16;
class ColumnTurner {
 public:
  // `columns` <= 32 columns of `bytes` bytes, one after the other; further ones repeat the last.
  ColumnTurner(const void* b, size_t columns, size_t bytes) : bytes_(bytes) {
    for (size_t j = 0; j < 32; ++j) from_[j] = static_cast<const std::byte*>(b) + std::min(j, columns - 1) * bytes;
  }
  // Of the next units: 64 bytes from `at`. At the end of these columns the next 32 follow.
  STRATA_DOT_INLINE void MoveTo(size_t at) {
    at_ = at, mask_ = FirstBytes(at < bytes_ ? bytes_ - at : 0);
    ahead_ = at + kColumnsAhead + (at + kColumnsAhead < bytes_ ? 0 : 31 * bytes_);
  }
  STRATA_DOT_INLINE void Unit(size_t unit, __m512i (&turned)[16][2]) {
    if (unit < 8) return Fours(unit);
    const size_t half = (unit - 8) / 4, j = unit % 4;
    const __m512i* v = fours_ + 16 * half + j;
    const __m512i a = _mm512_shuffle_i32x4(v[0], v[4], 0x88), b = _mm512_shuffle_i32x4(v[8], v[12], 0x88);
    const __m512i c = _mm512_shuffle_i32x4(v[0], v[4], 0xdd), d = _mm512_shuffle_i32x4(v[8], v[12], 0xdd);
    turned[j][half] = _mm512_shuffle_i32x4(a, b, 0x88);
    turned[4 + j][half] = _mm512_shuffle_i32x4(c, d, 0x88);
    turned[8 + j][half] = _mm512_shuffle_i32x4(a, b, 0xdd);
    turned[12 + j][half] = _mm512_shuffle_i32x4(c, d, 0xdd);
  }

 private:
  // Four columns: squares of 4 x 4 steps.
  STRATA_DOT_INLINE void Fours(size_t unit) {
    __m512i v[4];
#pragma GCC unroll 4
    for (size_t j = 0; j < 4; ++j) {
      const std::byte* from = from_[4 * unit + j];
      _mm_prefetch(reinterpret_cast<const char*>(from + ahead_), _MM_HINT_T1);
      v[j] = _mm512_maskz_loadu_epi8(mask_, from + at_);
    }
    TransposeFour(v);
#pragma GCC unroll 4
    for (size_t j = 0; j < 4; ++j) fours_[4 * unit + j] = v[j];
  }

  const std::byte* from_[32];
  __m512i fours_[32];
  size_t bytes_, at_ = 0, ahead_ = 0;
  __mmask64 mask_ = 0;
};

}  // namespace
}  // namespace strata
