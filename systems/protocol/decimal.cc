#include "systems/protocol/decimal.h"

#include <algorithm>
#include <bit>
#include <cfloat>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>

namespace strata::protocol {
namespace {

constexpr double kPowersOfTen[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

// |value| = 0.DIGITS * 10^exponent, without outer zeros.
struct Digits {
  std::string digits;
  int64_t exponent = 0;
};

Digits SignificantDigits(const Decimal& number) {
  Digits result;
  for (const char c : number.text) {
    if (c == 'e' || c == 'E') break;
    if (c >= '0' && c <= '9' && !(result.digits.empty() && c == '0')) result.digits.push_back(c);
  }
  // The reader's mantissa holds the first 19 digits, and its exponent says where they stand.
  result.exponent = number.exponent10 + static_cast<int64_t>(std::min<size_t>(result.digits.size(), 19));
  while (result.digits.ends_with('0')) result.digits.pop_back();
  return result;
}

// Whether ToDouble can take the short way: mantissa and power of ten are both exact doubles.
bool IsShort(const Decimal& number) {
  return number.mantissa <= uint64_t{1} << 53 && !number.truncated && number.exponent10 >= -22 &&
         number.exponent10 <= 22;
}

// The sign of |number| - value. REQUIRES: value > 0 and lies half-way between two values of a format of 16 bits.
int CompareMagnitude(const Decimal& number, double value) {
  if (IsShort(number)) {
    // One rounding of an exact difference: its sign is the true one. Without this way, a body full of half-way cases
    // such as "2049" would cost twenty times what others do.
    const auto mantissa = static_cast<double>(number.mantissa);
    const double difference = number.exponent10 < 0 ? -std::fma(value, kPowersOfTen[-number.exponent10], -mantissa)
                                                    : std::fma(mantissa, kPowersOfTen[number.exponent10], -value);
    return (difference > 0) - (difference < 0);
  }
  // Such a value is an integer below 2^12 times 2^-134 or more: less than 100 significant digits, so 100 are exact.
  char text[120];
  const std::to_chars_result end = std::to_chars(text, text + sizeof(text), value, std::chars_format::scientific, 100);
  JsonReader reader(std::string_view(text, static_cast<size_t>(end.ptr - text)), 1);
  Decimal exact;
  reader.ReadNumber(&exact);
  const Digits a = SignificantDigits(number), b = SignificantDigits(exact);
  if (a.exponent != b.exponent) return a.exponent < b.exponent ? -1 : 1;
  return a.digits.compare(b.digits);
}

// Rounds |value|, which is the double nearest to |number|, to the format's bits without the sign.
uint32_t RoundMagnitude(const Decimal& number, double value, FloatFormat format) {
  const int smallest_exponent = 2 - (1 << (format.exponent_bits - 1));
  const int exponent = value == 0 ? smallest_exponent : std::max(std::ilogb(value), smallest_exponent);
  // In units of the last place: below 2^(fraction_bits + 1), and exact, because it only moves the exponent.
  const double units = std::ldexp(value, format.fraction_bits - exponent);
  const double below = std::floor(units);
  auto bits = static_cast<uint32_t>(below);
  const double rest = units - below;
  if (rest > 0.5) {
    ++bits;
  } else if (rest == 0.5) {
    const int side = CompareMagnitude(number, value);
    if (side > 0 || (side == 0 && bits % 2 == 1)) ++bits;
  }
  // The leading one of a normal number adds 1 to the exponent field, and so does a carry out of the fraction.
  return bits + (static_cast<uint32_t>(exponent - smallest_exponent) << format.fraction_bits);
}

uint64_t DigitsOrMax(const Decimal& number, bool* fits) {
  *fits = number.is_integer;
  if (!number.truncated) return number.mantissa;
  uint64_t value = 0;
  const char* end = number.text.data() + number.text.size();
  *fits = *fits && std::from_chars(number.text.data() + number.negative, end, value).ec == std::errc();
  return value;
}

}  // namespace

std::optional<double> ToDouble(const Decimal& number) {
  // Both factors are exact, so the one division or multiplication is the only rounding (Clinger's fast path).
  if (IsShort(number)) {
    const auto mantissa = static_cast<double>(number.mantissa);
    const double value = number.exponent10 < 0 ? mantissa / kPowersOfTen[-number.exponent10]
                                               : mantissa * kPowersOfTen[number.exponent10];
    return number.negative ? -value : value;
  }
  double value = 0;
  const std::from_chars_result result =
      std::from_chars(number.text.data(), number.text.data() + number.text.size(), value);
  if (result.ec == std::errc()) return std::isinf(value) ? std::nullopt : std::optional<double>(value);
  // Out of range: the mantissa is below 1e19, so the exponent's sign says at which end.
  if (number.mantissa != 0 && number.exponent10 > 0) return std::nullopt;
  return number.negative ? -0.0 : 0.0;
}

std::optional<uint32_t> ToFloatBits(const Decimal& number, FloatFormat format) {
  const std::optional<double> value = ToDouble(number);
  if (!value) return std::nullopt;
  const uint32_t infinity = ((uint32_t{1} << format.exponent_bits) - 1) << format.fraction_bits;
  if (std::fabs(*value) >= std::ldexp(1.0, 1 << (format.exponent_bits - 1))) return std::nullopt;
  const uint32_t magnitude = RoundMagnitude(number, std::fabs(*value), format);
  if (magnitude >= infinity) return std::nullopt;
  const auto sign = static_cast<uint32_t>(number.negative) << (format.exponent_bits + format.fraction_bits);
  return magnitude | sign;
}

std::optional<float> ToFloat(const Decimal& number) {
  const std::optional<double> value = ToDouble(number);
  if (!value) return std::nullopt;
  // A float has 29 bits fewer: a double is half-way where the first of them is 1 and the other 28 are 0. Subnormals
  // have fewer bits still, and near the top the next value up may be infinity: those are rounded from the text, too.
  const uint64_t low = std::bit_cast<uint64_t>(*value) & 0x1FFFFFFF;
  const double magnitude = std::fabs(*value);
  if (low != 0x10000000 && magnitude < 0x1p127 && (magnitude >= FLT_MIN || magnitude == 0)) {
    return static_cast<float>(*value);
  }
  float result = 0;
  const std::errc error = std::from_chars(number.text.data(), number.text.data() + number.text.size(), result).ec;
  if (error == std::errc()) return std::isinf(result) ? std::nullopt : std::optional<float>(result);
  if (magnitude > 1) return std::nullopt;
  return number.negative ? -0.0f : 0.0f;  // too small
}

std::optional<uint64_t> ToUint64(const Decimal& number) {
  bool fits = false;
  const uint64_t value = DigitsOrMax(number, &fits);
  return fits && (!number.negative || value == 0) ? std::optional<uint64_t>(value) : std::nullopt;
}

std::optional<int64_t> ToInt64(const Decimal& number) {
  bool fits = false;
  const uint64_t value = DigitsOrMax(number, &fits);
  const uint64_t limit = static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) + number.negative;
  if (!fits || value > limit) return std::nullopt;
  return static_cast<int64_t>(number.negative ? 0 - value : value);
}

float FloatFromBits(uint32_t bits, FloatFormat format) {
  const int bias = (1 << (format.exponent_bits - 1)) - 1;
  const uint32_t fraction = bits & ((uint32_t{1} << format.fraction_bits) - 1);
  const auto exponent = static_cast<int>(bits >> format.fraction_bits) & ((1 << format.exponent_bits) - 1);
  const bool negative = (bits >> (format.exponent_bits + format.fraction_bits)) != 0;
  float value;
  if (exponent == (1 << format.exponent_bits) - 1) {
    value = fraction == 0 ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
  } else if (exponent == 0) {
    value = std::ldexp(static_cast<float>(fraction), 1 - bias - format.fraction_bits);
  } else {
    const auto significand = static_cast<float>(fraction + (uint32_t{1} << format.fraction_bits));
    value = std::ldexp(significand, exponent - bias - format.fraction_bits);
  }
  return negative ? -value : value;
}

}  // namespace strata::protocol
