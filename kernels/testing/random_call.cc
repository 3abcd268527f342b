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

// What of a special value is no whole number is 0: each processor converts a NaN or an infinity in its own way.
int64_t Whole(double value) { return std::abs(value) < 1e9 ? static_cast<int64_t>(value) : 0; }

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
      view.Out<int32_t>()[at] = static_cast<int32_t>(Whole(value));
      break;
    case DType::kI64:
      view.Out<int64_t>()[at] = Whole(value);
      break;
    case DType::kF16:
      view.Out<F16>()[at] = ToF16(static_cast<float>(value));
      break;
    case DType::kI8:
      view.Out<int8_t>()[at] = static_cast<int8_t>(Whole(value));
      break;
    default:
      view.Out<uint8_t>()[at] = static_cast<uint8_t>(Whole(value));
      break;
  }
}

void RandomAttrs(const OpSchema& schema, Random& random, Call& call) {
  for (int i = 0; i < schema.num_attrs; ++i) {
    const AttrSpec& attr = schema.attrs[static_cast<size_t>(i)];
    const int64_t choices = 1 + std::count(attr.choices.begin(), attr.choices.end(), '|');
    AttrValue& value = call.attrs[static_cast<size_t>(i)];
    if (attr.kind == AttrKind::kBool) value.i = static_cast<int64_t>(random() % 2);
    if (attr.kind == AttrKind::kChoice) value.i = static_cast<int64_t>(random() % static_cast<uint64_t>(choices));
    if (!attr.ranged || random() % 4 == 0) continue;
    // Small numbers tell more than large ones.
    if (attr.kind == AttrKind::kInt) {
      value.i = std::min(static_cast<int64_t>(attr.low) + Pick(random, {0, 1, 2, 3, 4, 5, 8, 17}),
                         static_cast<int64_t>(attr.high));
    } else {
      const double width = std::min(attr.high - attr.low, 4.0);
      value.f = attr.low + width * static_cast<double>(random() >> 11) * 0x1p-53;
    }
  }
}

void ApplySizeRules(const OpSchema& schema, const Call& call, std::array<int64_t, kMaxDims>& dims) {
  for (int i = 0; i < schema.num_size_rules; ++i) {
    const SizeRule& rule = schema.size_rules[static_cast<size_t>(i)];
    int64_t& size = dims[static_cast<size_t>(rule.dim)];
    const int64_t of = rule.of.Evaluate(dims.data(), call.attrs.data());
    if (rule.kind == SizeRule::Kind::kAtLeast) {
      size = std::max(size, of);
    } else {
      size = of <= 0 ? 0 : of > 32 ? of : std::max(size / of, std::min<int64_t>(size, 1)) * of;
    }
  }
}

// Sizes of the dims, then those that values force: something to index, no rows without a segment.
void RandomDims(const OpSchema& schema, const Call& call, Random& random, bool whole_lines,
                std::array<int64_t, kMaxDims>& dims) {
  for (int i = 0; i < schema.num_dims; ++i) {
    dims[static_cast<size_t>(i)] =
        whole_lines ? Pick(random, {1, 2, 3, 32, 64})
                    : Pick(random, {0, 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40, 63, 64, 65, 130});
  }
  for (int i = 0; i < schema.num_inputs; ++i) {
    const ArgSpec& arg = schema.inputs[static_cast<size_t>(i)];
    if (arg.rule == ValueRule::kNone) continue;
    int64_t& bound = dims[static_cast<size_t>(arg.bound)];
    if (arg.rule == ValueRule::kIndex) bound = std::max<int64_t>(bound, 1);
    if (arg.rule == ValueRule::kOffsets && dims[static_cast<size_t>(arg.dims[0].dim())] == 0) bound = 0;
  }
  ApplySizeRules(schema, call, dims);
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
    double value = arg.rule == ValueRule::kIndex
                       ? static_cast<double>(random() % static_cast<uint64_t>(std::max<int64_t>(1, bound)))
                       : RandomValue(random, i, specials);
    // Numbers that are no indices: any byte, a flag.
    if (view.dtype == DType::kU8 || view.dtype == DType::kI8) value = static_cast<double>(random() % 256);
    if (view.dtype == DType::kI8) value -= 128;
    if (view.dtype == DType::kBool) value = static_cast<double>(random() % 2);
    StoreValue(view, i, value);
  }
}

