// How a matrix product is cut into parts for threads and groups for the cache, and the working memory it takes. None of
// it changes a result (gemm-inl.h). Plain C++: a variant's workspace_bytes asks here.
//
//   const GemmPlan plan = PlanGemm({m, n, k}, sizeof(float), /*packed=*/false, num_threads);
#pragma once

#include <cstddef>

namespace strata {

struct GemmShape {
  size_t m, n, k;
};

// Rows of a group are a multiple of this: of the tallest tile of every target.
inline constexpr size_t kGemmRowUnit = 12;
// B is packed into panels of 128 bytes a step of k, whatever the SIMD width: 32 float32 or 16 float64 columns.
inline constexpr size_t kPanelBytes = 128;

struct GemmPlan {
  size_t row_parts, column_parts;  // parts run at the same time
  size_t group_rows;               // of A are packed at a time
  size_t part_bytes;               // working memory of one part

  size_t parts() const { return row_parts * column_parts; }
  size_t bytes() const { return parts() * part_bytes; }
};

// `packed`: B comes in panels already. `element` is the size of the type that is computed in.
GemmPlan PlanGemm(GemmShape shape, size_t element, bool packed, int num_threads);

// The bytes of a packed B.
size_t PackedBytes(size_t n, size_t k, size_t element);

}  // namespace strata
