// OpSchema: what an op is, written once, as a constant. Torch, Python, the server, the exporter, the tests and the docs
// all read it.
//
//   // y[..., d] = x[..., d] / sqrt(mean_d(x[..., d]^2) + eps) * weight[d]
//   inline constexpr OpSchema kRmsNorm =
//       Op("rms_norm").In("x", "* D").In("weight", "D").Attr("eps", 1e-6).Out("y", "* D");
//
// Dims are separated by spaces. `*` at the front stands for any leading dims and binds as a whole; a capitalised name
// binds a dim; an expression (`B+1`, `3*H*D`) is checked, or solved where it is a dim plus a number. Attribute names
// (lower case) may stand in output dims. A dim that only an absent argument names is 0 in outputs. A mistake in a
// schema is a compile error.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "kernels/core/dim_expr.h"
#include "kernels/core/dtype.h"
#include "kernels/core/tensor_view.h"

namespace strata {

inline constexpr int kMaxInputs = 12;
inline constexpr int kMaxOutputs = 8;
inline constexpr int kMaxAttrs = 12;
inline constexpr int kMaxDims = 12;
inline constexpr int kMaxSizeRules = 3;

// The dtypes that an argument takes. Arguments with the same letter have the same dtype in one call; '\0': on its own.
struct TypeSpec {
  DTypeSet set;
  char letter;
};
inline constexpr DTypeSet kFloatDTypes = SetOf(DType::kF32) | SetOf(DType::kBF16) | SetOf(DType::kF64);
inline constexpr DTypeSet kIndexDTypes = SetOf(DType::kI32) | SetOf(DType::kI64);
inline constexpr TypeSpec kFloats = {kFloatDTypes, 'T'};
// For operators that move elements and look at none.
inline constexpr TypeSpec kAnyDType = {(DTypeSet{1} << kNumDTypes) - 1, 'T'};
// For sums of anything but narrow integers.
inline constexpr TypeSpec kSummable = {kFloatDTypes | SetOf(DType::kI32) | SetOf(DType::kI64), 'T'};
inline constexpr TypeSpec kIndices = {kIndexDTypes, 'I'};
inline constexpr TypeSpec kOffsets = {kIndexDTypes, 'C'};
// What rows of a kFloats argument are summed up in (a maximum, a log-sum-exp): float64 for float64, else float32.
inline constexpr TypeSpec kStatistics = {SetOf(DType::kF32) | SetOf(DType::kF64), 'S'};
constexpr TypeSpec Only(DType dtype) { return {SetOf(dtype), '\0'}; }

// What the values of an integer argument must satisfy; they are request data, so Invoke checks them on a CPU.
enum class ValueRule : uint8_t {
  kNone,
  kIndex,    // 0 <= v < bound
  kOffsets,  // first 0, never decreasing, last equal to bound
};

struct ArgSpec {
  std::string_view name;
  std::string_view dims_text;
  TypeSpec type = kFloats;
  bool optional = false;
  bool strided = false;      // the kernel takes any strides as long as the last dim is contiguous
  bool any_strides = false;  // the kernel takes any strides, 0 included
  bool leading = false;      // begins with `*`
  bool list = false;         // any number of tensors, each with these dims on its own
  bool mutated = false;      // the kernel writes to it; it is contiguous and never copied
  int rank = 0;              // of the part after `*`
  std::array<DimExpr, kMaxRank> dims{};
  ValueRule rule = ValueRule::kNone;
  int bound = -1;    // index of the dim that kIndex and kOffsets refer to
  int besides = -1;  // kIndex: index of the int attribute whose value is taken, too
};

enum class AttrKind : uint8_t { kFloat, kInt, kBool, kChoice, kText };
inline constexpr std::string_view kNoText = "";

struct AttrSpec {
  std::string_view name;
  AttrKind kind = AttrKind::kFloat;
  AttrValue default_value{.f = 0};
  std::string_view choices;  // kChoice: "none|gelu|relu"; the value is the index
  // kFloat and kInt: what Infer takes, ends included, where `ranged`; any value otherwise.
  bool ranged = false;
  double low = 0, high = 0;
};

// What a dim's size must satisfy beyond the expressions of arguments.
struct SizeRule {
  enum class Kind : uint8_t { kMultiple, kAtLeast };
  Kind kind = Kind::kMultiple;
  int dim = 0;
  DimExpr of;
  std::string_view of_text;
};

struct OpSchema {
  std::string_view name;
  std::string_view doc;  // the formula, one line
  std::array<ArgSpec, kMaxInputs> inputs{};
  std::array<AttrSpec, kMaxAttrs> attrs{};
  std::array<ArgSpec, kMaxOutputs> outputs{};
  std::array<std::string_view, kMaxDims> dim_names{};
  std::array<SizeRule, kMaxSizeRules> size_rules{};
  int num_inputs = 0, num_attrs = 0, num_outputs = 0, num_dims = 0, num_size_rules = 0;
  // The dim along which results are independent of their neighbours: "*" where the first output has one (the default),
  // a dim's name, or, with `segments` set to an offsets argument, the runs of that dim. "": none.
  std::string_view batch = "";
  std::string_view segments = "";

