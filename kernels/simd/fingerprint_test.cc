#include "kernels/simd/fingerprint.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <vector>

#include "kernels/base/thread_pool.h"

namespace strata {
namespace {

std::vector<float> Floats(size_t count) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = 0.25f * static_cast<float>(i % 7) - 0.5f;
  return values;
}

Fingerprint Of(const std::vector<float>& values, int threads = 1) {
  ThreadPool pool(threads);
  return FingerprintOf(pool, values.data(), values.size() * sizeof(float));
}

TEST(FingerprintTest, EveryChangeOfOneElementShows) {
  for (const size_t size : {1u, 15u, 16u, 17u, 1000u, 5000u}) {
    std::vector<float> values = Floats(size);
    const Fingerprint before = Of(values);
    for (size_t i = 0; i < size; i += 1 + size / 300) {
      const float old = values[i];
      for (const float other : {-old, old + 1e-3f, 1e30f}) {
        if (std::memcmp(&other, &old, sizeof old) == 0) continue;
        values[i] = other;
        EXPECT_NE(Of(values), before) << size << " " << i;
      }
      values[i] = old;
    }
    EXPECT_EQ(Of(values), before);
  }
}

TEST(FingerprintTest, ChangesThatSumsWouldMissShow) {
  std::vector<float> values = Floats(4096);
  std::set<Fingerprint> seen = {Of(values)};
  for (float& v : values) v = -v;
  EXPECT_TRUE(seen.insert(Of(values)).second) << "all signs";
  values = Floats(4096);
  std::swap(values[3], values[4]);
  EXPECT_TRUE(seen.insert(Of(values)).second) << "neighbours swapped";
  values = Floats(4096);
  values[0] = -values[0], values[256] = -values[256];
  EXPECT_TRUE(seen.insert(Of(values)).second) << "two signs of one lane";
  values.push_back(0);
  EXPECT_TRUE(seen.insert(Of(values)).second) << "a zero more";
}

TEST(FingerprintTest, ThreadsGiveTheSame) {
  for (const size_t size : {0u, 100u, 100000u, 3000001u}) {
    const std::vector<float> values = Floats(size);
    const Fingerprint want = Of(values);
    for (int threads : {2, 7}) EXPECT_EQ(Of(values, threads), want) << size;
  }
}

}  // namespace
}  // namespace strata