DType TypeOf(const ArgSpec& arg, const SampleOptions& options) {
  if (arg.type.letter == 'T') return options.dtype;
  if (arg.type.letter == 'S') return WideOf(options.dtype);
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

bool Drawable(const OpDef& op) {
  const auto& attrs = op.schema->attrs;
  return op.infer == nullptr && op.check_values == nullptr &&
         std::none_of(attrs.begin(), attrs.begin() + op.schema->num_attrs,
                      [](const AttrSpec& attr) { return attr.kind == AttrKind::kText; });
}

bool TakesDType(const OpDef& op, DType dtype) {
  for (size_t i = 0; i < static_cast<size_t>(op.schema->num_inputs); ++i) {
    const TypeSpec type = op.schema->inputs[i].type;
    if (type.letter == 'T') return Contains(type.set, dtype);
  }
  return dtype == DType::kF32;
}

void OwnedCall::Allocate(TensorView& view, int misalign) {
  const size_t bytes = static_cast<size_t>(view.numel()) * SizeOf(view.dtype);
  memory.push_back(std::make_unique<std::byte[]>(bytes + 2 * kAlignment + 64));
  auto base = reinterpret_cast<uintptr_t>(memory.back().get());
  base = (base + kAlignment - 1) / kAlignment * kAlignment + static_cast<size_t>(misalign) * SizeOf(view.dtype);
  view.data = reinterpret_cast<void*>(base);
}

namespace {

// Makes the inputs of one call.
struct Maker {
  OwnedCall& sample;
  Random& random;
  const SampleOptions& options;
  std::array<int64_t, kMaxDims> dims{};
  std::vector<int64_t> leading;

  void Sizes(const ArgSpec& arg, const std::vector<int64_t>& before, TensorView& view) const {
    view.dtype = TypeOf(arg, options);
    view.rank = 0;
    if (arg.leading) {
      for (const int64_t size : before) view.sizes[static_cast<size_t>(view.rank++)] = size;
    }
    for (int d = 0; d < arg.rank; ++d) {
      view.sizes[static_cast<size_t>(view.rank++)] =
          arg.dims[static_cast<size_t>(d)].Evaluate(dims.data(), sample.call.attrs.data());
    }
    view.MakeContiguous();
  }

  void Fill(const ArgSpec& arg, TensorView& view) {
    if (arg.any_strides && view.rank > 1 && random() % 3 == 0) {
      // A transposition: the first dim is innermost in memory.
      for (int64_t d = 0, step = 1; d < view.rank; step *= view.size(static_cast<int>(d++))) {
        view.strides[static_cast<size_t>(d)] = step;
      }
      sample.Allocate(view, static_cast<int>(random() % 3));
      return FillValues(arg, view, 0, view.numel(), random, options.specials);
    }
    const int64_t gap = arg.strided && view.rank > 1 ? static_cast<int64_t>(random() % 3) * 4 : 0;
    if (gap > 0) {
      // A slice of a wider tensor: the outermost rows lie further apart.
      view.strides[0] += gap;
      TensorView wide = view;
      wide.SetSizes({view.size(0), view.strides[0]});
      sample.Allocate(wide, static_cast<int>(random() % 3));
      view.data = wide.data;
      return FillValues(arg, wide, 0, wide.numel(), random, options.specials);
    }
    sample.Allocate(view, static_cast<int>(random() % 3));
    FillValues(arg, view, arg.bound >= 0 ? dims[static_cast<size_t>(arg.bound)] : 0, view.numel(), random,
               options.specials);
    for (int64_t i = 0; arg.besides >= 0 && i < view.numel(); ++i) {
      if (random() % 4 != 0) continue;
      StoreValue(view, i, static_cast<double>(sample.call.attrs[static_cast<size_t>(arg.besides)].i));
    }
  }

  // Tensors of any shape, up to a length that takes several vectors; the lists of one op pair up.
  void MakeList(size_t input, const std::vector<std::vector<int64_t>>& shapes) {
    const ArgSpec& arg = sample.schema->inputs[input];
    for (const std::vector<int64_t>& shape : shapes) {
      TensorView& view = sample.lists[input].emplace_back();
      Sizes(arg, shape, view);
      Fill(arg, view);
    }
  }
};

std::vector<std::vector<int64_t>> RandomShapes(Random& random) {
  std::vector<std::vector<int64_t>> shapes(1 + random() % 4);
  for (std::vector<int64_t>& shape : shapes) {
    shape.resize(random() % 3);
    for (int64_t& size : shape) size = Pick(random, {0, 1, 3, 7, 16, 33, 65, 130});
  }
  return shapes;
}

}  // namespace

OwnedCall RandomCall(const OpSchema& schema, Random& random, const SampleOptions& options) {
  OwnedCall sample(schema);
  Maker maker{sample, random, options, {}, {}};
  if (!options.defaults) RandomAttrs(schema, random, sample.call);
  RandomDims(schema, sample.call, random, options.whole_lines, maker.dims);
  maker.leading.resize(random() % 3);
  for (int64_t& size : maker.leading) size = Pick(random, {0, 1, 2, 3, 5, 9});
  const std::vector<std::vector<int64_t>> shapes = RandomShapes(random);
  for (size_t i = 0; i < static_cast<size_t>(schema.num_inputs); ++i) {
    const ArgSpec& arg = schema.inputs[i];
    if (arg.optional && !options.defaults && random() % 2) continue;
    if (arg.list) {
      maker.MakeList(i, shapes);
    } else {
      maker.Sizes(arg, maker.leading, sample.call.inputs[i]);
      maker.Fill(arg, sample.call.inputs[i]);
    }
  }
  return sample;
}

TensorView RandomTensor(OwnedCall& sample, DType dtype, std::initializer_list<int64_t> sizes, Random& random,
                        bool specials) {
  TensorView view;
  view.dtype = dtype;
  view.SetSizes(sizes);
  sample.Allocate(view, static_cast<int>(random() % 3));
  FillValues(ArgSpec{}, view, 0, view.numel(), random, specials);
  return view;
}

OwnedCall Compact(const OwnedCall& sample) {
  OwnedCall out(*sample.schema);
  out.call.attrs = sample.call.attrs;
  const auto compact = [&out](const TensorView& from) {
    TensorView to = from;
    if (!from.present()) return to;
    to.MakeContiguous();
    out.Allocate(to, 0);
    CopyDense(from, to);
    return to;
  };
  for (size_t i = 0; i < static_cast<size_t>(sample.schema->num_inputs); ++i) {
    out.call.inputs[i] = compact(sample.call.inputs[i]);
    for (const TensorView& view : sample.lists[i]) out.lists[i].push_back(compact(view));
  }
  return out;
}

}  // namespace strata
