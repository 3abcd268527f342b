// The Mandelbrot ladder's rungs between NumPy and the operator: what C++ gives without help. Called by tools/bench
// mandelbrot through ctypes; not for anything else.
#include <complex>
#include <cstdint>

namespace {

int32_t CountComplex(std::complex<double> c, int64_t most) {
  std::complex<double> z = 0;
  int32_t n = 0;
  while (n < most && std::norm(z) <= 4) {
    z = z * z + c;
    ++n;
  }
  return n;
}

int32_t CountScalar(double cr, double ci, int64_t most) {
  double zr = 0, zi = 0;
  int32_t n = 0;
  while (n < most && zr * zr + zi * zi <= 4) {
    const double next = zr * zr - zi * zi + cr;
    zi = 2 * zr * zi + ci;
    zr = next;
    ++n;
  }
  return n;
}

}  // namespace

extern "C" {

void ladder_complex(const double* re, const double* im, int64_t width, int64_t height, int64_t most, int32_t* counts) {
  for (int64_t h = 0; h < height; ++h) {
    for (int64_t w = 0; w < width; ++w) counts[h * width + w] = CountComplex({re[w], im[h]}, most);
  }
}

void ladder_scalar(const double* re, const double* im, int64_t width, int64_t height, int64_t most, int32_t* counts) {
  for (int64_t h = 0; h < height; ++h) {
    for (int64_t w = 0; w < width; ++w) counts[h * width + w] = CountScalar(re[w], im[h], most);
  }
}

}  // extern "C"
