#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/core/scalar.h"
#include "kernels/core/typed_kernel.h"
#include "kernels/ops/attention/attention.h"

namespace strata {
namespace {

int64_t OffsetAt(const TensorView& offsets, int64_t i) {
  return offsets.dtype == DType::kI32 ? offsets.In<int32_t>()[i] : offsets.In<int64_t>()[i];
}

// One head of one run: rows [begin, end).
template <class T>
struct Head {
  const TensorView &q, &k, &v;
  int64_t head, begin, end;
  double scale;
  bool causal;

  static const T* Row(const TensorView& view, int64_t i, int64_t head) {
    return view.In<T>() + i * view.stride(0) + head * view.stride(1);
  }
  double Dot(const TensorView& a, int64_t i, const TensorView& b, int64_t j) const {
    double sum = 0;
    for (int64_t d = 0; d < a.size(2); ++d) sum += ToDouble(Row(a, i, head)[d]) * ToDouble(Row(b, j, head)[d]);
    return sum;
  }
  int64_t End(int64_t i) const { return causal ? i + 1 : end; }
  // softmax_j of query i's scores, over the keys from `begin`.
  void Weights(int64_t i, double* weights) const {
    double max = -std::numeric_limits<double>::infinity(), sum = 0;
    for (int64_t j = begin; j < End(i); ++j) max = std::max(max, weights[j - begin] = scale * Dot(q, i, k, j));
    for (int64_t j = begin; j < End(i); ++j) sum += weights[j - begin] = std::exp(weights[j - begin] - max);
    for (int64_t j = begin; j < End(i); ++j) weights[j - begin] /= sum;
  }
};

template <class T, class Visit>
void ForEachHead(const TensorView& q, const TensorView& k, const TensorView& v, const TensorView& offsets, double scale,
                 bool causal, Visit visit) {
  if (scale == 0) scale = 1 / std::sqrt(static_cast<double>(q.size(2)));
  for (int64_t b = 0; b + 1 < offsets.size(0); ++b) {
    for (int64_t h = 0; h < q.size(1); ++h) {
      visit(Head<T>{q, k, v, h, OffsetAt(offsets, b), OffsetAt(offsets, b + 1), scale, causal});
    }
  }
}

}  // namespace

void AttentionRef(const OpContext&, const TensorView& q, const TensorView& k, const TensorView& v,
                  const TensorView& cu_seqlens, double scale, bool causal, const TensorView& y) {
  DispatchFloat(q.dtype, [&](auto type) {
    using T = decltype(type);
    ForEachHead<T>(q, k, v, cu_seqlens, scale, causal, [&](const Head<T>& head) {
      std::vector<double> weights(static_cast<size_t>(head.end - head.begin));
      for (int64_t i = head.begin; i < head.end; ++i) {
        head.Weights(i, weights.data());
        for (int64_t d = 0; d < q.size(2); ++d) {
          double total = 0;
          for (int64_t j = head.begin; j < head.End(i); ++j) {
            total += weights[static_cast<size_t>(j - head.begin)] * ToDouble(head.Row(v, j, head.head)[d]);
          }
          y.Out<T>()[i * y.stride(0) + head.head * y.stride(1) + d] = FromDouble<T>(total);
        }
      }
    });
  });
}

void AttentionBackwardRef(const OpContext&, const TensorView& grad_y, const TensorView& q, const TensorView& k,
                          const TensorView& v, const TensorView& cu_seqlens, double scale, bool causal,
                          const TensorView& grad_q, const TensorView& grad_k, const TensorView& grad_v) {
  DispatchFloat(q.dtype, [&](auto type) {
    using T = decltype(type);
    ForEachHead<T>(q, k, v, cu_seqlens, scale, causal, [&](const Head<T>& head) {
      const int64_t length = head.end - head.begin, h = head.head;
      std::vector<double> weights(static_cast<size_t>(length * length)), s(weights.size());
      const auto at = [&](int64_t i, int64_t j) {
        return static_cast<size_t>((i - head.begin) * length + j - head.begin);
      };
      for (int64_t i = head.begin; i < head.end; ++i) {
        double pull = 0;
        head.Weights(i, &weights[at(i, head.begin)]);
        for (int64_t j = head.begin; j < head.End(i); ++j) {
          pull += weights[at(i, j)] * head.Dot(grad_y, i, v, j);
        }
        for (int64_t j = head.begin; j < head.End(i); ++j) {
          s[at(i, j)] = head.scale * weights[at(i, j)] * (head.Dot(grad_y, i, v, j) - pull);
        }
      }
      for (int64_t i = head.begin; i < head.end; ++i) {
        for (int64_t d = 0; d < q.size(2); ++d) {
          double to_q = 0, to_k = 0, to_v = 0;
          for (int64_t j = head.begin; j < head.end; ++j) {
            to_q += s[at(i, j)] * ToDouble(head.Row(k, j, h)[d]);
            to_k += s[at(j, i)] * ToDouble(head.Row(q, j, h)[d]);
            to_v += weights[at(j, i)] * ToDouble(head.Row(grad_y, j, h)[d]);
          }
          const int64_t out = i * grad_q.stride(0) + h * grad_q.stride(1) + d;
          grad_q.Out<T>()[out] = FromDouble<T>(to_q);
          grad_k.Out<T>()[out] = FromDouble<T>(to_k);
          grad_v.Out<T>()[out] = FromDouble<T>(to_v);
        }
      }
    });
  });
}

}  // namespace strata
