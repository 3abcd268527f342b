// Accuracy against long double, special values, and equal bits on every target.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/math_test.cc"
#include <hwy/foreach_target.h>

#include "kernels/simd/math-inl.h"
#include "kernels/simd/math_test.h"
#include "kernels/simd/power-inl.h"
#include "kernels/simd/trig-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

template <class D>
hn::Vec<D> Of(Function function, D d, hn::Vec<D> v) {
  switch (function) {
    case Function::kExp:
      return Exp(d, v);
    case Function::kLog:
      return Log(d, v);
    case Function::kErf:
      return Erf(d, v);
    case Function::kTanh:
      return Tanh(d, v);
    case Function::kExpm1:
      return Expm1(d, v);
    case Function::kLog1p:
      return Log1p(d, v);
    case Function::kSin:
      return Sin(d, v);
    case Function::kCos:
      return Cos(d, v);
    case Function::kPow:
      return Pow(d, v, hn::Set(d, static_cast<hn::TFromD<D>>(kExponent)));
  }
  return v;
}

template <class F>
void Evaluate(Function function, const F* x, F* y, size_t n) {
  const hn::ScalableTag<F> d;
  for (size_t i = 0; i < n; i += hn::Lanes(d)) {  // the buffers are padded
    const auto v = hn::LoadU(d, x + i);
    hn::StoreU(Of(function, d, v), d, y + i);
  }
}
template <class F>
void EvaluateNonPositive(const F* x, F* y, size_t n) {
  const hn::ScalableTag<F> d;
  for (size_t i = 0; i < n; i += hn::Lanes(d)) hn::StoreU(ExpNonPositive(d, hn::LoadU(d, x + i)), d, y + i);
}
void NonPositiveF32(const float* x, float* y, size_t n) { EvaluateNonPositive(x, y, n); }
void NonPositiveF64(const double* x, double* y, size_t n) { EvaluateNonPositive(x, y, n); }

