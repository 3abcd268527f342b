#include "kernels/testing/random_call.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/base/aligned_buffer.h"

namespace strata {
namespace {

using Random = std::mt19937_64;

int64_t Pick(Random& random, std::initializer_list<int64_t> from) { return from.begin()[random() % from.size()]; }

double RandomValue(Random& random, int64_t at, bool specials) {
  if (specials && random() % 8 == 0) {
    constexpr double kSpecials[] = {std::numeric_limits<double>::quiet_NaN(),
                                    std::numeric_limits<double>::infinity(),
                                    -std::numeric_limits<double>::infinity(),
                                    1e-40,
                                    -1e-44,
                                    0.0,
                                    -0.0,
                                    3e38,
                                    -3e38};
    return kSpecials[random() % std::size(kSpecials)];
  }
  // Skewed by position, so that a kernel that mixes up rows or columns cannot pass.
  const double uniform = static_cast<double>(random() >> 11) * 0x1p-53;
  return 2 * uniform - 1 + 0.01 * static_cast<double>(at % 13);
}

void StoreValue(const TensorView& view, int64_t at, double value) {
  switch (view.dtype) {
    case DType::kF32:
      view.Out<float>()[at] = static_cast<float>(value);
      break;
    case DType::kBF16:
      view.Out<BF16>()[at] = ToBF16(static_cast<float>(value));
      break;
    case DType::kF64:
      view.Out<double>()[at] = value;
      break;
    case DType::kI32:
      view.Out<int32_t>()[at] = static_cast<int32_t>(value);
      break;
    case DType::kI64:
      view.Out<int64_t>()[at] = static_cast<int64_t>(value);
      break;
    default:
      view.Out<uint8_t>()[at] = static_cast<uint8_t>(value);
      break;
  }
}

// Sizes of the dims, then those that values force: something to index, no rows without a segment.
void RandomDims(const OpSchema& schema, Random& random, std::array<int64_t, kMaxDims>& dims) {
  for (int i = 0; i < schema.num_dims; ++i) {
    dims[static_cast<size_t>(i)] = Pick(random, {0, 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40, 63, 64, 65, 130});
  }
  for (int i = 0; i < schema.num_inputs; ++i) {
    const ArgSpec& arg = schema.inputs[static_cast<size_t>(i)];
    if (arg.rule == ValueRule::kNone) continue;
    int64_t& bound = dims[static_cast<size_t>(arg.bound)];
    if (arg.rule == ValueRule::kIndex) bound = std::max<int64_t>(bound, 1);
    if (arg.rule == ValueRule::kOffsets && dims[static_cast<size_t>(arg.dims[0].dim())] == 0) bound = 0;
  }
}

void FillOffsets(const TensorView& view, int64_t bound, Random& random) {
  std::vector<int64_t> cuts(static_cast<size_t>(view.numel()));
  for (int64_t& cut : cuts) cut = static_cast<int64_t>(random() % static_cast<uint64_t>(bound + 1));
  std::sort(cuts.begin(), cuts.end());
  cuts.front() = 0;
  cuts.back() = bound;
  for (size_t i = 0; i < cuts.size(); ++i) StoreValue(view, static_cast<int64_t>(i), static_cast<double>(cuts[i]));
}

void FillValues(const ArgSpec& arg, const TensorView& view, int64_t bound, int64_t elements, Random& random,
                bool specials) {
  if (arg.rule == ValueRule::kOffsets) return FillOffsets(view, bound, random);
  for (int64_t i = 0; i < elements; ++i) {
    const double value = arg.rule == ValueRule::kIndex
                             ? static_cast<double>(random() % static_cast<uint64_t>(std::max<int64_t>(1, bound)))
                             : RandomValue(random, i, specials);
    StoreValue(view, i, value);
  }
}

DType TypeOf(const ArgSpec& arg, const SampleOptions& options) {
  if (arg.type.letter == 'T') return options.dtype;
  if (arg.type.set == kIndexDTypes) return options.index_dtype;
  return static_cast<DType>(__builtin_ctz(arg.type.set));
}

void CopyDense(const TensorView& from, const TensorView& to) {
  const size_t size = SizeOf(from.dtype);
  std::array<int64_t, kMaxRank> at{};
  for (int64_t i = 0, n = from.numel(); i < n; ++i) {
    int64_t offset = 0;
    for (int d = 0; d < from.rank; ++d) offset += at[static_cast<size_t>(d)] * from.stride(d);
    std::memcpy(static_cast<std::byte*>(to.data) + static_cast<size_t>(i) * size,
                static_cast<const std::byte*>(from.data) + static_cast<size_t>(offset) * size, size);
    for (int d = from.rank - 1; d >= 0 && ++at[static_cast<size_t>(d)] == from.size(d); --d) {
      at[static_cast<size_t>(d)] = 0;
    }
  }
}

}  // namespace

void OwnedCall::Allocate(TensorView& view, int misalign) {
  const size_t bytes = static_cast<size_t>(view.numel()) * SizeOf(view.dtype);
  memory.push_back(std::make_unique<std::byte[]>(bytes + 2 * kAlignment + 64));
  auto base = reinterpret_cast<uintptr_t>(memory.back().get());
  base = (base + kAlignment - 1) / kAlignment * kAlignment + static_cast<size_t>(misalign) * SizeOf(view.dtype);
  view.data = reinterpret_cast<void*>(base);
}

OwnedCall RandomCall(const OpSchema& schema, Random& random, const SampleOptions& options) {
  OwnedCall sample(schema);
  Call& call = sample.call;
  std::array<int64_t, kMaxDims> dims{};
  RandomDims(schema, random, dims);
  std::vector<int64_t> leading(random() % 3);
  for (int64_t& size : leading) size = Pick(random, {0, 1, 2, 3, 5, 9});
  for (int i = 0; i < schema.num_attrs && !options.defaults; ++i) {
    const AttrSpec& attr = schema.attrs[static_cast<size_t>(i)];
    const int64_t choices = 1 + std::count(attr.choices.begin(), attr.choices.end(), '|');
    AttrValue& value = call.attrs[static_cast<size_t>(i)];
    if (attr.kind == AttrKind::kBool) value.i = static_cast<int64_t>(random() % 2);
    if (attr.kind == AttrKind::kChoice) value.i = static_cast<int64_t>(random() % static_cast<uint64_t>(choices));
  }
  for (int i = 0; i < schema.num_inputs; ++i) {
    const ArgSpec& arg = schema.inputs[static_cast<size_t>(i)];
    if (arg.optional && !options.defaults && random() % 2) continue;
    TensorView& view = call.inputs[static_cast<size_t>(i)];
    view.dtype = TypeOf(arg, options);
    view.rank = 0;
    if (arg.leading) {
      for (int64_t size : leading) view.sizes[static_cast<size_t>(view.rank++)] = size;
    }
    for (int d = 0; d < arg.rank; ++d) {
      view.sizes[static_cast<size_t>(view.rank++)] =
          arg.dims[static_cast<size_t>(d)].Evaluate(dims.data(), call.attrs.data());
    }
    view.MakeContiguous();
    const int64_t gap = arg.strided && view.rank > 1 ? static_cast<int64_t>(random() % 3) * 4 : 0;
    if (gap > 0) {
      // A slice of a wider tensor: the outermost rows lie further apart.
      view.strides[0] += gap;
      TensorView wide = view;
      wide.SetSizes({view.size(0), view.strides[0]});
      sample.Allocate(wide, static_cast<int>(random() % 3));
      view.data = wide.data;
      FillValues(arg, wide, 0, wide.numel(), random, options.specials);
      continue;
    }
    sample.Allocate(view, static_cast<int>(random() % 3));
    FillValues(arg, view, arg.bound >= 0 ? dims[static_cast<size_t>(arg.bound)] : 0, view.numel(), random,
               options.specials);
  }
  return sample;
}

OwnedCall Compact(const OwnedCall& sample) {
  OwnedCall out(*sample.schema);
  out.call.attrs = sample.call.attrs;
  for (int i = 0; i < sample.schema->num_inputs; ++i) {
    const TensorView& from = sample.call.inputs[static_cast<size_t>(i)];
    TensorView& to = out.call.inputs[static_cast<size_t>(i)];
    to = from;
    if (!from.present()) continue;
    to.MakeContiguous();
    out.Allocate(to, 0);
    CopyDense(from, to);
  }
  return out;
}

}  // namespace strata
