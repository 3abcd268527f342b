#include "kernels/core/schema_text.h"

#include <charconv>
#include <cstdint>

namespace strata {
namespace {

std::string FloatText(double value) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  std::string text(buffer, end);
  // Torch reads "1" as an int.
  return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
}

std::string_view KindText(AttrKind kind) {
  constexpr std::string_view kKinds[] = {"float", "int", "bool", "choice", "text"};
  return kKinds[static_cast<size_t>(kind)];
}

std::string DefaultText(const AttrSpec& attr) {
  if (attr.kind == AttrKind::kFloat) return FloatText(attr.default_value.f);
  if (attr.kind == AttrKind::kBool) return attr.default_value.i ? "True" : "False";
  if (attr.kind == AttrKind::kText) return "\"" + std::string(*attr.default_value.text) + "\"";
  return std::to_string(attr.default_value.i);
}

std::string_view RuleText(ValueRule rule) {
  constexpr std::string_view kRules[] = {"", "index", "offsets"};
  return kRules[static_cast<size_t>(rule)];
}

std::string DTypeList(DTypeSet set) {
  std::string out = "[";
  for (int i = 0; i < kNumDTypes; ++i) {
    if (!Contains(set, static_cast<DType>(i))) continue;
    out += (out.size() > 1 ? ", " : "") + JsonText(NameOf(static_cast<DType>(i)));
  }
  return out + "]";
}

std::string ArgJson(const OpSchema& schema, const ArgSpec& arg) {
  std::string out = "{\"name\": " + JsonText(arg.name) + ", \"dims\": " + JsonText(arg.dims_text) +
                    ", \"dtypes\": " + DTypeList(arg.type.set) +
                    ", \"type\": " + JsonText(arg.type.letter ? std::string(1, arg.type.letter) : std::string()) +
                    ", \"optional\": " + (arg.optional ? "true" : "false") +
                    ", \"strided\": " + (arg.strided ? "true" : "false") +
                    ", \"rule\": " + JsonText(RuleText(arg.rule));
  // Left out where they do not hold, so that the hashes of operators older than they are stay.
  if (arg.any_strides) out += ", \"any_strides\": true";
  if (arg.list) out += ", \"list\": true";
  if (arg.mutated) out += ", \"mutated\": true";
  if (arg.bound >= 0) out += ", \"bound\": " + JsonText(schema.dim_names[static_cast<size_t>(arg.bound)]);
  if (arg.besides >= 0) {
    out += ", \"besides\": " + JsonText(schema.attrs[static_cast<size_t>(arg.besides)].name);
  }
  return out + "}";
}

std::string AttrJson(const AttrSpec& attr) {
  std::string value = DefaultText(attr);
  if (attr.kind == AttrKind::kBool) value = attr.default_value.i ? "true" : "false";
  std::string range;
  if (attr.ranged) range = ", \"low\": " + FloatText(attr.low) + ", \"high\": " + FloatText(attr.high);
  return "{\"name\": " + JsonText(attr.name) + ", \"kind\": " + JsonText(KindText(attr.kind)) +
         ", \"default\": " + value + ", \"choices\": " + JsonText(attr.choices) + range + "}";
}

template <class Items, class F>
std::string Join(const Items& items, int count, F&& text) {
  std::string out;
  for (int i = 0; i < count; ++i) out += (i ? ", " : "") + text(items[static_cast<size_t>(i)]);
  return out;
}

std::string SizeRules(const OpSchema& schema) {
  return Join(schema.size_rules, schema.num_size_rules, [&](const SizeRule& rule) {
    return std::string(schema.dim_names[static_cast<size_t>(rule.dim)]) +
           (rule.kind == SizeRule::Kind::kMultiple ? " % (" + std::string(rule.of_text) + ") == 0"
                                                   : " >= " + std::string(rule.of_text));
  });
}

// "Tensor x", "Tensor? bias=None", "Tensor(a!)[] params". Each mutated argument has a letter of its own.
std::string TorchArg(const ArgSpec& arg, int index) {
  std::string type = "Tensor";
  if (arg.mutated) type += std::string("(") + static_cast<char>('a' + index) + "!)";
  if (arg.list) type += "[]";
  if (arg.optional && !arg.list) type += "?";
  return type + " " + std::string(arg.name) + (arg.optional && !arg.list ? "=None" : "");
}

}  // namespace

