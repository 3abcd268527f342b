#include "kernels/base/parallel.h"

namespace strata {
namespace {

class SerialParallel final : public Parallel {
 public:
  int num_threads() const override { return 1; }
  void Run(int count, FunctionRef<void(int)> body) override {
    for (int i = 0; i < count; ++i) body(i);
  }
};

}  // namespace

Parallel& Serial() {
  static SerialParallel serial;
  return serial;
}

}  // namespace strata
