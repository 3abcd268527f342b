#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/attention/attention.h"
#include "kernels/simd/attention_plan.h"

namespace strata {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Inputs {
  const TensorView &q, &k, &v, &cu_seqlens, &cu_seqlens_k;
  const TensorView* bias;
  double scale;
  bool causal;
  int64_t left, right;
};

// One head of one run.
template <class T>
struct Head {
  const Inputs& in;
  int64_t head, key_head, bias_head, query, key;  // the run's first query and key
  int64_t queries, keys;
  double scale;
  KeyWindow window;

  static const T* Row(const TensorView& view, int64_t i, int64_t head) {
    return view.In<T>() + i * view.stride(0) + head * view.stride(1);
  }
  double Dot(const TensorView& a, int64_t i, const TensorView& b, int64_t j) const {
    double sum = 0;
    for (int64_t d = 0; d < a.size(2); ++d) {
      sum += ToDouble(Row(a, query + i, head)[d]) * ToDouble(Row(b, key + j, key_head)[d]);
    }
    return sum;
  }
  int64_t BiasAt(int64_t i, int64_t j) const {
    return ((query + i) * in.bias->size(1) + bias_head) * in.bias->size(2) + j;
  }
  double Score(int64_t i, int64_t j) const {
    const double score = scale * Dot(in.q, i, in.k, j);
    return in.bias == nullptr ? score : score + ToDouble(in.bias->template In<T>()[BiasAt(i, j)]);
  }
};

template <class T, class Visit>
void ForEachHead(const Inputs& in, Visit visit) {
  const int64_t heads = in.q.size(1);
  for (int64_t b = 0; b + 1 < in.cu_seqlens.size(0); ++b) {
    const int64_t query = OffsetAt(in.cu_seqlens, b), queries = OffsetAt(in.cu_seqlens, b + 1) - query;
    const int64_t key = OffsetAt(in.cu_seqlens_k, b), keys = OffsetAt(in.cu_seqlens_k, b + 1) - key;
    KeyWindow window(queries, keys, in.causal, in.left, in.right);
    if (in.bias != nullptr) window.EndAt(in.bias->size(2));
    for (int64_t h = 0; h < heads; ++h) {
      const int64_t bias_head = in.bias == nullptr ? 0 : h * in.bias->size(1) / heads;
      visit(Head<T>{in, h, h * in.k.size(1) / heads, bias_head, query, key, queries, keys,
                    AttentionScale(in.scale, in.q.size(2)), window});
    }
  }
}

}  // namespace

void AttentionRef(const OpContext&, const TensorView& q, const TensorView& k, const TensorView& v,
                  const TensorView& cu_seqlens, const TensorView& cu_seqlens_k, const TensorView* bias, double scale,
                  bool causal, int64_t window_left, int64_t window_right, const TensorView& y, const TensorView& lse) {
  const Inputs in{q, k, v, cu_seqlens, cu_seqlens_k, bias, scale, causal, window_left, window_right};
  DispatchFloat(q.dtype, [&](auto type) {
    using T = decltype(type);
    ForEachHead<T>(in, [&](const Head<T>& head) {
      std::vector<double> weights(static_cast<size_t>(head.keys)), total(static_cast<size_t>(q.size(2)));
      for (int64_t i = 0; i < head.queries; ++i) {
        const int64_t first = head.window.First(i), end = head.window.End(i);
        double max = -kInfinity, sum = 0;
        for (int64_t j = first; j < end; ++j) {
          max = std::max(max, weights[static_cast<size_t>(j)] = head.Score(i, j));
        }
        std::fill(total.begin(), total.end(), 0.0);
        for (int64_t j = first; j < end && max != -kInfinity; ++j) {
          const double p = std::exp(weights[static_cast<size_t>(j)] - max);
          sum += p;
          for (size_t d = 0; d < total.size(); ++d) {
            total[d] += p * ToDouble(head.Row(v, head.key + j, head.key_head)[d]);
          }
        }
        const int64_t row = (head.query + i) * q.size(1) + head.head;
        for (size_t d = 0; d < total.size(); ++d) {
          y.Out<T>()[row * q.size(2) + static_cast<int64_t>(d)] = FromDouble<T>(sum == 0 ? 0 : total[d] / sum);
        }
        const double log_sum = sum == 0 ? -kInfinity : max + std::log(sum);
        if (lse.dtype == DType::kF64) lse.Out<double>()[row] = log_sum;
        if (lse.dtype == DType::kF32) lse.Out<float>()[row] = static_cast<float>(log_sum);
      }
    });
  });
}