  constexpr int FindDim(std::string_view dim) const {
    for (int i = 0; i < num_dims; ++i) {
      if (dim_names[static_cast<size_t>(i)] == dim) return i;
    }
    return -1;
  }
  constexpr int FindAttr(std::string_view attr) const {
    for (int i = 0; i < num_attrs; ++i) {
      if (attrs[static_cast<size_t>(i)].name == attr) return i;
    }
    return -1;
  }
  constexpr int FindInput(std::string_view input) const {
    for (int i = 0; i < num_inputs; ++i) {
      if (inputs[static_cast<size_t>(i)].name == input) return i;
    }
    return -1;
  }

  constexpr OpSchema Doc(std::string_view text) const {
    OpSchema s = *this;
    s.doc = text;
    return s;
  }
  // An input tensor.
  constexpr OpSchema In(std::string_view arg, std::string_view dims, TypeSpec type = kFloats) const {
    OpSchema s = *this;
    s.AddInput(arg, dims, type);
    return s;
  }
  // An input tensor that may be absent.
  constexpr OpSchema Optional(std::string_view arg, std::string_view dims, TypeSpec type = kFloats) const {
    OpSchema s = *this;
    s.AddInput(arg, dims, type, true).optional = true;
    return s;
  }
  // An input tensor whose outer strides are free.
  constexpr OpSchema Strided(std::string_view arg, std::string_view dims, TypeSpec type = kFloats) const {
    OpSchema s = *this;
    s.AddInput(arg, dims, type).strided = true;
    return s;
  }
  // An input tensor whose strides are all free: an expansion, a permutation, a slice with steps.
  constexpr OpSchema AnyStrides(std::string_view arg, std::string_view dims, TypeSpec type = kFloats) const {
    OpSchema s = *this;
    ArgSpec& spec = s.AddInput(arg, dims, type);
    spec.strided = spec.any_strides = true;
    return s;
  }
  // A list of one or more tensors, each with `dims` of its own. Lists of one op pair up: they have equal lengths, and
  // tensor i of each has the shape of tensor i of the first.
  constexpr OpSchema List(std::string_view arg, std::string_view dims, TypeSpec type = kFloats) const {
    OpSchema s = *this;
    s.AddInput(arg, dims, type).list = true;
    return s;
  }
  // Of the input added last: the kernel writes to it.
  constexpr OpSchema Mutated() const {
    OpSchema s = *this;
    if (s.num_inputs == 0) SchemaError("Mutated follows an input");
    s.inputs[static_cast<size_t>(s.num_inputs - 1)].mutated = true;
    return s;
  }
  // Of the input added last: it may be absent; a list may be empty.
  constexpr OpSchema MayBeAbsent() const {
    OpSchema s = *this;
    if (s.num_inputs == 0) SchemaError("MayBeAbsent follows an input");
    s.inputs[static_cast<size_t>(s.num_inputs - 1)].optional = true;
    return s;
  }
  // Of the index input added last: the value of an int attribute is taken, too. (The kernel leaves that place out.)
  constexpr OpSchema OrValueOf(std::string_view attr) const {
    OpSchema s = *this;
    if (s.num_inputs == 0 || s.FindAttr(attr) < 0)
      SchemaError("OrValueOf follows an index input and names an attribute");
    s.inputs[static_cast<size_t>(s.num_inputs - 1)].besides = s.FindAttr(attr);
    return s;
  }
  // Integers in [0, size of the dim `of`).
  constexpr OpSchema Index(std::string_view arg, std::string_view dims, std::string_view of) const {
    OpSchema s = *this;
    ArgSpec& spec = s.AddInput(arg, dims, kIndices);
    spec.rule = ValueRule::kIndex;
    spec.bound = s.DimIndex(of);
    return s;
  }
  // Offsets of runs laid end to end along the dim `of`: B+1 numbers from 0 to its size, never decreasing.
  constexpr OpSchema Offsets(std::string_view arg, std::string_view dims, std::string_view of) const {
    OpSchema s = *this;
    ArgSpec& spec = s.AddInput(arg, dims, strata::kOffsets);
    spec.rule = ValueRule::kOffsets;
    spec.bound = s.DimIndex(of);
    return s;
  }
  constexpr OpSchema Attr(std::string_view attr, double default_value) const {
    return AddAttr({attr, AttrKind::kFloat, {.f = default_value}, {}});
  }
  constexpr OpSchema Attr(std::string_view attr, int default_value) const {
    return AddAttr({attr, AttrKind::kInt, {.i = default_value}, {}});
  }
  constexpr OpSchema Attr(std::string_view attr, bool default_value) const {
    return AddAttr({attr, AttrKind::kBool, {.i = default_value}, {}});
  }
  // One of several words, the first by default; the kernel gets its index as an enum.
  constexpr OpSchema Choice(std::string_view attr, std::string_view choices) const {
    return AddAttr({attr, AttrKind::kChoice, {.i = 0}, choices});
  }
  // Words of the op's own, empty by default; its OpDef::infer checks them.
  constexpr OpSchema Text(std::string_view attr) const {
    return AddAttr({attr, AttrKind::kText, {.text = &kNoText}, {}});
  }
  // Of the int or float attribute added last: what it may be, ends included.
  constexpr OpSchema Range(double low, double high) const {
    OpSchema s = *this;
    if (s.num_attrs == 0) SchemaError("Range follows an attribute");
    AttrSpec& spec = s.attrs[static_cast<size_t>(s.num_attrs - 1)];
    if (spec.kind != AttrKind::kInt && spec.kind != AttrKind::kFloat) SchemaError("Range is for numbers");
    spec.ranged = true, spec.low = low, spec.high = high;
    return s;
  }
  // The size of `dim` is a multiple of `divisor`, an expression; of zero only zero is.
  constexpr OpSchema Divides(std::string_view divisor, std::string_view dim) const {
    return AddSizeRule(SizeRule::Kind::kMultiple, dim, divisor);
  }
  constexpr OpSchema AtLeast(std::string_view dim, std::string_view least) const {
    return AddSizeRule(SizeRule::Kind::kAtLeast, dim, least);
  }
  // An output tensor: contiguous, of the dtype that `type`'s letter has, or of its one dtype.
  constexpr OpSchema Out(std::string_view arg, std::string_view dims, TypeSpec type = kFloats) const {
    OpSchema s = *this;
    if (s.num_outputs == kMaxOutputs) SchemaError("too many outputs");
    ArgSpec& spec = s.outputs[static_cast<size_t>(s.num_outputs++)];
    s.Parse(spec, arg, dims, type);
    if (s.num_outputs == 1 && spec.leading && s.batch.empty()) s.batch = "*";
    return s;
  }
  // Up to kMaxOutputs tensors, as OpDef::infer says; an op with an output list has no other output.
  constexpr OpSchema OutList(std::string_view arg, TypeSpec type = {~DTypeSet{0}, '\0'}) const {
    OpSchema s = *this;
    if (s.num_outputs != 0) SchemaError("an output list stands alone");
    ArgSpec& spec = s.outputs[static_cast<size_t>(s.num_outputs++)];
    s.Parse(spec, arg, "*", type);
    spec.list = true;
    return s;
  }
  constexpr OpSchema Batch(std::string_view dim) const {
    OpSchema s = *this;
    if (s.FindDim(dim) < 0) SchemaError("Batch names no dim");
    s.batch = dim;
    return s;
  }
  constexpr OpSchema Segments(std::string_view offsets) const {
    OpSchema s = *this;
    if (s.FindInput(offsets) < 0) SchemaError("Segments names no input");
    s.segments = offsets;
    s.batch = s.dim_names[static_cast<size_t>(s.inputs[static_cast<size_t>(s.FindInput(offsets))].bound)];
    return s;
  }

