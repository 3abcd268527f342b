// Strata's runtime in one page: load a bundle, look at its entry points, run it. For programs that embed a model; the
// server uses the parts (bundle.h, executor.h, batch_io.h) itself.
//
//   absl::StatusOr<Model> model = Model::Load("models/minilm");            // validates, and replays the golden
//   Tensor ids = Tensor::Of<int64_t>({3}, {101, 7592, 102});
//   absl::StatusOr<std::vector<Tensor>> outputs = model->Run("", {ids.view()});   // "": the default entry point
//   const float* vector = (*outputs)[0].view().In<float>();
//
// A Model runs one call at a time; Clone() gives another that shares the weights, for another thread.
#pragma once

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "kernels/base/aligned_buffer.h"
#include "kernels/base/check.h"
#include "kernels/base/parallel.h"
#include "systems/runtime/bundle.h"
#include "systems/runtime/executor.h"
#include "systems/runtime/golden.h"

namespace strata::runtime {

// A tensor that owns its memory.
class Tensor {
 public:
  // A copy of any view, contiguous.
  static Tensor CopyOf(const TensorView& view);
  // REQUIRES: as many values as the sizes say.
  template <class T>
  static Tensor Of(std::initializer_list<int64_t> sizes, const std::vector<T>& values) {
    Tensor tensor;
    tensor.view_ = MakeView(tensor.memory_.Reserve(values.size() * sizeof(T) + 1), kDTypeOf<T>, sizes);
    STRATA_CHECK(tensor.view_.numel() == static_cast<int64_t>(values.size()), "the values fill the shape");
    if (!values.empty()) std::memcpy(tensor.view_.data, values.data(), values.size() * sizeof(T));
    return tensor;
  }
  const TensorView& view() const { return view_; }

 private:
  AlignedBuffer memory_;
  TensorView view_;
};

class Model {
 public:
  // Loads the bundle, replays its golden, and is ready. REQUIRES: `parallel` outlives the model.
  static absl::StatusOr<Model> Load(const std::string& path, const LoadOptions& options = {},
                                    Parallel& parallel = Serial());

  const Bundle& bundle() const { return *bundle_; }
  const GoldenReport& golden() const { return golden_; }
  // nullptr: no such entry point. "" names the default one, here and in Run.
  const Signature* signature(std::string_view entry_point = "") const;

  // Inputs in the signature's order. An absent offsets input (TensorView{}) stands for one sequence.
  absl::StatusOr<std::vector<Tensor>> Run(std::string_view entry_point, absl::Span<const TensorView> inputs);

  // Counts and times every step of every run from now on; profile.h makes a table of it, and a trace if events are
  // kept.
  void EnableProfile(bool keep_events = false) { profile_ = true, keep_events_ = keep_events; }
  // Of an entry point that has run; else nullptr.
  const Executor* executor(std::string_view entry_point) const;

  // The same weights, memory of its own. REQUIRES: `parallel` outlives the clone; several may share one.
  Model Clone() const { return Clone(*parallel_); }
  Model Clone(Parallel& parallel) const;

 private:
  Model(std::shared_ptr<const Bundle> bundle, GoldenReport golden, Parallel& parallel);

  std::shared_ptr<const Bundle> bundle_;
  GoldenReport golden_;
  Parallel* parallel_;
  bool profile_ = false, keep_events_ = false;
  std::map<std::string, std::unique_ptr<Executor>> executors_;  // made when first used
};

}  // namespace strata::runtime
