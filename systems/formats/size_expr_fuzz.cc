// Any text as a size over two dims. Where it is linear, solving and evaluating must agree.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kernels/base/check.h"
#include "systems/formats/size_expr.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using strata::runtime::SizeExpr;
  static const auto& dims = *new std::vector<std::string>{"B", "N"};
  const auto e = SizeExpr::Parse({reinterpret_cast<const char*>(data), size}, dims);
  if (!e.ok()) return 0;
  for (const int64_t b : {int64_t{0}, int64_t{1}, int64_t{7}, int64_t{1} << 40, INT64_MAX}) {
    for (const int64_t n : {int64_t{0}, int64_t{3}, INT64_MAX}) {
      const auto value = e->Evaluate({b, n});
      STRATA_CHECK(!value || *value >= 0, "a size is not negative");
      const auto& linear = e->linear();
      if (!value || !linear || linear->dim < 0) continue;
      int64_t product = 0;
      if (__builtin_mul_overflow(linear->scale, linear->dim == 0 ? b : n, &product) ||
          __builtin_add_overflow(product, linear->offset, &product)) {
        continue;
      }
      STRATA_CHECK(product == *value, "the linear form is the expression");
    }
  }
  return 0;
}
