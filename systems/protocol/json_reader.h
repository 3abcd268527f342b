// A strict JSON reader (RFC 8259) that walks a text once and hands out each value as its caller asks for it.
// Why not a DOM: a number's own text is needed to round it once, straight to the tensor's datatype (a DOM rounds to
// double first, and refuses integers beyond 64 bits that float clients do send), and a DOM of 64 MiB of "1,1,1" takes
// half a gigabyte. Not for: documents of unknown form, or JSON that this project's own programs wrote.
//
//   JsonReader json(R"({"a": [1, 2]})", /*max_depth=*/8);
//   std::string_view key;
//   json.EnterObject();
//   while (json.NextKey(&key)) json.SkipValue();
//   json.Finish();
//   if (!json.ok()) return json.status();
//
// The first failure, of syntax or by Fail(), stays: every later call returns false and does nothing.
#ifndef STRATA_SYSTEMS_PROTOCOL_JSON_READER_H_
#define STRATA_SYSTEMS_PROTOCOL_JSON_READER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace strata::protocol {

// A number as it was written. `text` is always a whole JSON number.
struct Decimal {
  std::string_view text;
  uint64_t mantissa = 0;   // its first 19 significant digits
  int64_t exponent10 = 0;  // |value| is about mantissa * 10^exponent10, and exactly that unless truncated
  bool negative = false;   // also true for -0
  bool is_integer = true;  // neither a fraction nor an exponent was written
  bool truncated = false;  // there are more than 19 significant digits
};

class JsonReader {
 public:
  enum class Kind : uint8_t { kObject, kArray, kString, kNumber, kBool, kNull, kNone };

  // A place in the text, for reading a value again.
  struct Mark {
    const char* at;
    int depth;
    bool first;
  };

  // REQUIRES: `text` outlives the reader. It need not be UTF-8, nor JSON: that is checked.
  JsonReader(std::string_view text, int max_depth);

  bool ok() const { return status_.ok(); }
  const absl::Status& status() const { return status_; }
  // Records the caller's own finding, unless there is one already.
  void Fail(absl::Status status);

  // What comes next, by its first character; kNone at the end, after a failure, or where no value can start.
  Kind Peek();

  bool EnterObject();
  // Moves to the next member and reads its key (valid until the next string is read). False at the end of the object.
  bool NextKey(std::string_view* key);
  bool EnterArray();
  // Moves to the next element. False at the end of the array.
  bool NextElement();

  // The result is valid until the next string is read.
  bool ReadString(std::string_view* value);
  bool ReadNumber(Decimal* value);
  bool ReadBool(bool* value);
  bool ReadNull();
  // Reads and checks a value of any kind, and forgets it.
  bool SkipValue();
  // Nothing but white space may be left.
  bool Finish();

  Mark Save() const { return {at_, depth_, first_}; }
  // REQUIRES: `mark` came from this reader's Save.
  void Restore(const Mark& mark);
  size_t bytes_left() const { return static_cast<size_t>(end_ - at_); }

 private:
  void SkipSpace();
  bool Enter(char open, const char* wanted);
  // After an element: a comma (true), or `close` (false, and the container is left).
  bool NextItem(char close);
  bool Expect(char c, const char* wanted);
  bool ReadWord(std::string_view word, const char* wanted);
  bool ReadEscapedString(const char* start, std::string_view* value);
  bool AppendEscape();
  bool ReadHex4(uint32_t* value);
  bool ReadExponent(Decimal* value);
  // Fails with: the JSON is not valid at byte N, wanted `wanted` but found ...
  bool Invalid(const char* wanted);

  const char* begin_;
  const char* at_;
  const char* end_;
  int depth_ = 0;
  int max_depth_;
  bool first_ = false;  // just entered a container: no comma before the next element
  std::string scratch_;
  absl::Status status_;
};

}  // namespace strata::protocol

#endif  // STRATA_SYSTEMS_PROTOCOL_JSON_READER_H_
