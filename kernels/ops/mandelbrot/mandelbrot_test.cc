// What is special to mandelbrot; the rest is kernels/testing/conformance_test.cc.
#include "kernels/ops/mandelbrot/mandelbrot.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/testing/compare.h"
#include "kernels/testing/run.h"

namespace strata {
namespace {

template <class T>
OwnedCall Grid(std::vector<T>& re, std::vector<T>& im, int64_t max_iterations) {
  OwnedCall sample(kMandelbrot);
  sample.call.inputs[0] = MakeView(re.data(), kDTypeOf<T>, {static_cast<int64_t>(re.size())});
  sample.call.inputs[1] = MakeView(im.data(), kDTypeOf<T>, {static_cast<int64_t>(im.size())});
  sample.call.attrs[0].i = max_iterations;
  return sample;
}

template <class T>
std::vector<T> Line(double from, double to, int count) {
  std::vector<T> line;
  for (int i = 0; i < count; ++i) line.push_back(static_cast<T>(from + (to - from) * i / (count - 1)));
  return line;
}

template <class T>
void ExpectEqualToTheReference(std::vector<T> re, std::vector<T> im, int64_t max_iterations) {
  const OwnedCall sample = Grid(re, im, max_iterations);
  const OpDef& op = ops::mandelbrot::kOps[0];
  EXPECT_EQ(DifferentBits(kMandelbrot, RunSample(op, sample, {.threads = 2}), RunSample(op, sample, {.row = "ref"})),
            "")
      << max_iterations;
}

TEST(Mandelbrot, KnownPoints) {
  // 0 and -1 never leave, 1 goes 0, 1, 2, 5, 2 stays on the circle for one step more than 3, and -2 stays on it.
  std::vector<double> re = {0, -1, 1, 2, 3, -2}, im = {0};
  const Outputs out = RunSample(ops::mandelbrot::kOps[0], Grid(re, im, 77));
  const auto* got = out.views[0].In<int32_t>();
  EXPECT_EQ(std::vector<int32_t>(got, got + 6), (std::vector<int32_t>{77, 77, 3, 2, 1, 77}));
}

TEST(Mandelbrot, EqualToTheReferenceAroundEveryStageOfTheKernel) {
  for (const int64_t most : {0, 1, 31, 32, 33, 79, 80, 81, 127, 128, 129, 500}) {
    ExpectEqualToTheReference(Line<double>(-2, 0.47, 83), Line<double>(-1.12, 1.12, 61), most);
    ExpectEqualToTheReference(Line<float>(-2, 0.47, 83), Line<float>(-1.12, 1.12, 61), most);
  }
}

TEST(Mandelbrot, RowsLongerThanASegmentAndManyPointsInFlight) {
  ExpectEqualToTheReference(Line<double>(-2, 0.47, 700), Line<double>(-0.1, 1.12, 40), 300);
  ExpectEqualToTheReference(Line<float>(-2, 0.47, 700), Line<float>(-0.1, 1.12, 40), 300);
}

// The kernel tests once a block: a point that has left must not seem to be inside again at the block's end. Points with
// |c| = 2 leave most slowly; those next to -2 only by doubling the tiny distance from the circle.
template <class T>
void TryTheSlowestToLeave() {
  std::vector<T> re, im = {0};
  T at = -2;
  for (int i = 0; i < 40; ++i) re.push_back(at = std::nextafter(at, T(0)));
  at = -2;
  for (int i = 0; i < 40; ++i) re.push_back(at = std::nextafter(at, T(-3)));
  for (int e = 0; e < 200; ++e) im.push_back(std::ldexp(T(1) + T(e) / 200, -e / 2));
  ExpectEqualToTheReference(re, im, 300);
  for (int i = 0; i < 300; ++i) {
    re[static_cast<size_t>(i) % re.size()] = static_cast<T>(2 * std::cos(i * 0.021));
    im[static_cast<size_t>(i) % im.size()] = static_cast<T>(2 * std::sin(i * 0.021));
  }
  ExpectEqualToTheReference(re, im, 300);
}

TEST(Mandelbrot, OnceOutsideAlwaysOutside) {
  TryTheSlowestToLeave<float>();
  TryTheSlowestToLeave<double>();
}

TEST(Mandelbrot, SymmetricInTheImaginaryAxis) {
  std::vector<double> re = Line<double>(-2, 0.47, 50), im = {-0.7, 0.7};
  const Outputs out = RunSample(ops::mandelbrot::kOps[0], Grid(re, im, 200));
  const auto* got = out.views[0].In<int32_t>();
  EXPECT_EQ(std::vector<int32_t>(got, got + 50), std::vector<int32_t>(got + 50, got + 100));
}

}  // namespace
}  // namespace strata