 private:
  constexpr int DimIndex(std::string_view dim) {
    if (const int found = FindDim(dim); found >= 0) return found;
    if (num_dims == kMaxDims) SchemaError("too many dims");
    dim_names[static_cast<size_t>(num_dims)] = dim;
    return num_dims++;
  }
  constexpr ArgSpec& AddInput(std::string_view arg, std::string_view dims, TypeSpec type, bool optional = false) {
    if (num_inputs == kMaxInputs) SchemaError("too many inputs");
    // As in Python: what has a default comes last.
    if (num_inputs > 0 && inputs[static_cast<size_t>(num_inputs - 1)].optional && !optional) {
      SchemaError("an optional input is followed by a required one");
    }
    ArgSpec& spec = inputs[static_cast<size_t>(num_inputs++)];
    Parse(spec, arg, dims, type);
    return spec;
  }
  constexpr OpSchema AddSizeRule(SizeRule::Kind kind, std::string_view dim, std::string_view expression) const {
    OpSchema s = *this;
    if (s.num_size_rules == kMaxSizeRules) SchemaError("too many size rules");
    if (s.FindDim(dim) < 0) SchemaError("a size rule names no dim");
    SizeRule& rule = s.size_rules[static_cast<size_t>(s.num_size_rules++)];
    rule = {kind, s.FindDim(dim), s.Expression(expression), expression};
    return s;
  }
  constexpr DimExpr Expression(std::string_view text) {
    return DimParser(text,
                     [this](std::string_view word) -> DimExpr::Token {
                       if (word[0] >= 'A' && word[0] <= 'Z') return {DimExpr::Code::kDim, DimIndex(word)};
                       if (FindAttr(word) < 0) SchemaError("a dim expression names no attribute declared before it");
                       return {DimExpr::Code::kAttr, FindAttr(word)};
                     })
        .Parse();
  }
  constexpr OpSchema AddAttr(AttrSpec spec) const {
    OpSchema s = *this;
    if (s.num_attrs == kMaxAttrs) SchemaError("too many attributes");
    s.attrs[static_cast<size_t>(s.num_attrs++)] = spec;
    return s;
  }
  constexpr void Parse(ArgSpec& spec, std::string_view arg, std::string_view dims, TypeSpec type) {
    spec.name = arg;
    spec.dims_text = dims;
    spec.type = type;
    while (!dims.empty()) {
      const size_t space = dims.find(' ');
      const std::string_view word = dims.substr(0, space);
      dims = space == std::string_view::npos ? std::string_view() : dims.substr(space + 1);
      if (word == "*") {
        if (spec.leading || spec.rank > 0) SchemaError("`*` stands at the front, once");
        spec.leading = true;
        continue;
      }
      if (spec.rank == kMaxRank) SchemaError("too many dims in one argument");
      spec.dims[static_cast<size_t>(spec.rank++)] = Expression(word);
    }
  }
};

constexpr OpSchema Op(std::string_view name) {
  OpSchema s;
  s.name = name;
  return s;
}

// True where the argument's kernel takes the strides of `view`.
inline bool TakesStrides(const ArgSpec& arg, const TensorView& view) {
  return arg.any_strides || (arg.strided ? HasContiguousRows(view) : IsContiguous(view));
}

}  // namespace strata
