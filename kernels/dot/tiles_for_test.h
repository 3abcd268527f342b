// AMX's tile registers in plain C++, so that dot_amx.cc runs on processors without them: its tile configuration,
// strides and edges can be wrong in ways that only running it shows. Semantics: Intel 64 and IA-32 Architectures
// Software Developer's Manual, volume 2, LDTILECFG, TILELOADD, TDPBF16PS, TDPBSSD. Included ahead of dot_amx.cc, by one
// test.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/dot/dot_test_util.h"
#include "kernels/dot/x86.h"

namespace strata::tiles {

constexpr size_t kTiles = 8, kMostRows = 16, kMostBytes = 64;

struct Tile {
  size_t rows = 0, bytes = 0;  // as configured; 0: not in use
  uint32_t data[kMostRows][kMostBytes / sizeof(uint32_t)] = {};
};

struct File {
  bool configured = false;
  std::array<Tile, kTiles> tiles;
};

inline File& Registers() {
  static thread_local File file;
  return file;
}

// The processor raises #UD where this fails a test.
inline Tile& InUse(size_t i) {
  EXPECT_TRUE(Registers().configured) << "tile " << i << " is used without a configuration";
  EXPECT_GT(Registers().tiles[i].rows, 0u) << "tile " << i << " is used but not configured";
  return Registers().tiles[i];
}

inline void LoadConfig(const void* config) {
  const auto* bytes = static_cast<const uint8_t*>(config);
  EXPECT_EQ(bytes[0], 1) << "palette";
  for (size_t i = 1; i < 16; ++i) EXPECT_EQ(bytes[i], 0) << "reserved byte " << i;
  Registers() = {};
  Registers().configured = true;
  for (size_t i = 0; i < kTiles; ++i) {
    uint16_t row_bytes;
    std::memcpy(&row_bytes, bytes + 16 + 2 * i, sizeof row_bytes);
    const size_t rows = bytes[48 + i];
    EXPECT_LE(rows, kMostRows);
    EXPECT_LE(row_bytes, kMostBytes);
    EXPECT_EQ(rows == 0, row_bytes == 0) << "tile " << i;
    Registers().tiles[i].rows = rows;
    Registers().tiles[i].bytes = row_bytes;
  }
}

inline void Release() { Registers() = {}; }

inline void Zero(size_t i) { std::memset(InUse(i).data, 0, sizeof(Tile::data)); }

inline void Load(size_t i, const void* base, size_t stride) {
  Tile& tile = InUse(i);
  Zero(i);
  for (size_t r = 0; r < tile.rows; ++r) {
    std::memcpy(tile.data[r], static_cast<const std::byte*>(base) + r * stride, tile.bytes);
  }
}

inline void Save(size_t i, void* base, size_t stride) {
  const Tile& tile = InUse(i);
  for (size_t r = 0; r < tile.rows; ++r) {
    std::memcpy(static_cast<std::byte*>(base) + r * stride, tile.data[r], tile.bytes);
  }
}

// sums[m][n] = step(m, n): what both products share.
template <class Step>
void ForOutputs(size_t sums, size_t a, size_t b, Step step) {
  Tile& out = InUse(sums);
  const Tile &left = InUse(a), &right = InUse(b);
  EXPECT_EQ(out.rows, left.rows);
  EXPECT_EQ(out.bytes, right.bytes);
  EXPECT_EQ(left.bytes, sizeof(uint32_t) * right.rows);
  for (size_t m = 0; m < out.rows; ++m) {
    for (size_t n = 0; n < out.bytes / sizeof(uint32_t); ++n) {
      std::array<uint32_t, kMostRows> column;
      for (size_t k = 0; k < right.rows; ++k) column[k] = right.data[k][n];
      out.data[m][n] = step(out.data[m][n], left.data[m], column.data(), right.rows);
    }
  }
}

inline uint32_t SumOfPairs(uint32_t start, const uint32_t* a, const uint32_t* b, size_t steps) {
  std::array<uint16_t, 2 * kMostRows> x{}, y{};
  std::memcpy(x.data(), a, steps * sizeof(uint32_t));
  std::memcpy(y.data(), b, steps * sizeof(uint32_t));
  return std::bit_cast<uint32_t>(AddGroupAmx(std::bit_cast<float>(start), x.data(), y.data(), 2 * steps));
}

inline uint32_t SumOfFours(uint32_t start, const uint32_t* a, const uint32_t* b, size_t steps) {
  for (size_t k = 0; k < steps; ++k) {
    for (int i = 0; i < 4; ++i) {
      const auto x = static_cast<int8_t>(a[k] >> 8 * i), y = static_cast<int8_t>(b[k] >> 8 * i);
      start += static_cast<uint32_t>(x * y);
    }
  }
  return start;
}

}  // namespace strata::tiles

#undef _tile_loadconfig
#undef _tile_release
#undef _tile_zero
#undef _tile_loadd
#undef _tile_stored
#undef _tile_dpbf16ps
#undef _tile_dpbssd
#define _tile_loadconfig(config) ::strata::tiles::LoadConfig(config)
#define _tile_release() ::strata::tiles::Release()
#define _tile_zero(i) ::strata::tiles::Zero(i)
#define _tile_loadd(i, base, stride) ::strata::tiles::Load(i, base, stride)
#define _tile_stored(i, base, stride) ::strata::tiles::Save(i, base, stride)
#define _tile_dpbf16ps(c, a, b) ::strata::tiles::ForOutputs(c, a, b, ::strata::tiles::SumOfPairs)
#define _tile_dpbssd(c, a, b) ::strata::tiles::ForOutputs(c, a, b, ::strata::tiles::SumOfFours)
