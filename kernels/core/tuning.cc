#include "kernels/core/tuning.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kernels/core/invoke.h"

namespace strata {

namespace {

// Immutable once published. By a hash of op, dtype and buckets, then by those themselves.
struct TuningTable {
  struct Line {
    const OpDef* op;
    const Variant* row;
    std::optional<DType> dtype;
    std::vector<int64_t> buckets;  // in ForEachSize's order
  };
  std::unordered_multimap<uint64_t, Line> lines;
};

std::atomic<const TuningTable*> current{nullptr};

int64_t Bucket(int64_t size) {
  return size <= 1 ? size : static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(size)));
}

int64_t LeadingRows(const Call& call) {
  int64_t rows = 1;
  for (int i = 0; i < call.leading_rank; ++i) rows *= call.leading[static_cast<size_t>(i)];
  return rows;
}

// Calls visit(name, bucket) for `*`, where the op has one, and every dim that is bound.
template <class Visit>
void ForEachSize(const OpSchema& schema, const Call& call, Visit visit) {
  bool leading = false;
  for (int i = 0; i < schema.num_inputs; ++i) leading |= schema.inputs[static_cast<size_t>(i)].leading;
  if (leading) visit(std::string_view("*"), Bucket(LeadingRows(call)));
  for (size_t i = 0; i < static_cast<size_t>(schema.num_dims); ++i) {
    if (call.dims[i] >= 0) visit(schema.dim_names[i], Bucket(call.dims[i]));
  }
}

uint64_t Mix(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
  return hash ^ (hash >> 29);
}

uint64_t HashCall(const OpDef& op, const Call& call) {
  uint64_t hash = Mix(reinterpret_cast<uintptr_t>(op.schema),
                      static_cast<uint64_t>(RowDType(*op.schema, call).value_or(DType{255})));
  ForEachSize(*op.schema, call,
              [&](std::string_view, int64_t bucket) { hash = Mix(hash, static_cast<uint64_t>(bucket)); });
  return hash;
}

// At every call where there is a table, so nothing is allocated.
bool Matches(const TuningTable::Line& line, const OpDef& op, const Call& call) {
  if (line.op != &op || line.dtype != RowDType(*op.schema, call)) return false;
  size_t at = 0;
  bool equal = true;
  ForEachSize(*op.schema, call, [&](std::string_view, int64_t bucket) {
    equal = equal && at < line.buckets.size() && line.buckets[at] == bucket;
    ++at;
  });
  return equal && at == line.buckets.size();
}

std::vector<std::string_view> Words(std::string_view line) {
  std::vector<std::string_view> words;
  while (true) {
    while (!line.empty() && (line.front() == ' ' || line.front() == '\t' || line.front() == '\r'))
      line.remove_prefix(1);
    if (line.empty()) return words;
    const size_t end = std::min(line.find_first_of(" \t\r"), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

const Variant* FindRow(const OpDef& op, std::string_view name) {
  for (const Variant& row : op.variants) {
    if (row.name == name && row.device == DeviceType::kCpu) return &row;
  }
  return nullptr;
}

// Takes "name=size" into the call's sizes; false where there is no such dim or no such number.
bool TakeSize(const OpSchema& schema, std::string_view word, Call& call) {
  const size_t equals = word.find('=');
  if (equals == std::string_view::npos || equals + 1 == word.size() || word.size() > equals + 19) return false;
  int64_t size = 0;
  for (const char c : word.substr(equals + 1)) {
    if (c < '0' || c > '9') return false;
    size = size * 10 + (c - '0');
  }
  if (size != Bucket(size)) return false;
  const std::string_view name = word.substr(0, equals);
  if (name == "*") {
    call.leading_rank = 1;
    call.leading[0] = size;
    return true;
  }
  const int dim = schema.FindDim(name);
  if (dim < 0) return false;
  call.dims[static_cast<size_t>(dim)] = size;
  return true;
}

Status LineError(size_t number, std::string_view what, std::string_view word) {
  return InvalidArgument("tuning table, line " + std::to_string(number) + ": " + std::string(what) + " \"" +
                         std::string(word) + "\"");
}

Status TakeLine(size_t number, std::string_view text, const OpDef* (*find)(std::string_view), TuningTable& table) {
  const std::vector<std::string_view> words = Words(text.substr(0, text.find('#')));
  if (words.empty()) return {};
  if (words.size() < 3) return LineError(number, "wanted an op, a dtype, sizes and a row, found", text);
  const OpDef* op = find(words[0]);
  if (op == nullptr) return LineError(number, "there is no op", words[0]);
  const auto dtype = DTypeFromName(words[1]);
  if (!dtype) return LineError(number, "there is no dtype", words[1]);
  const Variant* row = FindRow(*op, words.back());
  if (row == nullptr) return LineError(number, std::string(op->schema->name) + " has no row", words.back());
  Call call(*op->schema);
  call.dims.fill(-1);
  for (size_t i = 0; i < static_cast<size_t>(op->schema->num_inputs); ++i) call.inputs[i].dtype = *dtype;
  for (size_t w = 2; w + 1 < words.size(); ++w) {
    if (!TakeSize(*op->schema, words[w], call)) {
      return LineError(number, "wanted a dim of the op and a power of two, like K=512, found", words[w]);
    }
  }
  TuningTable::Line line{op, row, RowDType(*op->schema, call), {}};
  ForEachSize(*op->schema, call, [&](std::string_view, int64_t bucket) { line.buckets.push_back(bucket); });
  table.lines.emplace(HashCall(*op, call), std::move(line));
  return {};
}

}  // namespace

Status LoadTuning(std::string_view text, const OpDef* (*find)(std::string_view name)) {
  auto table = std::make_unique<TuningTable>();
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    STRATA_RETURN_IF_ERROR(TakeLine(number, text.substr(0, end), find, *table));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  // A table that was ever current may be in use by a call on another thread: it is kept.
  static std::mutex mutex;
  static std::vector<std::unique_ptr<TuningTable>> kept;
  const std::lock_guard lock(mutex);
  current.store(table->lines.empty() ? nullptr : table.get(), std::memory_order_release);
  kept.push_back(std::move(table));
  return {};
}

std::string TuningKey(const OpDef& op, const Call& call) {
  std::string key =
      std::string(op.schema->name) + " " + std::string(NameOf(RowDType(*op.schema, call).value_or(DType::kF32)));
  ForEachSize(*op.schema, call, [&](std::string_view name, int64_t bucket) {
    key += " " + std::string(name) + "=" + std::to_string(bucket);
  });
  return key;
}

const Variant* TunedRow(const OpDef& op, const OpContext& context, const Call& call, const Variant& otherwise) {
  const TuningTable* table = current.load(std::memory_order_acquire);
  if (table == nullptr) return nullptr;
  const auto [begin, end] = table->lines.equal_range(HashCall(op, call));
  for (auto at = begin; at != end; ++at) {
    const TuningTable::Line& line = at->second;
    const Variant& row = *line.row;
    if (!Matches(line, op, call) || row.device != context.device || row.numerics != otherwise.numerics) continue;
    if (line.dtype && !Contains(row.dtypes, *line.dtype)) continue;
    if (row.accepts == nullptr || row.accepts(call)) return &row;
  }
  return nullptr;
}

}  // namespace strata
