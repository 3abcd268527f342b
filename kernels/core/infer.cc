#include <algorithm>
#include <charconv>
#include <cstring>
#include <span>
#include <string>

#include "kernels/core/invoke.h"
#include "kernels/core/schema_text.h"

namespace strata {
namespace {

constexpr int64_t kMaxElements = int64_t{1} << 48;  // far above any memory, far below overflow in bytes

// What one call has bound so far.
struct Bound {
  const OpSchema& schema;
  Call& call;
  bool leading = false;
  int types[26];  // DType of a letter, -1: not yet

  Bound(const OpSchema& s, Call& c) : schema(s), call(c) {
    c.dims.fill(-1);
    std::fill(std::begin(types), std::end(types), -1);
  }
};

std::string Where(const OpSchema& schema, const ArgSpec& arg) {
  return "strata::" + std::string(schema.name) + ": " + std::string(arg.name);
}

// "[*, D] with D=8": the wanted dims, and those already known.
std::string Wanted(const Bound& b, const ArgSpec& arg) {
  std::string text = "[", known;
  for (char c : arg.dims_text) text += c == ' ' ? std::string(", ") : std::string(1, c);
  for (int i = 0; i < b.schema.num_dims; ++i) {
    const std::string_view name = b.schema.dim_names[static_cast<size_t>(i)];
    if (b.call.dims[static_cast<size_t>(i)] < 0 || arg.dims_text.find(name) == std::string_view::npos) continue;
    known += (known.empty() ? " with " : ", ") + std::string(name) + "=" +
             std::to_string(b.call.dims[static_cast<size_t>(i)]);
  }
  if (arg.leading && b.leading) {
    known += known.empty() ? " with *=[" : ", *=[";
    for (int i = 0; i < b.call.leading_rank; ++i) {
      known += (i ? ", " : "") + std::to_string(b.call.leading[static_cast<size_t>(i)]);
    }
    known += "]";
  }
  return text + "]" + known;
}

Status ShapeError(const Bound& b, const ArgSpec& arg, const TensorView& view) {
  return InvalidArgument(Where(b.schema, arg) + " has shape " + ShapeText(view) + ", wanted " + Wanted(b, arg));
}

Status BindType(Bound& b, const ArgSpec& arg, const TensorView& view) {
  if (!Contains(arg.type.set, view.dtype)) {
    return InvalidArgument(Where(b.schema, arg) + " has dtype " + std::string(NameOf(view.dtype)) + ", wanted " +
                           DTypeSetText(arg.type.set));
  }
  if (arg.type.letter == '\0') return {};
  int& bound = b.types[arg.type.letter - 'A'];
  if (bound < 0) bound = static_cast<int>(view.dtype);
  if (arg.type.letter == 'T' && b.types['S' - 'A'] < 0) {
    b.types['S' - 'A'] = static_cast<int>(WideOf(view.dtype));
  }
  if (bound == static_cast<int>(view.dtype)) return {};
  return InvalidArgument(Where(b.schema, arg) + " has dtype " + std::string(NameOf(view.dtype)) + ", wanted " +
                         std::string(NameOf(static_cast<DType>(bound))) + " as the arguments before it");
}

Status BindLeading(Bound& b, const ArgSpec& arg, const TensorView& view) {
  const int rank = view.rank - arg.rank;
  Call& call = b.call;
  if (!b.leading) {
    b.leading = true;
    call.leading_rank = rank;
    std::copy_n(view.sizes.begin(), rank, call.leading.begin());
    return {};
  }
  if (rank == call.leading_rank && std::equal(view.sizes.begin(), view.sizes.begin() + rank, call.leading.begin())) {
    return {};
  }
  return ShapeError(b, arg, view);
}

bool BindDim(Bound& b, const DimExpr& expr, int64_t size) {
  if (expr.is_dim() || expr.is_dim_plus_number()) {
    int64_t& bound = b.call.dims[static_cast<size_t>(expr.dim())];
    if (bound < 0) {
      bound = size - expr.addend();
      return bound >= 0;
    }
  }
  return expr.Evaluate(b.call.dims.data(), b.call.attrs.data()) == size;
}

Status CheckStrides(const Bound& b, const ArgSpec& arg, const TensorView& view) {
  if (TakesStrides(arg, view)) return {};
  return InvalidArgument(Where(b.schema, arg) + " has strides that the kernel does not take, wanted " +
                         (arg.strided ? "neighbouring elements in the last dim" : "a contiguous tensor"));
}

Status BindInput(Bound& b, const ArgSpec& arg, const TensorView& view) {
  if (!view.present()) {
    if (arg.optional) return {};
    return InvalidArgument(Where(b.schema, arg) + " is missing, wanted a tensor " + Wanted(b, arg));
  }
  STRATA_RETURN_IF_ERROR(BindType(b, arg, view));
  const int leading = view.rank - arg.rank;
  if (leading < 0 || (!arg.leading && leading > 0)) return ShapeError(b, arg, view);
  if (arg.leading && !arg.list) STRATA_RETURN_IF_ERROR(BindLeading(b, arg, view));
  for (int i = 0; i < arg.rank; ++i) {
    if (!BindDim(b, arg.dims[static_cast<size_t>(i)], view.size(leading + i))) return ShapeError(b, arg, view);
  }
  return CheckStrides(b, arg, view);
}

bool SameShape(const TensorView& a, const TensorView& b) {
  return a.rank == b.rank && std::equal(a.sizes.begin(), a.sizes.begin() + a.rank, b.sizes.begin());
}

// `first` is the op's first list, with which the others pair up.
Status BindList(Bound& b, const ArgSpec& arg, std::span<const TensorView> list, std::span<const TensorView> first) {
  if (list.empty() && arg.optional) return {};
  if (list.size() != first.size() || list.empty()) {
    return InvalidArgument(Where(b.schema, arg) + " has " + std::to_string(list.size()) + " tensors, wanted " +
                           (first.empty() ? "at least one" : std::to_string(first.size())));
  }
  for (size_t i = 0; i < list.size(); ++i) {
    ArgSpec element = arg;
    const std::string name = std::string(arg.name) + "[" + std::to_string(i) + "]";
    element.name = name;
    element.optional = false;
    STRATA_RETURN_IF_ERROR(BindInput(b, element, list[i]));
    if (SameShape(list[i], first[i])) continue;
    return InvalidArgument(Where(b.schema, element) + " has shape " + ShapeText(list[i]) + ", wanted " +
                           ShapeText(first[i]) + " as in the first list");
  }
  return {};
}

Status BindInputs(Bound& b, const Call& call) {
  std::span<const TensorView> first;
  for (int i = 0; i < b.schema.num_inputs; ++i) {
    const size_t at = static_cast<size_t>(i);
    const ArgSpec& arg = b.schema.inputs[at];
    if (!arg.list) {
      STRATA_RETURN_IF_ERROR(BindInput(b, arg, call.inputs[at]));
      continue;
    }
    if (first.empty()) first = call.lists[at];
    STRATA_RETURN_IF_ERROR(BindList(b, arg, call.lists[at], first));
  }
  return {};
}

Status FillOutput(const Bound& b, const ArgSpec& arg, TensorView& view) {
  const int bound = arg.type.letter ? b.types[arg.type.letter - 'A'] : -1;
  // A fixed dtype is a set of one; a letter that no input bound takes its first dtype.
  view.dtype = bound >= 0 ? static_cast<DType>(bound) : static_cast<DType>(__builtin_ctz(arg.type.set));
  view.rank = 0;
  if (arg.leading) {
    view.rank = b.call.leading_rank;
    std::copy_n(b.call.leading.begin(), view.rank, view.sizes.begin());
  }
  if (view.rank + arg.rank > kMaxRank) {
    return InvalidArgument(Where(b.schema, arg) + " would have more than " + std::to_string(kMaxRank) + " dims");
  }
  for (int i = 0; i < arg.rank; ++i) {
    view.sizes[static_cast<size_t>(view.rank++)] =
        arg.dims[static_cast<size_t>(i)].Evaluate(b.call.dims.data(), b.call.attrs.data());
  }
  int64_t elements = 1;
  for (int i = 0; i < view.rank; ++i) {
    if (view.size(i) < 0 || __builtin_mul_overflow(elements, std::max<int64_t>(1, view.size(i)), &elements) ||
        elements > kMaxElements) {
      return InvalidArgument(Where(b.schema, arg) + " would have the impossible shape " + ShapeText(view));
    }
  }
  view.MakeContiguous();
  return {};
}

std::string NumberText(double value) {
  char buffer[32];
  return std::string(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
}

Status CheckRange(const OpSchema& schema, const AttrSpec& attr, AttrValue given) {
  const double value = attr.kind == AttrKind::kInt ? static_cast<double>(given.i) : given.f;
  if (value >= attr.low && value <= attr.high) return {};
  return InvalidArgument("strata::" + std::string(schema.name) + ": " + std::string(attr.name) + " is " +
                         NumberText(value) + ", wanted " + NumberText(attr.low) + " to " + NumberText(attr.high));
}

Status CheckSizeRules(const OpSchema& schema, const Call& call) {
  for (int i = 0; i < schema.num_size_rules; ++i) {
    const SizeRule& rule = schema.size_rules[static_cast<size_t>(i)];
    const int64_t size = call.dims[static_cast<size_t>(rule.dim)];
    const int64_t of = rule.of.Evaluate(call.dims.data(), call.attrs.data());
    if (size < 0 || of < 0) continue;  // of an absent argument
    const bool multiple = rule.kind == SizeRule::Kind::kMultiple;
    if (multiple ? (of > 0 ? size % of == 0 : size == 0) : size >= of) continue;
    return InvalidArgument("strata::" + std::string(schema.name) + ": " +
                           std::string(schema.dim_names[static_cast<size_t>(rule.dim)]) + " is " +
                           std::to_string(size) + ", wanted " + (multiple ? "a multiple of " : "at least ") +
                           std::string(rule.of_text) + (rule.of.is_number() ? "" : " = " + std::to_string(of)));
  }
  return {};
}

Status CheckAttrs(const OpSchema& schema, const Call& call) {
  for (int i = 0; i < schema.num_attrs; ++i) {
    const AttrSpec& attr = schema.attrs[static_cast<size_t>(i)];
    const int64_t value = call.attrs[static_cast<size_t>(i)].i;
    if (attr.ranged) STRATA_RETURN_IF_ERROR(CheckRange(schema, attr, call.attrs[static_cast<size_t>(i)]));
    const int64_t most = attr.kind == AttrKind::kBool ? 1 : std::count(attr.choices.begin(), attr.choices.end(), '|');
    if (attr.kind != AttrKind::kBool && attr.kind != AttrKind::kChoice) continue;
    if (value >= 0 && value <= most) continue;
    return InvalidArgument("strata::" + std::string(schema.name) + ": " + std::string(attr.name) + " is " +
                           std::to_string(value) + ", wanted 0 to " + std::to_string(most) +
                           (attr.choices.empty() ? "" : " (" + std::string(attr.choices) + ")"));
  }
  return {};
}

}  // namespace

Status Infer(const OpDef& op, Call& call) {
  const OpSchema& schema = *op.schema;
  Bound bound(schema, call);
  STRATA_RETURN_IF_ERROR(CheckAttrs(schema, call));
  STRATA_RETURN_IF_ERROR(BindInputs(bound, call));
  STRATA_RETURN_IF_ERROR(CheckSizeRules(schema, call));
  // What only an absent argument names is empty: the gradient of such an argument, say.
  for (int64_t& dim : call.dims) dim = std::max<int64_t>(dim, 0);
  call.num_outputs = 0;
  for (int i = 0; i < schema.num_outputs; ++i) {
    const size_t at = static_cast<size_t>(i);
    if (schema.outputs[at].list) break;  // op.infer makes them
    STRATA_RETURN_IF_ERROR(FillOutput(bound, schema.outputs[at], call.outputs[at]));
    ++call.num_outputs;
  }
  return op.infer == nullptr ? Status() : InOp(schema, op.infer(call));
}

}  // namespace strata
