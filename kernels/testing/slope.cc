#include "kernels/testing/slope.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <random>
#include <set>
#include <vector>

namespace strata {
namespace {

// Differences are off by a rounding over the step; a longer one would meet the corners of relu and max more often.
constexpr double kStep = 1e-7, kRounding = 1e-8;
constexpr int kCalls = 60;
constexpr int64_t kMostElements = 1 << 15;  // of an input: small calls tell as much
constexpr std::string_view kGrad = "grad_";

using Random = std::mt19937_64;

double Uniform(Random& random) { return static_cast<double>(random() >> 11) * 0x1p-52 - 1; }

// The sum of outputs times weights, and of their sizes.
struct Loss {
  double sum = 0, size = 0;
};

class Slope {
 public:
  Slope(const OpDef& forward, const OpDef& backward, const OwnedCall& sample)
      : forward_(forward), backward_(backward), sample_(Compact(sample)), back_(*backward.schema) {
    results_ = RunSample(forward_, sample_);
    weights_.resize(results_.views.size());
    for (int i = 0; i < backward.schema->num_inputs; ++i) Bind(static_cast<size_t>(i));
    for (int i = 0; i < backward.schema->num_attrs; ++i) {
      const int from = forward.schema->FindAttr(backward.schema->attrs[static_cast<size_t>(i)].name);
      if (from >= 0) back_.call.attrs[static_cast<size_t>(i)] = sample_.call.attrs[static_cast<size_t>(from)];
    }
  }

  // The gradients that were compared are added to `seen`.
  std::string Check(std::set<std::string_view>* seen) {
    const Outputs gradients = RunSample(backward_, back_);
    for (size_t i = 0; i < gradients.views.size(); ++i) {
      const std::string_view name = backward_.schema->outputs[i].name;
      const int input = forward_.schema->FindInput(name.substr(kGrad.size()));
      const TensorView& gradient = gradients.views[i];
      if (input < 0 || gradient.numel() == 0 || gradient.dtype != DType::kF64) continue;
      const TensorView& x = sample_.call.inputs[static_cast<size_t>(input)];
      if (!x.present()) continue;
      const std::optional<std::string> wrong = Compare(x, gradient);
      if (!wrong) continue;
      if (!wrong->empty()) return std::string(name) + *wrong;
      seen->insert(name);
    }
    return "";
  }

 private:
  // An input of the backward: a gradient of an output, an output or an input of the forward.
  void Bind(size_t i) {
    const std::string_view name = backward_.schema->inputs[i].name;
    if (const int input = forward_.schema->FindInput(name); input >= 0) {
      back_.call.inputs[i] = sample_.call.inputs[static_cast<size_t>(input)];
      return;
    }
    for (size_t o = 0; o < results_.views.size(); ++o) {
      const std::string_view output = forward_.schema->outputs[o].name;
      if (name == output) back_.call.inputs[i] = results_.views[o];
      if (name.substr(0, kGrad.size()) != kGrad || name.substr(kGrad.size()) != output) continue;
      TensorView& weights = back_.call.inputs[i] = results_.views[o];
      back_.Allocate(weights, 0);
      for (int64_t e = 0; e < weights.numel(); ++e) weights.Out<double>()[e] = Uniform(random_);
      weights_[o] = weights;
    }
  }

  Loss Run() const {
    const Outputs results = RunSample(forward_, sample_);
    Loss loss;
    for (size_t o = 0; o < weights_.size(); ++o) {
      if (!weights_[o].present()) continue;
      for (int64_t e = 0; e < weights_[o].numel(); ++e) {
        const double term = weights_[o].In<double>()[e] * results.views[o].In<double>()[e];
        loss.sum += term, loss.size += std::fabs(term);
      }
    }
    return loss;
  }

  // Nothing where the slope is not finite.
  std::optional<std::string> Compare(const TensorView& input, const TensorView& gradient) {
    const auto count = static_cast<size_t>(input.numel());
    double* x = input.Out<double>();
    const std::vector<double> before(x, x + count);
    std::vector<double> direction(count);
    double along = 0, size = 0;
    for (size_t e = 0; e < count; ++e) {
      direction[e] = Uniform(random_);
      const double term = gradient.In<double>()[e] * direction[e];
      along += term, size += std::fabs(term);
    }
    const auto at = [&](double step) {
      for (size_t e = 0; e < count; ++e) x[e] = before[e] + step * direction[e];
      return Run();
    };
    const Loss up = at(kStep), down = at(-kStep);
    std::copy(before.begin(), before.end(), x);
    const double slope = (up.sum - down.sum) / (2 * kStep);
    if (!std::isfinite(slope)) return std::nullopt;
    if (std::fabs(slope - along) <= 1e-6 * size + kRounding * (1 + up.size)) return "";
    return " gives " + std::to_string(along) + " along a direction in which the results change by " +
           std::to_string(slope);
  }

  const OpDef &forward_, &backward_;
  OwnedCall sample_, back_;
  Outputs results_;
  std::vector<TensorView> weights_;  // of the outputs: their gradients
  Random random_{7};
};

}  // namespace

std::string CheckSlope(const OpDef& forward, const OpDef& backward, const OwnedCall& sample) {
  std::set<std::string_view> seen;
  return Slope(forward, backward, sample).Check(&seen);
}

std::string CheckSlopes(const OpDef& forward, const OpDef& backward) {
  return CheckSlopes(forward, backward, [](OwnedCall&) {});
}

std::string CheckSlopes(const OpDef& forward, const OpDef& backward, FunctionRef<void(OwnedCall&)> adjust) {
  Random random(3);
  std::set<std::string_view> seen;
  for (int round = 0; round < kCalls; ++round) {
    OwnedCall sample = Compact(RandomCall(*forward.schema, random, {.dtype = DType::kF64, .defaults = round % 3 == 0}));
    const auto large = [](const TensorView& input) { return input.present() && input.numel() > kMostElements; };
    if (std::any_of(sample.call.inputs.begin(), sample.call.inputs.end(), large)) continue;
    adjust(sample);
    const std::string wrong = Slope(forward, backward, sample).Check(&seen);
    if (!wrong.empty()) return wrong + " (call " + std::to_string(round) + ")";
  }
  for (int i = 0; i < backward.schema->num_outputs; ++i) {
    const std::string_view name = backward.schema->outputs[static_cast<size_t>(i)].name;
    if (seen.count(name) == 0) return std::string(name) + " was never finite";
  }
  return "";
}

}  // namespace strata