namespace {

double WideAt(const TensorView& view, int64_t i) {
  return view.dtype == DType::kF64 ? view.In<double>()[i] : static_cast<double>(view.In<float>()[i]);
}

// Sums in double, rounded when all heads have added to them.
struct Gradient {
  const TensorView& out;
  std::vector<double> sums;

  explicit Gradient(const TensorView& view) : out(view), sums(static_cast<size_t>(view.numel())) {}
  double& At(int64_t i) { return sums[static_cast<size_t>(i)]; }
  double& At(int64_t row, int64_t head, int64_t d) { return At((row * out.size(1) + head) * out.size(2) + d); }
  template <class T>
  void Put() const {
    for (size_t i = 0; i < sums.size(); ++i) out.Out<T>()[i] = FromDouble<T>(sums[i]);
  }
};

}  // namespace

void AttentionBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& grad_lse, const TensorView& q,
                          const TensorView& k, const TensorView& v, const TensorView& lse, const TensorView& cu_seqlens,
                          const TensorView& cu_seqlens_k, const TensorView* bias, double scale, bool causal,
                          int64_t window_left, int64_t window_right, const TensorView& grad_q, const TensorView& grad_k,
                          const TensorView& grad_v, const TensorView& grad_bias) {
  const Inputs in{q, k, v, cu_seqlens, cu_seqlens_k, bias, scale, causal, window_left, window_right};
  DispatchFloat(q.dtype, [&](auto type) {
    using T = decltype(type);
    Gradient to_q(grad_q), to_k(grad_k), to_v(grad_v), to_bias(grad_bias);
    ForEachHead<T>(in, [&](const Head<T>& head) {
      for (int64_t i = 0; i < head.queries; ++i) {
        const int64_t row = head.query + i, stat = row * q.size(1) + head.head;
        const double log_sum = WideAt(lse, stat);
        if (log_sum == -kInfinity) continue;
        const T* gradients = head.Row(grad_y, row, head.head);
        const auto weight = [&](int64_t j) { return std::exp(head.Score(i, j) - log_sum); };
        double sum = 0, pull = 0;
        for (int64_t j = head.window.First(i); j < head.window.End(i); ++j) {
          sum += weight(j);
          pull += weight(j) * head.Dot(grad_y, i, v, j);
        }
        if (sum == 0) continue;
        pull = pull / sum - WideAt(grad_lse, stat);
        for (int64_t j = head.window.First(i); j < head.window.End(i); ++j) {
          const double p = weight(j) / sum, s = p * (head.Dot(grad_y, i, v, j) - pull);
          const int64_t key = head.key + j;
          if (bias != nullptr) to_bias.At(head.BiasAt(i, j)) += s;
          for (int64_t d = 0; d < q.size(2); ++d) {
            to_q.At(row, head.head, d) += head.scale * s * ToDouble(head.Row(k, key, head.key_head)[d]);
            to_k.At(key, head.key_head, d) += head.scale * s * ToDouble(head.Row(q, row, head.head)[d]);
            to_v.At(key, head.key_head, d) += p * ToDouble(gradients[d]);
          }
        }
      }
    });
    for (const Gradient* gradient : {&to_q, &to_k, &to_v, &to_bias}) gradient->Put<T>();
  });
}

}  // namespace strata
