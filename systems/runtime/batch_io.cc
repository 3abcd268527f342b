#include "systems/runtime/batch_io.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "kernels/base/check.h"
#include "systems/formats/text.h"

namespace strata::runtime {
namespace {

int64_t OffsetAt(const TensorView& view, int64_t i) {
  return view.dtype == DType::kI32 ? view.In<int32_t>()[i] : view.In<int64_t>()[i];
}

void SetOffset(void* data, DType dtype, int64_t i, int64_t value) {
  if (dtype == DType::kI32) {
    static_cast<int32_t*>(data)[i] = static_cast<int32_t>(value);
  } else {
    static_cast<int64_t*>(data)[i] = value;
  }
}

// From 0 to the number of tokens, never decreasing: else one request would read another's rows.
absl::Status CheckOffsets(const TensorSpec& spec, const TensorView& view, int64_t tokens) {
  const auto error = [&](int64_t i, std::string_view wanted) {
    return Invalid("input ", Quote(spec.name), " has ", OffsetAt(view, i), " at position ", i, ", wanted ", wanted);
  };
  const int64_t last = view.size(0) - 1;
  if (OffsetAt(view, 0) != 0) return error(0, "0");
  for (int64_t i = 1; i <= last; ++i) {
    if (OffsetAt(view, i) < OffsetAt(view, i - 1)) return error(i, Cat("at least ", OffsetAt(view, i - 1)));
  }
  if (OffsetAt(view, last) != tokens) return error(last, Cat(tokens, ", the number of rows laid end to end"));
  return absl::OkStatus();
}

int64_t RaggedRows(const Signature& signature, absl::Span<const TensorView> inputs) {
  for (size_t i = 0; i < signature.inputs.size(); ++i) {
    if (signature.inputs[i].layout == Layout::kRagged && inputs[i].rank > 0) return inputs[i].size(0);
  }
  return 0;
}

// One sequence: offsets 0 and the number of rows.
struct OneSequence {
  alignas(8) std::array<int64_t, 2> memory;
  TensorView View(DType dtype, int64_t rows) {
    SetOffset(memory.data(), dtype, 0, 0);
    SetOffset(memory.data(), dtype, 1, rows);
    return MakeView(memory.data(), dtype, {2});
  }
};

constexpr int64_t kMostRowsInInt32 = INT32_MAX;

}  // namespace

absl::StatusOr<RequestSize> CheckRequest(const Signature& signature, absl::Span<const TensorView> inputs) {
  std::vector<TensorView> all(inputs.begin(), inputs.end());
  OneSequence one;
  if (all.size() == signature.inputs.size()) {
    for (size_t i = 0; i < all.size(); ++i) {
      const TensorSpec& spec = signature.inputs[i];
      if (spec.layout != Layout::kOffsets || all[i].present()) continue;
      all[i] = one.View(spec.dtype, RaggedRows(signature, inputs));
    }
  }
  std::vector<int64_t> dims(signature.dims.size());
  RUNTIME_RETURN_IF_ERROR(BindInputs(signature, all, absl::MakeSpan(dims)));
  RUNTIME_RETURN_IF_ERROR(CheckInputValues(signature, all));
  RequestSize size;
  size.rows = signature.batch_dim >= 0 ? dims[static_cast<size_t>(signature.batch_dim)] : 1;
  size.tokens = signature.ragged_dim >= 0 ? dims[static_cast<size_t>(signature.ragged_dim)] : size.rows;
  for (size_t i = 0; i < all.size(); ++i) {
    if (signature.inputs[i].layout != Layout::kOffsets) continue;
    RUNTIME_RETURN_IF_ERROR(CheckOffsets(signature.inputs[i], all[i], size.tokens));
  }
  for (size_t d = 0; d < dims.size(); ++d) {
    const int index = static_cast<int>(d);
    if (index != signature.batch_dim && index != signature.ragged_dim) size.other_dims.push_back(dims[d]);
  }
  return size;
}

BatchIo::BatchIo(const Signature& signature)
    : signature_(signature), inputs_(signature.inputs.size()), buffers_(signature.inputs.size()) {}

absl::Status BatchIo::AddSizes(Request request, size_t i, std::vector<int64_t>* others) {
  absl::StatusOr<RequestSize> size = CheckRequest(signature_, request);
  if (!size.ok()) return i == 0 ? size.status() : Annotate(size.status(), Cat("request ", i));
  if (i == 0) {
    *others = std::move(size->other_dims);
  } else if (signature_.batch_dim < 0) {
    return Invalid("entry point ", Quote(signature_.name), " is not batched, wanted one request");
  } else if (size->other_dims != *others) {
    return Invalid("request ", i, " has other sizes than the first and cannot share its batch");
  }
  const End before = ends_.empty() ? End{0, 0} : ends_.back();
  ends_.push_back({before.rows + size->rows, before.tokens + size->tokens});
  return absl::OkStatus();
}

absl::Status BatchIo::Combine(absl::Span<const Request> requests) {
  STRATA_CHECK(!requests.empty(), "a batch has a request");
  ends_.clear();
  std::vector<int64_t> others;
  for (size_t i = 0; i < requests.size(); ++i) RUNTIME_RETURN_IF_ERROR(AddSizes(requests[i], i, &others));
  for (size_t input = 0; input < inputs_.size(); ++input) {
    const TensorSpec& spec = signature_.inputs[input];
    if (requests.size() == 1 && requests[0][input].present()) {
      inputs_[input] = requests[0][input];
    } else if (spec.layout == Layout::kOffsets) {
      if (spec.dtype == DType::kI32 && ends_.back().tokens > kMostRowsInInt32) {
        return Invalid("the batch has ", ends_.back().tokens, " rows, more than int32 offsets can say");
      }
      LayOffsets(requests, input);
    } else {
      LayRows(requests, input);
    }
  }
  return absl::OkStatus();
}

void BatchIo::LayRows(absl::Span<const Request> requests, size_t input) {
  TensorView& batch = inputs_[input];
  batch = requests[0][input];
  batch.sizes[0] = 0;
  for (const Request& request : requests) batch.sizes[0] += request[input].size(0);
  batch.MakeContiguous();
  const size_t width = SizeOf(batch.dtype);
  std::byte* at = buffers_[input].Reserve(std::max<size_t>(1, static_cast<size_t>(batch.numel()) * width));
  batch.data = at;
  for (const Request& request : requests) {
    const size_t bytes = static_cast<size_t>(request[input].numel()) * width;
    if (bytes == 0) continue;
    std::memcpy(at, request[input].data, bytes);
    at += bytes;
  }
}

void BatchIo::LayOffsets(absl::Span<const Request> requests, size_t input) {
  const DType dtype = signature_.inputs[input].dtype;
  const int64_t count = ends_.back().rows + 1;
  void* data = buffers_[input].Reserve(static_cast<size_t>(count) * SizeOf(dtype));
  SetOffset(data, dtype, 0, 0);
  int64_t at = 1;
  for (size_t r = 0; r < requests.size(); ++r) {
    const int64_t base = r == 0 ? 0 : ends_[r - 1].tokens;
    const TensorView& own = requests[r][input];
    if (!own.present()) {
      SetOffset(data, dtype, at++, ends_[r].tokens);
      continue;
    }
    for (int64_t i = 1; i < own.size(0); ++i) SetOffset(data, dtype, at++, base + OffsetAt(own, i));
  }
  inputs_[input] = MakeView(data, dtype, {count});
}

void BatchIo::Split(absl::Span<const TensorView> outputs, size_t i, absl::Span<TensorView> parts) const {
  STRATA_CHECK(outputs.size() == signature_.outputs.size() && parts.size() == outputs.size(), "one view an output");
  for (size_t o = 0; o < outputs.size(); ++o) {
    TensorView& part = parts[o] = outputs[o];
    const Layout layout = signature_.outputs[o].layout;
    if (layout == Layout::kWhole) continue;
    const auto end_of = [&](size_t r) { return layout == Layout::kStacked ? ends_[r].rows : ends_[r].tokens; };
    const int64_t begin = i == 0 ? 0 : end_of(i - 1);
    part.sizes[0] = end_of(i) - begin;
    const int64_t row = outputs[o].numel() == 0 ? 0 : outputs[o].numel() / outputs[o].size(0);
    if (row > 0) part.data = static_cast<std::byte*>(part.data) + static_cast<size_t>(begin * row) * SizeOf(part.dtype);
    part.MakeContiguous();
  }
}

}  // namespace strata::runtime
