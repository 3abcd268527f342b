// The references of group_norm and add_group_norm: plain loops, sums in double.
//
//   GroupNormReference(x, weight, bias, groups, eps, activation, y);
#pragma once

#include <cmath>
#include <vector>

#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/simd/norm_activation.h"

namespace strata {

// One group of one sample: `size` channels of `places`, from channel `first` on.
template <class T>
struct RefGroup {
  const T *x, *weight, *bias;
  int64_t first, size, places;
  double mean = 0, scale = 0;

  int64_t count() const { return size * places; }
  double Normal(int64_t i) const { return (ToDouble(x[i]) - mean) * scale; }
  double Weight(int64_t i) const { return ToDouble(weight[first + i / places]); }
  T Affine(int64_t i) const { return FromDouble<T>(Normal(i) * Weight(i) + ToDouble(bias[first + i / places])); }

  void SetStats(double eps) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < count(); ++i) sum += ToDouble(x[i]);
    mean = sum / static_cast<double>(count());
    for (int64_t i = 0; i < count(); ++i) squares += (ToDouble(x[i]) - mean) * (ToDouble(x[i]) - mean);
    scale = 1 / std::sqrt(squares / static_cast<double>(count()) + eps);
  }
};

// Calls visit(group, offset of its first element).
template <class T, class Visit>
void ForRefGroups(const TensorView& x, const TensorView& weight, const TensorView& bias, int64_t groups, double eps,
                  Visit visit) {
  const int64_t channels = x.size(1), places = x.size(2), size = channels / groups;
  for (int64_t n = 0; n < x.size(0); ++n) {
    for (int64_t g = 0; g < groups; ++g) {
      const int64_t start = (n * channels + g * size) * places;
      RefGroup<T> group{x.In<T>() + start, weight.In<T>(), bias.In<T>(), g * size, size, places};
      group.SetStats(eps);
      visit(group, start);
    }
  }
}

inline double RefSigmoid(double v) { return 1 / (1 + std::exp(-v)); }

inline void GroupNormReference(const TensorView& x, const TensorView& weight, const TensorView& bias, int64_t groups,
                               double eps, NormActivation activation, const TensorView& y) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    ForRefGroups<T>(x, weight, bias, groups, eps, [&](const RefGroup<T>& group, int64_t start) {
      for (int64_t i = 0; i < group.count(); ++i) {
        const double z = ToDouble(group.Affine(i));
        y.Out<T>()[start + i] =
            activation == NormActivation::kSilu ? FromDouble<T>(z * RefSigmoid(z)) : group.Affine(i);
      }
    });
  });
}

// `more`, where it is present, is added to grad_x, which was rounded before.
inline void GroupNormGradientReference(const TensorView& grad_y, const TensorView& x, const TensorView& weight,
                                       const TensorView& bias, const TensorView& more, int64_t groups, double eps,
                                       NormActivation activation, const TensorView& grad_x,
                                       const TensorView& grad_weight, const TensorView& grad_bias) {
  DispatchFloat(x.dtype, [&](auto type) {
    using T = decltype(type);
    const auto channels = static_cast<size_t>(x.size(1));
    std::vector<double> weight_sums(channels), bias_sums(channels);
    ForRefGroups<T>(x, weight, bias, groups, eps, [&](const RefGroup<T>& group, int64_t start) {
      const T* grad = grad_y.In<T>() + start;
      const auto before = [&](int64_t i) {
        if (activation == NormActivation::kNone) return ToDouble(grad[i]);
        const double z = ToDouble(group.Affine(i)), s = RefSigmoid(z);
        return ToDouble(FromDouble<T>(ToDouble(grad[i]) * (s + z * s * (1 - s))));
      };
      double mean_g = 0, mean_gn = 0;
      for (int64_t i = 0; i < group.count(); ++i) {
        const double d = before(i);
        mean_g += d * group.Weight(i) / static_cast<double>(group.count());
        mean_gn += d * group.Weight(i) * group.Normal(i) / static_cast<double>(group.count());
        weight_sums[static_cast<size_t>(group.first + i / group.places)] += d * group.Normal(i);
        bias_sums[static_cast<size_t>(group.first + i / group.places)] += d;
      }
      for (int64_t i = 0; i < group.count(); ++i) {
        const double g = before(i) * group.Weight(i);
        const T own = FromDouble<T>(group.scale * (g - mean_g - group.Normal(i) * mean_gn));
        grad_x.Out<T>()[start + i] =
            more.present() ? FromDouble<T>(ToDouble(own) + ToDouble(more.In<T>()[start + i])) : own;
      }
    });
    for (size_t c = 0; c < channels; ++c) {
      grad_weight.Out<T>()[c] = FromDouble<T>(weight_sums[c]);
      grad_bias.Out<T>()[c] = FromDouble<T>(bias_sums[c]);
    }
  });
}

}  // namespace strata
