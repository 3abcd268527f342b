#include "systems/runtime/strata.h"

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "kernels/base/thread_pool.h"
#include "systems/formats/text.h"
#include "systems/runtime/runtime.h"

namespace {

using strata::DType;
using strata::TensorView;
using strata::runtime::Cat;
using strata::runtime::Invalid;

static_assert(strata::kNumDTypes == STRATA_INT8 + 1 && static_cast<int>(DType::kF32) == STRATA_FLOAT32 &&
              static_cast<int>(DType::kBF16) == STRATA_BFLOAT16 && static_cast<int>(DType::kF64) == STRATA_FLOAT64 &&
              static_cast<int>(DType::kI32) == STRATA_INT32 && static_cast<int>(DType::kI64) == STRATA_INT64 &&
              static_cast<int>(DType::kU8) == STRATA_UINT8 && static_cast<int>(DType::kBool) == STRATA_BOOL &&
              static_cast<int>(DType::kF16) == STRATA_FLOAT16 && static_cast<int>(DType::kI8) == STRATA_INT8);
static_assert(strata::kMaxRank == STRATA_MAX_RANK);

thread_local std::string last_error;

int Done(const absl::Status& status) {
  last_error = std::string(status.message());
  return static_cast<int>(status.code());
}

std::string_view EntryName(const char* name) { return name == nullptr ? std::string_view() : name; }

absl::StatusOr<TensorView> ViewOf(const StrataTensor& tensor, int index) {
  TensorView view;
  view.rank = tensor.rank;
  if (tensor.rank == -1) return view;
  if (tensor.rank < 0 || tensor.rank > strata::kMaxRank) {
    return Invalid("input ", index, " has rank ", tensor.rank, ", wanted -1 to ", strata::kMaxRank);
  }
  if (tensor.dtype < 0 || tensor.dtype >= strata::kNumDTypes) {
    return Invalid("input ", index, " has the unknown dtype ", tensor.dtype);
  }
  view.data = tensor.data;
  view.dtype = static_cast<DType>(tensor.dtype);
  std::copy_n(tensor.sizes, tensor.rank, view.sizes.begin());
  for (int d = 0; d < tensor.rank; ++d) {
    if (view.size(d) < 0) return Invalid("input ", index, " has a size of ", view.size(d));
  }
  view.MakeContiguous();
  return view;
}

void FillIn(const TensorView& view, StrataTensor* out) {
  *out = StrataTensor{view.data, static_cast<int32_t>(view.dtype), view.rank, {}};
  std::copy_n(view.sizes.begin(), view.rank, out->sizes);
}

int Describe(const std::vector<strata::runtime::TensorSpec>& specs, int index, StrataArgument* out) {
  if (index < 0 || static_cast<size_t>(index) >= specs.size()) {
    return Done(absl::NotFoundError(Cat("there is no number ", index, ", there are ", specs.size())));
  }
  const strata::runtime::TensorSpec& spec = specs[static_cast<size_t>(index)];
  const std::vector<int64_t> shape = MetadataShape(spec);
  *out = StrataArgument{spec.name.c_str(), static_cast<int32_t>(spec.dtype), static_cast<int32_t>(shape.size()), {}};
  std::copy(shape.begin(), shape.end(), out->sizes);
  return Done(absl::OkStatus());
}

}  // namespace

struct StrataModel {
  std::unique_ptr<strata::ThreadPool> pool;
  strata::runtime::Model model;
  std::vector<strata::runtime::Tensor> outputs;

  // nullptr: no such entry point.
  const strata::runtime::Signature* Find(const char* entry_point) const {
    const strata::runtime::Signature* signature = model.signature(EntryName(entry_point));
    Done(signature != nullptr
             ? absl::OkStatus()
             : absl::NotFoundError(Cat("there is no entry point ", strata::runtime::Quote(EntryName(entry_point)))));
    return signature;
  }

  absl::Status Run(const char* entry_point, const StrataTensor* inputs, int num_inputs, StrataTensor* made,
                   int num_outputs) {
    const strata::runtime::Signature* signature = Find(entry_point);
    if (signature == nullptr) return absl::NotFoundError(last_error);
    if (num_outputs < 0 || static_cast<size_t>(num_outputs) != signature->outputs.size()) {
      return Invalid("there is room for ", num_outputs, " outputs, wanted ", signature->outputs.size());
    }
    if (num_inputs < 0) return Invalid("there are ", num_inputs, " inputs");
    std::vector<TensorView> views;
    for (int i = 0; i < num_inputs; ++i) {
      RUNTIME_ASSIGN_OR_RETURN(const TensorView view, ViewOf(inputs[i], i));
      views.push_back(view);
    }
    RUNTIME_ASSIGN_OR_RETURN(outputs, model.Run(signature->name, views));
    for (size_t o = 0; o < outputs.size(); ++o) FillIn(outputs[o].view(), &made[o]);
    return absl::OkStatus();
  }
};

StrataModel* strata_load(const char* bundle, int threads) {
  if (bundle == nullptr || threads < 0 || threads > 1024) {
    Done(Invalid(bundle == nullptr ? "the bundle's path is NULL" : "threads is not 0 to 1024"));
    return nullptr;
  }
  const int wanted = threads > 0 ? threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  auto pool = std::make_unique<strata::ThreadPool>(wanted);
  absl::StatusOr<strata::runtime::Model> model = strata::runtime::Model::Load(bundle, {}, *pool);
  Done(model.status());
  if (!model.ok()) return nullptr;
  return new StrataModel{std::move(pool), *std::move(model), {}};
}

StrataModel* strata_clone(const StrataModel* model) {
  auto pool = std::make_unique<strata::ThreadPool>(model->pool->num_threads());
  strata::runtime::Model copy = model->model.Clone(*pool);
  return new StrataModel{std::move(pool), std::move(copy), {}};
}

void strata_free(StrataModel* model) { delete model; }

int strata_num_inputs(const StrataModel* model, const char* entry_point) {
  const strata::runtime::Signature* signature = model->Find(entry_point);
  return signature == nullptr ? -1 : static_cast<int>(signature->inputs.size());
}

int strata_num_outputs(const StrataModel* model, const char* entry_point) {
  const strata::runtime::Signature* signature = model->Find(entry_point);
  return signature == nullptr ? -1 : static_cast<int>(signature->outputs.size());
}

int strata_input(const StrataModel* model, const char* entry_point, int index, StrataArgument* out) {
  const strata::runtime::Signature* signature = model->Find(entry_point);
  return signature == nullptr ? STRATA_NOT_FOUND : Describe(signature->inputs, index, out);
}

int strata_output(const StrataModel* model, const char* entry_point, int index, StrataArgument* out) {
  const strata::runtime::Signature* signature = model->Find(entry_point);
  return signature == nullptr ? STRATA_NOT_FOUND : Describe(signature->outputs, index, out);
}

int strata_run(StrataModel* model, const char* entry_point, const StrataTensor* inputs, int num_inputs,
               StrataTensor* outputs, int num_outputs) {
  return Done(model->Run(entry_point, inputs, num_inputs, outputs, num_outputs));
}

const char* strata_error(void) { return last_error.c_str(); }
