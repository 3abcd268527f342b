// What this processor can do, beyond the targets that Highway picks among: for the rows whose kernels use instructions
// of their own (dot products of bfloat16 and int8, AMX).
//
//   bool Accepts(const Call&) { return Cpu().avx512_bf16; }
//
// A test takes features away, so that the next row runs:
//
//   const ScopedCpuFeaturesForTest without([](CpuFeatures& cpu) { cpu.avx512_vnni = false; });
#pragma once

namespace strata {

struct CpuFeatures {
  bool avx2 = false;         // with FMA and F16C
  bool avx512 = false;       // F, BW, DQ, VL
  bool avx512_bf16 = false;  // vdpbf16ps on 512 bits
  bool avx512_vnni = false;  // vpdpbusd on 512 bits
  bool avx_vnni = false;     // vpdpbusd on 256 bits, in processors without AVX-512
  bool amx_bf16 = false;     // and the operating system gave this process leave to use the tiles
  bool amx_int8 = false;     // likewise
  // A multiply-add of two bfloat16 pairs takes no longer than one of float32: so on AMD; half as fast on Intel, where
  // AMX is the way.
  bool fast_bf16_dot = false;
};

// Asks the processor once. The first call asks the operating system for AMX, if there is any.
const CpuFeatures& Cpu();

// Features changed while this lives. Not thread-safe; a feature that is missing must not be added.
class ScopedCpuFeaturesForTest {
 public:
  template <class Change>
  explicit ScopedCpuFeaturesForTest(Change change) : saved_(Cpu()) {
    CpuFeatures changed = saved_;
    change(changed);
    Set(changed);
  }
  ~ScopedCpuFeaturesForTest() { Set(saved_); }
  ScopedCpuFeaturesForTest(const ScopedCpuFeaturesForTest&) = delete;
  ScopedCpuFeaturesForTest& operator=(const ScopedCpuFeaturesForTest&) = delete;

 private:
  static void Set(const CpuFeatures& features);
  const CpuFeatures saved_;
};

}  // namespace strata
