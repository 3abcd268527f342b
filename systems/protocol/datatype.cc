#include "systems/protocol/datatype.h"

#include <array>

#include "systems/protocol/quote.h"
#include "systems/protocol/text.h"

namespace strata::protocol {
namespace {

struct Row {
  std::string_view name;
  size_t size;
};

// In the order of the enum.
constexpr std::array<Row, 14> kRows = {{
    {"BOOL", 1},
    {"UINT8", 1},
    {"UINT16", 2},
    {"UINT32", 4},
    {"UINT64", 8},
    {"INT8", 1},
    {"INT16", 2},
    {"INT32", 4},
    {"INT64", 8},
    {"FP16", 2},
    {"BF16", 2},
    {"FP32", 4},
    {"FP64", 8},
    {"BYTES", 0},
}};
static_assert(kRows.size() == static_cast<size_t>(Datatype::kBytes) + 1);

}  // namespace

std::string_view DatatypeName(Datatype type) { return kRows[static_cast<size_t>(type)].name; }

absl::StatusOr<Datatype> DatatypeFromName(std::string_view name) {
  for (size_t i = 0; i < kRows.size(); ++i) {
    if (kRows[i].name == name) return static_cast<Datatype>(i);
  }
  return absl::InvalidArgumentError(Cat("datatype ", Quote(name),
                                        " is unknown; wanted BOOL, UINT8 to UINT64, INT8 to INT64, FP16, "
                                        "BF16, FP32, FP64 or BYTES"));
}

size_t ElementSize(Datatype type) { return kRows[static_cast<size_t>(type)].size; }

}  // namespace strata::protocol
