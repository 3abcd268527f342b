// Turns the decimal text of a number into a tensor element, rounded once.
// A decimal that went to double first and then to float32 can come out one unit off: where the double falls exactly
// half-way between two floats, the second rounding no longer knows on which side the decimal was. So that case, and it
// alone, goes back to the text. Not for: finding the number in a document; json_reader.h does that.
//
//   Decimal number;
//   json.ReadNumber(&number);
//   std::optional<uint32_t> bits = ToFloatBits(number, kFp16Format);
#ifndef STRATA_SYSTEMS_PROTOCOL_DECIMAL_H_
#define STRATA_SYSTEMS_PROTOCOL_DECIMAL_H_

#include <cstdint>
#include <optional>

#include "systems/protocol/json_reader.h"

namespace strata::protocol {

// An IEEE-754 binary format of 16 bits.
struct FloatFormat {
  int exponent_bits;
  int fraction_bits;
};

inline constexpr FloatFormat kFp16Format = {5, 10};
inline constexpr FloatFormat kBf16Format = {8, 7};

// Round to nearest, ties to even. Each is empty if the number is beyond the largest finite value; a number too small
// for the smallest subnormal is a zero with its sign.
std::optional<double> ToDouble(const Decimal& number);
std::optional<float> ToFloat(const Decimal& number);
std::optional<uint32_t> ToFloatBits(const Decimal& number, FloatFormat format);

// Empty if the number has a fraction or exponent, or lies outside the type.
std::optional<uint64_t> ToUint64(const Decimal& number);
std::optional<int64_t> ToInt64(const Decimal& number);

// The value of an FP16 or BF16 element, exactly.
float FloatFromBits(uint32_t bits, FloatFormat format);

}  // namespace strata::protocol

#endif  // STRATA_SYSTEMS_PROTOCOL_DECIMAL_H_
