// What is special to sample: the distribution, the cuts, extremes. The rest is kernels/testing/conformance_test.cc.
#include "kernels/ops/sample/sample.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "kernels/simd/philox.h"
#include "kernels/testing/run.h"

namespace strata {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

struct Options {
  float temperature = 1, top_p = 1;
  int64_t top_k = 0, seed = 5;
};

// `draws` tokens from the same logits, at positions 0, 1, ...
std::vector<int64_t> Draws(const std::vector<float>& logits, int64_t draws, const Options& options = {}) {
  const auto size = static_cast<int64_t>(logits.size());
  std::vector<float> rows;
  std::vector<int64_t> seeds, positions;
  for (int64_t b = 0; b < draws; ++b) {
    rows.insert(rows.end(), logits.begin(), logits.end());
    seeds.push_back(options.seed);
    positions.push_back(b);
  }
  std::vector<float> heat(seeds.size(), options.temperature), top_p(seeds.size(), options.top_p);
  std::vector<int64_t> top_k(seeds.size(), options.top_k);
  OwnedCall sample(kSample);
  sample.call.inputs = {
      MakeView(rows.data(), DType::kF32, {draws, size}), MakeView(seeds.data(), DType::kI64, {draws}),
      MakeView(positions.data(), DType::kI64, {draws}),  MakeView(heat.data(), DType::kF32, {draws}),
      MakeView(top_k.data(), DType::kI64, {draws}),      MakeView(top_p.data(), DType::kF32, {draws})};
  const Outputs out = RunSample(ops::sample::kOps[0], sample);
  return {out.views[0].In<int64_t>(), out.views[0].In<int64_t>() + draws};
}

// Pearson's statistic of the draws against `weights`, in standard deviations above its mean.
double Excess(const std::vector<int64_t>& draws, const std::vector<double>& weights) {
  std::vector<double> seen(weights.size());
  for (const int64_t token : draws) seen[static_cast<size_t>(token)] += 1;
  double total = 0, statistic = 0;
  int possible = 0;
  for (const double w : weights) total += w;
  for (size_t i = 0; i < weights.size(); ++i) {
    const double wanted = weights[i] / total * static_cast<double>(draws.size());
    if (wanted == 0) {
      EXPECT_EQ(seen[i], 0) << "an impossible token " << i;
      continue;
    }
    statistic += (seen[i] - wanted) * (seen[i] - wanted) / wanted;
    ++possible;
  }
  return (statistic - (possible - 1)) / std::sqrt(2.0 * (possible - 1));
}

std::vector<float> Logits(size_t size) {
  std::vector<float> logits(size);
  for (size_t i = 0; i < size; ++i) logits[i] = static_cast<float>(i * 7 % 11) * 0.2f - 1;
  return logits;
}

std::vector<double> Softmax(const std::vector<float>& logits, double temperature) {
  std::vector<double> weights;
  for (const float x : logits) weights.push_back(std::exp(static_cast<double>(x) / temperature));
  return weights;
}

TEST(SampleTest, TokensFollowTheSoftmax) {
  for (const float temperature : {0.5f, 1.0f, 2.0f}) {
    const std::vector<float> logits = Logits(12);
    EXPECT_LT(std::abs(Excess(Draws(logits, 20000, {.temperature = temperature}), Softmax(logits, temperature))), 4);
  }
}

TEST(SampleTest, TokensOfManyBlocksFollowTheSoftmax) {
  const std::vector<float> logits = Logits(2500);
  std::vector<int64_t> bins;
  for (const int64_t token : Draws(logits, 3000)) bins.push_back(token / 100);
  std::vector<double> weights(25);
  const std::vector<double> softmax = Softmax(logits, 1);
  for (size_t i = 0; i < softmax.size(); ++i) weights[i / 100] += softmax[i];
  EXPECT_LT(std::abs(Excess(bins, weights)), 4);
}

TEST(SampleTest, TopKKeepsTheLargestAndTheFirstOfEqualOnes) {
  const std::vector<float> logits = {1, 3, 2, 3, 2, 0};
  EXPECT_LT(std::abs(Excess(Draws(logits, 5000, {.top_k = 3}), {0, std::exp(1.0), 1, std::exp(1.0), 0, 0})), 4);
}

TEST(SampleTest, TopPKeepsTheFewestThatReachIt) {
  // Probabilities 0.1, 0.5, 0.3, 0.1.
  std::vector<float> logits;
  for (const double p : {0.1, 0.5, 0.3, 0.1}) logits.push_back(static_cast<float>(std::log(p)));
  EXPECT_LT(std::abs(Excess(Draws(logits, 5000, {.top_p = 0.7f}), {0, 0.5, 0.3, 0})), 4);
  EXPECT_LT(std::abs(Excess(Draws(logits, 5000, {.top_p = 0.85f}), {0.1, 0.5, 0.3, 0})), 4);
  for (const int64_t token : Draws(logits, 100, {.top_p = 0})) EXPECT_EQ(token, 1);
}

TEST(SampleTest, TopPOfALongRowLooksAsFarAsItMust) {
  // All alike: half of the tokens reach one half.
  const std::vector<float> logits(5000, 0.0f);
  int64_t most = 0;
  for (const int64_t token : Draws(logits, 400, {.top_p = 0.5f})) most = std::max(most, token);
  EXPECT_LT(most, 2500);
  EXPECT_GT(most, 2400);
}

TEST(SampleTest, ColdIsGreedy) {
  for (const float temperature : {0.0f, -1.0f, std::nanf("")}) {
    for (const int64_t token : Draws({1, 4, 2, 4}, 20, {.temperature = temperature})) EXPECT_EQ(token, 1);
  }
}

TEST(SampleTest, WhatIsNotFiniteIsAnArgmax) {
  EXPECT_EQ(Draws({1, kInf, kInf}, 1)[0], 1);
  EXPECT_EQ(Draws({1, kInf, std::nanf("")}, 1)[0], 2);
  EXPECT_EQ(Draws({-kInf, -kInf}, 1)[0], 0);
  std::vector<float> logits(40, 1.0f);
  logits[21] = logits[33] = std::nanf("");
  EXPECT_EQ(Draws(logits, 1)[0], 21);
}

TEST(SampleTest, AnImpossibleTokenIsNeverDrawn) {
  std::vector<float> logits(3000, -kInf);
  logits[1] = logits[1500] = logits[2999] = 2;
  std::vector<int64_t> seen(3000);
  for (const int64_t token : Draws(logits, 300)) ++seen[static_cast<size_t>(token)];
  EXPECT_EQ(seen[1] + seen[1500] + seen[2999], 300);
  EXPECT_GT(seen[1] * seen[1500] * seen[2999], 0);
}

TEST(SampleTest, ADrawDependsOnItsOwnSeedAndPosition) {
  const std::vector<float> logits = Logits(1000);
  const std::vector<int64_t> some = Draws(logits, 10), more = Draws(logits, 50), other = Draws(logits, 10, {.seed = 6});
  EXPECT_TRUE(std::equal(some.begin(), some.end(), more.begin()));
  EXPECT_NE(some, other);
}

TEST(SampleTest, TopPCountsOfWhatTopKLeaves) {
  // Of the best three, 0.5, 0.3 and 0.1, the first two have 8 of 9 parts.
  std::vector<float> logits;
  for (const double p : {0.1, 0.5, 0.3, 0.1}) logits.push_back(static_cast<float>(std::log(p)));
  EXPECT_LT(std::abs(Excess(Draws(logits, 5000, {.top_p = 0.88f, .top_k = 3}), {0, 0.5, 0.3, 0})), 4);
  EXPECT_LT(std::abs(Excess(Draws(logits, 5000, {.top_p = 0.9f, .top_k = 3}), {0.1, 0.5, 0.3, 0})), 4);
}

TEST(SampleTest, TopKFindsATokenInEveryPlace) {
  for (size_t at = 0; at < 67; ++at) {
    std::vector<float> logits(67, 0.0f);
    logits[at] = 200;
    EXPECT_EQ(Draws(logits, 1, {.top_k = 2})[0], static_cast<int64_t>(at));
  }
}

TEST(SampleTest, ADrawIsPhiloxsNumberOfItsSeedAndPosition) {
  const std::vector<int64_t> draws = Draws({0, 0, 0, 0}, 50);  // four alike: the quarter that the number lies in
  for (size_t b = 0; b < draws.size(); ++b) {
    const auto words = PhiloxBlock(static_cast<uint64_t>(Options().seed), kSampleStream, b);
    EXPECT_EQ(draws[b], static_cast<int64_t>(4 * UniformDouble(words[0], words[1]))) << b;
  }
}

}  // namespace
}  // namespace strata
