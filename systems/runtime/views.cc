#include "systems/runtime/views.h"

#include <algorithm>

namespace strata::runtime {
namespace {

size_t At(int d) { return static_cast<size_t>(d); }

// Dims of `in` that lie behind each other as one run are one span; the dims of `view` must fill span after span, from
// the back, each exactly.
bool Reshape(const TensorView& in, TensorView* view) {
  if (in.numel() != view->numel()) return false;
  view->MakeContiguous();
  if (in.numel() == 0 || IsContiguous(in)) return true;
  int v = view->rank - 1;
  int d = in.rank - 1;
  while (d >= 0) {
    const int64_t stride = in.stride(d);
    int64_t span = in.size(d--);
    while (d >= 0 && (in.size(d) == 1 || in.stride(d) == span * stride)) span *= in.size(d--);
    int64_t filled = 1;
    while (v >= 0 && (filled < span || view->size(v) == 1)) {
      view->strides[At(v)] = filled * stride;
      filled *= view->size(v--);
    }
    if (filled != span) return false;
  }
  return v < 0;
}

bool Slice(const Step& step, const TensorView& in, absl::Span<const int64_t> dims, TensorView* view, size_t* offset) {
  const std::optional<int64_t> start = step.slice_start.Evaluate(dims), every = step.slice_step.Evaluate(dims);
  const size_t dim = At(step.slice_dim);
  if (in.rank != view->rank || step.slice_dim >= in.rank || !start || !every || *every < 1) return false;
  for (size_t d = 0; d < At(in.rank); ++d) {
    if (d != dim && view->sizes[d] != in.sizes[d]) return false;
  }
  const int64_t size = view->sizes[dim], room = in.sizes[dim] - *start;
  // The last element, start + (size - 1) * step, is inside.
  if (room < 0 || (size > 0 && (room == 0 || size - 1 > (room - 1) / *every))) return false;
  view->strides = in.strides;
  if (size > 1) view->strides[dim] *= *every;
  *offset = static_cast<size_t>(*start * in.strides[dim]) * SizeOf(in.dtype);
  return true;
}

bool Permute(const Step& step, const TensorView& in, TensorView* view) {
  if (in.rank != view->rank || (in.rank < kMaxRank && step.permutation[At(in.rank)] >= 0)) return false;
  for (int d = 0; d < in.rank; ++d) {
    const int source = step.permutation[At(d)];
    if (source < 0 || source >= in.rank || view->size(d) != in.size(source)) return false;
    view->strides[At(d)] = in.stride(source);
  }
  return true;
}

// Dims pair up from the back; one of size 1, or one that `in` lacks, is repeated.
bool Broadcast(const TensorView& in, TensorView* view) {
  if (in.rank > view->rank) return false;
  for (int back = 1; back <= view->rank; ++back) {
    const int to = view->rank - back, from = in.rank - back;
    const int64_t had = from >= 0 ? in.size(from) : 1;
    if (had != 1 && had != view->size(to)) return false;
    view->strides[At(to)] = had == 1 ? 0 : in.stride(from);
  }
  return true;
}

}  // namespace

std::optional<size_t> LookAt(const Step& step, const TensorView& in, absl::Span<const int64_t> dims, TensorView* view) {
  size_t offset = 0;
  bool fits = false;
  switch (step.kind) {
    case Step::Kind::kOp:
      break;
    case Step::Kind::kReshape:
      fits = Reshape(in, view);
      break;
    case Step::Kind::kSlice:
      fits = Slice(step, in, dims, view, &offset);
      break;
    case Step::Kind::kPermute:
      fits = Permute(step, in, view);
      break;
    case Step::Kind::kBroadcast:
      fits = Broadcast(in, view);
      break;
  }
  if (!fits) return std::nullopt;
  // An empty view looks at nothing: an offset could lie beyond memory that is empty, too.
  return view->numel() == 0 ? 0 : offset;
}

}  // namespace strata::runtime