std::string JsonText(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    // Messages are one line; a control character could only come from a caller's text.
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + "\"";
}

std::string DTypeSetText(DTypeSet set) {
  std::string out;
  for (int i = 0; i < kNumDTypes; ++i) {
    if (!Contains(set, static_cast<DType>(i))) continue;
    const bool last = (set >> (i + 1)) == 0;
    out += (out.empty() ? "" : last ? " or " : ", ") + std::string(NameOf(static_cast<DType>(i)));
  }
  return out;
}

std::string TorchSchema(const OpSchema& schema) {
  std::string out = std::string(schema.name) + "(";
  int index = 0;
  out += Join(schema.inputs, schema.num_inputs, [&](const ArgSpec& arg) { return TorchArg(arg, index++); });
  for (int i = 0; i < schema.num_attrs; ++i) {
    const AttrSpec& attr = schema.attrs[static_cast<size_t>(i)];
    // A choice travels as its index: a string costs torch's stable ABI two allocations.
    const std::string_view type = attr.kind == AttrKind::kChoice ? "int"
                                  : attr.kind == AttrKind::kText ? "str"
                                                                 : KindText(attr.kind);
    out += (schema.num_inputs + i > 0 ? ", " : "") + std::string(type) + " " + std::string(attr.name) + "=" +
           DefaultText(attr);
  }
  if (schema.num_outputs == 1) return out + (schema.outputs[0].list ? ") -> Tensor[]" : ") -> Tensor");
  return out + ") -> (" +
         Join(schema.outputs, schema.num_outputs, [](const ArgSpec&) { return std::string("Tensor"); }) + ")";
}

std::string CanonicalText(const OpSchema& schema) {
  const auto arg = [&](const ArgSpec& a) { return ArgJson(schema, a); };
  return std::string(schema.name) + "(" + Join(schema.inputs, schema.num_inputs, arg) + "; " +
         Join(schema.attrs, schema.num_attrs, AttrJson) + ") -> (" + Join(schema.outputs, schema.num_outputs, arg) +
         ")" + (schema.num_size_rules > 0 ? " where " + SizeRules(schema) : "");
}

Status InOp(const OpSchema& schema, const Status& status) {
  if (status.ok()) return status;
  return {status.code(), "strata::" + std::string(schema.name) + ": " + status.message()};
}

std::string SchemaHash(const OpSchema& schema) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : CanonicalText(schema)) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
  constexpr char kHex[] = "0123456789abcdef";
  std::string out(16, '0');
  for (int i = 15; i >= 0; --i, hash >>= 4) out[static_cast<size_t>(i)] = kHex[hash & 15];
  return out;
}

std::string SchemaJson(const OpDef& op) {
  const OpSchema& s = *op.schema;
  const auto arg = [&](const ArgSpec& a) { return ArgJson(s, a); };
  std::string rows;
  for (const Variant& row : op.variants) {
    rows += (rows.empty() ? "" : ", ") + ("{\"name\": " + JsonText(row.name)) +
            ", \"device\": " + JsonText(row.device == DeviceType::kCpu ? "cpu" : "cuda") +
            ", \"numerics\": " + JsonText(row.numerics) + ", \"needs\": " + JsonText(row.needs) + "}";
  }
  return "{\"name\": " + JsonText(s.name) + ", \"doc\": " + JsonText(s.doc) +
         ", \"torch\": " + JsonText(TorchSchema(s)) + ", \"hash\": " + JsonText(SchemaHash(s)) +
         ", \"batch\": " + JsonText(s.batch) + ", \"segments\": " + JsonText(s.segments) +
         ", \"rules\": " + JsonText(SizeRules(s)) + ",\n  \"inputs\": [" + Join(s.inputs, s.num_inputs, arg) +
         "],\n  \"attrs\": [" + Join(s.attrs, s.num_attrs, AttrJson) + "],\n  \"outputs\": [" +
         Join(s.outputs, s.num_outputs, arg) + "],\n  \"variants\": [" + rows +
         "], \"prepare\": " + std::to_string(op.prepare.input) + "}";
}

}  // namespace strata