void EvaluateF32(Function function, const float* x, float* y, size_t n) { Evaluate(function, x, y, n); }
void EvaluateF64(Function function, const double* x, double* y, size_t n) { Evaluate(function, x, y, n); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels/simd/targets.h"

namespace strata {
namespace {

HWY_EXPORT(EvaluateF32);
HWY_EXPORT(EvaluateF64);

HWY_EXPORT(NonPositiveF32);
HWY_EXPORT(NonPositiveF64);

constexpr size_t kPadding = 16;

void Evaluate(Function function, const float* x, float* y, size_t n) {
  HWY_DYNAMIC_DISPATCH(EvaluateF32)(function, x, y, n);
}
void Evaluate(Function function, const double* x, double* y, size_t n) {
  HWY_DYNAMIC_DISPATCH(EvaluateF64)(function, x, y, n);
}

template <class F>
std::vector<F> Run(Function function, std::vector<F> x) {
  const size_t n = x.size();
  x.resize(n + kPadding, F(0));
  std::vector<F> y(n + kPadding);
  Evaluate(function, x.data(), y.data(), n);
  y.resize(n);
  return y;
}

// `x` and its answer are of type F.
template <class F>
long double Truth(Function function, long double x) {
  switch (function) {
    case Function::kExp:
      return std::exp(x);
    case Function::kLog:
      return std::log(x);
    case Function::kErf:
      return std::erf(x);
    case Function::kTanh:
      return std::tanh(x);
    case Function::kExpm1:
      return std::expm1(x);
    case Function::kLog1p:
      return std::log1p(x);
    case Function::kSin:
      return std::sin(x);
    case Function::kCos:
      return std::cos(x);
    case Function::kPow:
      return std::pow(x, static_cast<long double>(static_cast<F>(kExponent)));
  }
  return 0;
}

// |got - truth| in units of the last place of F at truth.
template <class F>
double Ulps(F got, long double truth) {
  if (std::isnan(truth)) return std::isnan(got) ? 0 : 1e9;
  // Where rounding to F overflows, only infinity will do; elsewhere it never will.
  if (std::isinf(static_cast<F>(truth)) || std::isinf(got)) return got == static_cast<F>(truth) ? 0 : 1e9;
  if (truth == 0) return got == 0 ? 0 : 1e9;
  int exponent;
  std::frexp(truth, &exponent);
  exponent = std::max(exponent, std::numeric_limits<F>::min_exponent) - std::numeric_limits<F>::digits;
  return static_cast<double>(std::fabs(static_cast<long double>(got) - truth) / std::ldexp(1.0L, exponent));
}

// Every kind of number: all exponents and signs, the stretch where the function turns, and its switch points.
template <class F>
std::vector<F> HardInputs(Function function) {
  using Limits = std::numeric_limits<F>;
  std::mt19937_64 random(7);
  std::vector<F> x = {F(0),
                      Limits::min(),
                      Limits::denorm_min(),
                      Limits::max(),
                      Limits::epsilon(),
                      F(1),
                      F(0.65),
                      F(4),
                      F(6),
                      F(10),
                      F(20),
                      F(0.70710678118654752),
                      F(1.41421356237309505),
                      F(88.72283),
                      F(-87.33655),
                      F(-103.97),
                      F(709.782712893384),
                      F(-708.3964185322641),
                      F(-745.1332191019411)};
  for (size_t i = 0, n = x.size(); i < n; ++i) {
    for (int step = 0; step < 3; ++step) {
      const F from = x[i];
      x.push_back(std::nextafter(from, -Limits::infinity()));
      x.push_back(std::nextafter(from, Limits::infinity()));
    }
    x.push_back(-x[i]);
  }
  std::uniform_real_distribution<double> unit(-1, 1);
  for (int e = Limits::min_exponent - Limits::digits; e <= Limits::max_exponent; ++e) {
    for (int i = 0; i < 32; ++i) x.push_back(static_cast<F>(std::ldexp(unit(random), e)));
  }
  const bool exponential = function == Function::kExp || function == Function::kExpm1;
  const double range = exponential ? (sizeof(F) == 4 ? 105 : 750) : function == Function::kLog ? 3 : 7;
  for (int i = 0; i < 200000; ++i) x.push_back(static_cast<F>(range * unit(random)));
  if (function == Function::kLog || function == Function::kLog1p || function == Function::kPow) {
    for (F& v : x) v = std::fabs(v);
  }
  return x;
}

template <class F>
double WorstUlps(Function function) {
  const std::vector<F> x = HardInputs<F>(function), y = Run(function, x);
  double worst = 0;
  F at = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double ulps = Ulps(y[i], Truth<F>(function, x[i]));
    if (ulps > worst) worst = ulps, at = x[i];
  }
  testing::Test::RecordProperty("worst_ulps", std::to_string(worst));
  EXPECT_LT(worst, 1e9) << "at " << at << " of " << NameOf(function);
  printf("%s %s: %.3f ulp at %.17g\n", NameOf(function), sizeof(F) == 4 ? "float32" : "float64", worst,
         static_cast<double>(at));
  return worst;
}

// What the headers promise of float32 and of float64.
constexpr double kBounds[][2] = {
    {0.565, 0.51},  // exp
    {0.9, 0.51},    // log
    {0.51, 0.95},   // erf
    {0.51, 0.6},    // tanh
    {0.51, 0.51},   // expm1
    {0.51, 0.51},   // log1p
    {0.51, 0.51},   // sin
    {0.51, 0.51},   // cos
    {0.51, 0.6},    // pow
};

TEST(MathTest, ErrorsStayBelowTheStatedBounds) {
  if (!SimdSupported()) GTEST_SKIP() << "no SIMD target here";
  for (Function function : kFunctions) {
    const double* bounds = kBounds[static_cast<int>(function)];
    EXPECT_LT(WorstUlps<float>(function), bounds[0]) << NameOf(function);
    EXPECT_LT(WorstUlps<double>(function), bounds[1]) << NameOf(function);
  }
}

template <class F>
void ExpectEqualBits() {
  for (Function function : kFunctions) {
    std::vector<F> x = HardInputs<F>(function);
    x.insert(x.end(), {std::numeric_limits<F>::quiet_NaN(), std::numeric_limits<F>::infinity(),
                       -std::numeric_limits<F>::infinity(), F(-0.0), F(-1)});
    std::vector<F> first;
    for (const std::string& target : SimdTargets()) {
      ASSERT_TRUE(ForceSimdTargetForTest(target));
      const std::vector<F> y = Run(function, x);
      if (first.empty()) first = y;
      EXPECT_EQ(std::memcmp(first.data(), y.data(), y.size() * sizeof(F)), 0) << NameOf(function) << " on " << target;
    }
    ForceSimdTargetForTest("");
  }
}

TEST(MathTest, EveryTargetGivesTheSameBits) {
  ExpectEqualBits<float>();
  ExpectEqualBits<double>();
}

template <class F>
void ExpectNearlyExp(F lowest, auto non_positive) {
  std::vector<F> x = {
      F(0), F(-0.0), lowest, std::numeric_limits<F>::quiet_NaN(), 2 * lowest, -std::numeric_limits<F>::infinity()};
  for (size_t i = 0; i < 100000; ++i) x.push_back(lowest * (static_cast<F>(i) / F(99999.5)));
  std::vector<F> padded = x, got(x.size() + kPadding);
  padded.resize(got.size());
  non_positive(padded.data(), got.data(), x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    if (x[i] < lowest) {
      EXPECT_EQ(got[i], F(0));
    } else {
      ASSERT_LT(Ulps(got[i], Truth<F>(Function::kExp, x[i])), 1.1) << x[i];
    }
  }
}

TEST(MathTest, TheQuickExpOfNonPositiveNumbersIsNearAndEndsWhereItIsNoNormalNumber) {
  ExpectNearlyExp<float>(-87.33f, [](auto... a) { HWY_DYNAMIC_DISPATCH(NonPositiveF32)(a...); });
  ExpectNearlyExp<double>(-708.39, [](auto... a) { HWY_DYNAMIC_DISPATCH(NonPositiveF64)(a...); });
}

template <class F>
void ExpectSpecialValues() {
  constexpr F kInfinity = std::numeric_limits<F>::infinity(), kNan = std::numeric_limits<F>::quiet_NaN();
  const std::vector<F> x = {F(0), F(-0.0), kInfinity, -kInfinity, kNan};
  const std::vector<F> exp = Run(Function::kExp, x), log = Run(Function::kLog, x), erf = Run(Function::kErf, x),
                       tanh = Run(Function::kTanh, x);
  EXPECT_EQ(exp[0], F(1));
  EXPECT_EQ(exp[1], F(1));
  EXPECT_EQ(exp[2], kInfinity);
  EXPECT_EQ(exp[3], F(0));
  EXPECT_EQ(log[0], -kInfinity);
  EXPECT_EQ(log[1], -kInfinity);
  EXPECT_EQ(log[2], kInfinity);
  EXPECT_TRUE(std::isnan(log[3]));
  EXPECT_TRUE(std::isnan(Run(Function::kLog, std::vector<F>{F(-1)})[0]));
  EXPECT_EQ(Run(Function::kLog, std::vector<F>{F(1)})[0], F(0));
  for (const std::vector<F>& odd : {erf, tanh}) {
    EXPECT_EQ(odd[0], F(0));
    EXPECT_FALSE(std::signbit(odd[0]));
    EXPECT_TRUE(std::signbit(odd[1]));
    EXPECT_EQ(odd[2], F(1));
    EXPECT_EQ(odd[3], F(-1));
  }
  for (Function function : {Function::kExpm1, Function::kLog1p, Function::kSin, Function::kErf, Function::kTanh}) {
    const std::vector<F> odd = Run(function, std::vector<F>{F(0), F(-0.0)});
    EXPECT_TRUE(odd[0] == F(0) && !std::signbit(odd[0])) << NameOf(function);
    EXPECT_TRUE(odd[1] == F(0) && std::signbit(odd[1])) << NameOf(function);
  }
  for (Function function : kFunctions) EXPECT_TRUE(std::isnan(Run(function, x)[4])) << NameOf(function);
}

TEST(MathTest, SpecialValuesAreThoseOfIeee) {
  ExpectSpecialValues<float>();
  ExpectSpecialValues<double>();
}

}  // namespace
}  // namespace strata
#endif  // HWY_ONCE
