#include "kernels/torch/torch_parallel.h"

#include "kernels/torch/handle.h"

namespace strata::torch_adapter {
namespace {

class TorchParallel final : public Parallel {
 public:
  int num_threads() const override {
    uint32_t threads = 1;
    Check(torch_get_num_threads(&threads), "get_num_threads");
    return threads > 0 ? static_cast<int>(threads) : 1;
  }

  void Run(int count, FunctionRef<void(int)> body) override {
    if (count <= 1) {
      if (count == 1) body(0);
      return;
    }
    const auto range = [](int64_t begin, int64_t end, void* context) {
      auto& run = *static_cast<FunctionRef<void(int)>*>(context);
      for (int64_t i = begin; i < end; ++i) run(static_cast<int>(i));
    };
    Check(torch_parallel_for(0, count, 1, range, &body), "parallel_for");
  }
};

}  // namespace

Parallel& TorchThreads() {
  static TorchParallel threads;
  return threads;
}

}  // namespace strata::torch_adapter
