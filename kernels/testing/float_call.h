// A call on float32 values that a test states, in the order of the schema's arguments: for properties.
//
//   const auto out = FloatCall(ops::rms_norm::kOps[0]).Arg({1, 5}, row).Arg({5}, ones).Set("eps", 0).Run();
//   out[0][4]   // the first output's last element
#pragma once

#include <initializer_list>
#include <memory>
#include <string_view>
#include <vector>

#include "kernels/testing/run.h"

namespace strata {

class FloatCall {
 public:
  using Values = std::vector<float>;

  explicit FloatCall(const OpDef& op) : op_(op), sample_(*op.schema) {}

  FloatCall& Arg(std::initializer_list<int64_t> sizes, Values values) {
    values_.push_back(std::make_unique<Values>(std::move(values)));
    sample_.call.inputs[next_++] = MakeView(values_.back()->data(), DType::kF32, sizes);
    return *this;
  }
  FloatCall& Set(std::string_view attr, double value) {
    const auto at = static_cast<size_t>(op_.schema->FindAttr(attr));
    if (op_.schema->attrs[at].kind == AttrKind::kFloat)
      sample_.call.attrs[at].f = value;
    else
      sample_.call.attrs[at].i = static_cast<int64_t>(value);
    return *this;
  }
  std::vector<Values> Run(const RunOptions& options = {}) const {
    const Outputs out = RunSample(op_, sample_, options);
    std::vector<Values> outputs;
    for (const TensorView& view : out.views) outputs.emplace_back(view.In<float>(), view.In<float>() + view.numel());
    return outputs;
  }

 private:
  const OpDef& op_;
  OwnedCall sample_;
  std::vector<std::unique_ptr<Values>> values_;
  size_t next_ = 0;
};

// Numbers in no order that a kernel could like: multiples of `scale` from -40 to 60 times it.
inline std::vector<float> Uneven(int count, float scale = 1) {
  std::vector<float> values;
  for (int i = 0; i < count; ++i) values.push_back(static_cast<float>((i * 37) % 101 - 40) * scale);
  return values;
}

}  // namespace strata
