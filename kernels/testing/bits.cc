// Prints a digest of what every operator of the table gives for random calls, one line a call: the same lines on every
// processor. tools/test --arm compares them between this machine and an emulated one.
//
//   softmax float32 7 1f8a2c94d0b3e671
#include <cstdio>
#include <cstring>

#include "kernels/ops/registry.h"
#include "kernels/testing/run.h"

namespace strata {
namespace {

constexpr int kSamples = 12;

// FNV-1a, all NaNs alike: which NaN an operation gives is the processor's own choice.
class Digest {
 public:
  void Add(const TensorView& view) {
    const size_t size = SizeOf(view.dtype);
    for (int64_t i = 0; i < view.numel(); ++i) {
      uint64_t bits = 0;
      std::memcpy(&bits, static_cast<const char*>(view.data) + static_cast<size_t>(i) * size, size);
      hash_ = (hash_ ^ (IsNan(view.dtype, bits) ? ~uint64_t{0} : bits)) * 0x100000001b3u;
    }
  }
  uint64_t value() const { return hash_; }

 private:
  static bool IsNan(DType dtype, uint64_t bits) {
    if (dtype == DType::kF32) return (bits & 0x7fffffffu) > 0x7f800000u;
    if (dtype == DType::kF64) return (bits & 0x7fffffffffffffffu) > 0x7ff0000000000000u;
    return dtype == DType::kBF16 && (bits & 0x7fffu) > 0x7f80u;
  }
  uint64_t hash_ = 0xcbf29ce484222325u;
};

// Of the class that every processor has; false where no such row takes the call.
bool RunIeee(const OpDef& op, const OwnedCall& sample, Outputs* outputs) {
  for (const Variant& row : op.variants) {
    if (row.device != DeviceType::kCpu || (row.numerics != "ieee" && row.numerics != "int8-exact")) continue;
    if (TrySample(op, sample, {.row = row.name}, outputs).ok()) return true;
  }
  return false;
}

void Print(const OpDef& op, DType dtype) {
  for (int seed = 0; seed < kSamples; ++seed) {
    std::mt19937_64 random(static_cast<uint64_t>(seed) + 1);
    const OwnedCall sample = RandomCall(*op.schema, random, {.dtype = dtype, .specials = seed % 3 == 2});
    Outputs outputs;
    if (!RunIeee(op, sample, &outputs)) continue;
    Digest digest;
    for (const TensorView& view : outputs.views) digest.Add(view);
    std::printf("%.*s %.*s %d %016llx\n", static_cast<int>(op.schema->name.size()), op.schema->name.data(),
                static_cast<int>(NameOf(dtype).size()), NameOf(dtype).data(), seed,
                static_cast<unsigned long long>(digest.value()));
  }
}

}  // namespace
}  // namespace strata

int main() {
  for (const strata::OpDef* op : strata::AllOps()) {
    for (const strata::DType dtype : {strata::DType::kF32, strata::DType::kBF16, strata::DType::kF64}) {
      if (strata::Drawable(*op) && strata::TakesDType(*op, dtype)) strata::Print(*op, dtype);
    }
  }
}
