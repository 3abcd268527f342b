// bfloat16 and int8 by AMX: tiles of 32 x 32 outputs in four registers of 16 x 16.
//
// bfloat16 (TDPBF16PS): k is cut into groups of 32, padded with zeros; a group's products are summed by the
// instruction, in an order of its own that depends on nothing else, and added to the output's sum, group by group.
// Rounded to nearest even, denormals are zero.
#include "kernels/dot/dot_rows.h"
#include "kernels/dot/x86.h"

HWY_PUSH_ATTRIBUTES(STRATA_AVX512 ",amx-tile,amx-int8,amx-bf16")

namespace strata {
namespace {

constexpr size_t kHalf = 16;  // rows of a register; a row has 16 steps or 16 sums
constexpr size_t kRegisterBytes = 64;

// Palette 1: registers 0 to 3 are outputs (row half, column half), 4 and 5 A's halves, 6 and 7 B's.
struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};
};
static_assert(sizeof(TileConfig) == 64);

STRATA_DOT_INLINE void Configure(size_t top, size_t bottom) {
  TileConfig config;
  const size_t rows[8] = {top, top, bottom, bottom, top, bottom, kHalf, kHalf};
  for (size_t i = 0; i < 8; ++i) {
    // A register of no rows is left out: what does not exist must not be used.
    config.rows[i] = static_cast<uint8_t>(rows[i]);
    config.row_bytes[i] = rows[i] == 0 ? 0 : kRegisterBytes;
  }
  // The intrinsic tells the compiler of 8 of the 64 bytes.
  __asm__ volatile("" : : "r"(&config) : "memory");
  _tile_loadconfig(&config);
}

struct Bf16 {
  STRATA_DOT_INLINE static void Top() {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
  }
  STRATA_DOT_INLINE static void Bottom() {
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
};
struct Int8 {
  STRATA_DOT_INLINE static void Top() {
    _tile_dpbssd(0, 4, 6);
    _tile_dpbssd(1, 4, 7);
  }
  STRATA_DOT_INLINE static void Bottom() {
    _tile_dpbssd(2, 5, 6);
    _tile_dpbssd(3, 5, 7);
  }
};

template <class Type, bool kBottom>
STRATA_DOT_INLINE void Multiply(const DotTile& tile) {
  const size_t sums_bytes = tile.sums_row * sizeof(uint32_t);
  const size_t row_bytes = tile.a_row * sizeof(uint32_t);
  constexpr size_t kPanelBytes = kPanelColumns * sizeof(uint32_t);
  uint32_t *top = tile.sums, *bottom = tile.sums + kHalf * tile.sums_row;
  if (tile.start) {
    _tile_zero(0);
    _tile_zero(1);
    if (kBottom) {
      _tile_zero(2);
      _tile_zero(3);
    }
  } else {
    _tile_loadd(0, top, sums_bytes);
    _tile_loadd(1, top + kHalf, sums_bytes);
    if (kBottom) {
      _tile_loadd(2, bottom, sums_bytes);
      _tile_loadd(3, bottom + kHalf, sums_bytes);
    }
  }
  for (size_t s = 0; s < tile.steps; s += kStepUnit) {
    const uint32_t* a = tile.a + s / kBlockSteps * tile.block + s % kBlockSteps;
    const uint32_t* b = tile.b + s * kPanelColumns;
    _tile_loadd(6, b, kPanelBytes);
    _tile_loadd(7, b + kHalf, kPanelBytes);
    _tile_loadd(4, a, row_bytes);
    Type::Top();
    if (kBottom) {
      _tile_loadd(5, a + kHalf * tile.a_row, row_bytes);
      Type::Bottom();
    }
  }
  _tile_stored(0, top, sums_bytes);
  _tile_stored(1, top + kHalf, sums_bytes);
  if (kBottom) {
    _tile_stored(2, bottom, sums_bytes);
    _tile_stored(3, bottom + kHalf, sums_bytes);
  }
}

template <class Type>
void Tile(const DotTile& tile, size_t rows, size_t) {
  // The intrinsics say nothing of the memory that they read and write.
  __asm__ volatile("" : : : "memory");
  Configure(std::min(rows, kHalf), rows > kHalf ? rows - kHalf : 0);
  if (rows > kHalf) {
    Multiply<Type, true>(tile);
  } else {
    Multiply<Type, false>(tile);
  }
  // Tiles in use make every switch of threads save 8 KiB.
  _tile_release();
  __asm__ volatile("" : : : "memory");
}

}  // namespace
}  // namespace strata
HWY_POP_ATTRIBUTES

namespace strata {

const DotKernel& Bf16AmxKernel() {
  static constexpr DotKernel kKernel = {.tile_rows = 2 * kHalf, .tile = Tile<Bf16>};
  return kKernel;
}

const DotKernel& Int8AmxKernel() {
  // Processors with AMX have AVX512-VNNI.
  static constexpr DotKernel kKernel = {.tile_rows = 2 * kHalf, .tile = Tile<Int8>, .rows = Int8VnniRows};
  return kKernel;
}

}  // namespace strata
