#include <algorithm>
#include <cstring>

#include "kernels/testing/random_call.h"

namespace strata {
namespace {

int64_t OffsetAt(const TensorView& view, int64_t i) {
  return view.dtype == DType::kI32 ? view.In<int32_t>()[i] : view.In<int64_t>()[i];
}

// The first dim of an argument is the one named.
bool LeadsWith(const OpSchema& schema, const ArgSpec& arg, int dim) {
  return !arg.leading && arg.rank > 0 && dim >= 0 && dim < schema.num_dims && arg.dims[0].is_dim() &&
         arg.dims[0].dim() == dim;
}

int SegmentDim(const OpSchema& schema) {
  return schema.segments.empty() ? -1
                                 : schema.inputs[static_cast<size_t>(schema.FindInput(schema.segments))].dims[0].dim();
}

// `from` with its outermost `leading` dims taken as one, cut to rows [first, first + rows).
TensorView CutRows(const TensorView& from, int leading, int64_t first, int64_t rows) {
  TensorView out = from;
  out.rank = 0;
  out.sizes[static_cast<size_t>(out.rank++)] = rows;
  int64_t inner = 1;
  for (int d = leading; d < from.rank; ++d) {
    out.sizes[static_cast<size_t>(out.rank++)] = from.size(d);
    inner *= from.size(d);
  }
  out.MakeContiguous();
  out.data = static_cast<std::byte*>(from.data) + static_cast<size_t>(first * inner) * SizeOf(from.dtype);
  return out;
}

// The run of another ragged dim that belongs to the part: keys, where the batch is of queries. {0, -1}: `arg` does not
// begin with such a dim.
struct Rows {
  int64_t first, count;
};
Rows OtherRows(const OwnedCall& sample, const ArgSpec& arg, int64_t segment) {
  const OpSchema& schema = *sample.schema;
  for (int i = 0; i < schema.num_inputs; ++i) {
    const ArgSpec& offsets = schema.inputs[static_cast<size_t>(i)];
    const bool follows = offsets.rule == ValueRule::kOffsets && LeadsWith(schema, arg, offsets.bound);
    if (!follows || schema.segments.empty() || offsets.dims[0].dim() != SegmentDim(schema)) continue;
    const TensorView& view = sample.call.inputs[static_cast<size_t>(i)];
    return {OffsetAt(view, segment), OffsetAt(view, segment + 1) - OffsetAt(view, segment)};
  }
  return {0, -1};
}

OwnedCall Cut(const OwnedCall& sample, const Part& part, int leading_rank) {
  const OpSchema& schema = *sample.schema;
  OwnedCall cut(schema);
  cut.call.attrs = sample.call.attrs;
  for (int i = 0; i < schema.num_inputs; ++i) {
    const ArgSpec& arg = schema.inputs[static_cast<size_t>(i)];
    TensorView& to = cut.call.inputs[static_cast<size_t>(i)];
    to = sample.call.inputs[static_cast<size_t>(i)];
    if (!to.present()) continue;
    bool by_segment = false;
    if (arg.rule == ValueRule::kOffsets) {
      const int64_t bounds[2] = {0, OffsetAt(sample.call.inputs[static_cast<size_t>(i)], part.first_segment + 1) -
                                        OffsetAt(sample.call.inputs[static_cast<size_t>(i)], part.first_segment)};
      to.SetSizes({part.segments + 1});
      cut.Allocate(to, 0);
      for (int64_t s = 0; s < 2; ++s) {
        if (to.dtype == DType::kI32) to.Out<int32_t>()[s] = static_cast<int32_t>(bounds[s]);
        if (to.dtype == DType::kI64) to.Out<int64_t>()[s] = bounds[s];
      }
    } else if (FollowsBatch(schema, arg, &by_segment)) {
      to = by_segment ? CutRows(to, 1, part.first_segment, part.segments)
                      : CutRows(to, arg.leading ? leading_rank : 1, part.first_row, part.rows);
    } else if (const Rows rows = OtherRows(sample, arg, part.first_segment); rows.count >= 0) {
      to = CutRows(to, 1, rows.first, rows.count);
    }
  }
  return cut;
}

}  // namespace

bool FollowsBatch(const OpSchema& schema, const ArgSpec& arg, bool* by_segment) {
  *by_segment = false;
  if (schema.batch == "*") return arg.leading;
  if (LeadsWith(schema, arg, schema.FindDim(schema.batch))) return true;
  *by_segment = LeadsWith(schema, arg, SegmentDim(schema));
  return *by_segment;
}

std::vector<Part> SplitBatch(const OwnedCall& sample, int most) {
  const OpSchema& schema = *sample.schema;
  std::vector<Part> parts;
  if (schema.batch.empty()) return parts;
  int64_t rows = 0;
  int leading_rank = 0;
  for (int i = 0; i < schema.num_inputs; ++i) {
    const ArgSpec& arg = schema.inputs[static_cast<size_t>(i)];
    const TensorView& view = sample.call.inputs[static_cast<size_t>(i)];
    bool by_segment = false;
    if (!view.present() || !FollowsBatch(schema, arg, &by_segment) || by_segment) continue;
    leading_rank = arg.leading ? view.rank - arg.rank : 1;
    rows = 1;
    for (int d = 0; d < leading_rank; ++d) rows *= view.size(d);
  }
  const auto add = [&](Part part) {
    part.call = Cut(sample, part, leading_rank);
    parts.push_back(std::move(part));
  };
  if (schema.segments.empty()) {
    const int64_t step = std::max<int64_t>(1, rows / most);
    for (int64_t r = 0; r < rows; r += step) add({OwnedCall(schema), r, std::min(step, rows - r), 0, 0});
    return parts;
  }
  const TensorView& offsets = sample.call.inputs[static_cast<size_t>(schema.FindInput(schema.segments))];
  for (int64_t s = 0; s + 1 < offsets.numel() && s < most; ++s) {
    add({OwnedCall(schema), OffsetAt(offsets, s), OffsetAt(offsets, s + 1) - OffsetAt(offsets, s), s, 1});
  }
  return parts;
}

}  // namespace strata
