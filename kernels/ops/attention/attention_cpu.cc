#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/attention/attention_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include <algorithm>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/attention/attention.h"
#include "kernels/simd/attention-inl.h"
#include "kernels/simd/attention_backward-inl.h"
#include "kernels/simd/attention_forward-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

// What forward and backward share: the arguments, and where a head's rows lie.
template <class T>
struct Inputs {
  const TensorView &q, &k, &v, &cu_seqlens, &cu_seqlens_k;
  const TensorView* bias;
  double scale;
  bool causal;
  int64_t left, right;

  int64_t width() const { return q.size(2); }
  int64_t heads() const { return q.size(1); }
  int64_t key_heads() const { return k.size(1); }
  int64_t group() const { return heads() / key_heads(); }
  double Scale() const { return AttentionScale(scale, width()); }
};

struct Run {
  int64_t query, queries, key, keys;

  Run(const TensorView& cu_seqlens, const TensorView& cu_seqlens_k, int64_t b)
      : query(OffsetAt(cu_seqlens, b)),
        queries(OffsetAt(cu_seqlens, b + 1) - query),
        key(OffsetAt(cu_seqlens_k, b)),
        keys(OffsetAt(cu_seqlens_k, b + 1) - key) {}
};

template <class T>
KeyWindow WindowOf(const Inputs<T>& in, const Run& run) {
  KeyWindow window(run.queries, run.keys, in.causal, in.left, in.right);
  if (in.bias != nullptr) window.EndAt(in.bias->size(2));
  return window;
}

// Rows of a tensor [N, heads, D] from `row`.
template <class T>
HeadRows<T> RowsOf(const TensorView& view, int64_t row, int64_t head) {
  return {view.In<T>() + row * view.stride(0) + head * view.stride(1), view.stride(0)};
}
// A contiguous output's.
template <class T>
T* OutRow(const TensorView& view, int64_t row, int64_t head) {
  return view.Out<T>() + (row * view.size(1) + head) * view.size(2);
}
template <class T>
auto BiasRowsOf(const Inputs<T>& in, const Run& run, int64_t key_head) {
  const int64_t heads = in.bias->size(1), step = heads * in.bias->size(2);
  const int64_t head = key_head * heads / in.key_heads();
  return HeadRows<T>{in.bias->template In<T>() + run.query * step + head * in.bias->size(2), step};
}

// The forward as attention_forward-inl.h wants it.
template <class Type, bool kWithBias>
struct ForwardProblem {
  using T = Type;
  using F = ComputeType<T>;
  static constexpr bool kBias = kWithBias;
  const Inputs<T>& in;
  const TensorView &y, &lse;

  int64_t runs() const { return in.cu_seqlens.size(0) - 1; }
  int64_t group() const { return in.group(); }
  int64_t key_heads() const { return in.key_heads(); }
  int64_t width() const { return in.width(); }
  double scale() const { return in.Scale(); }
  Run At(int64_t b) const { return Run(in.cu_seqlens, in.cu_seqlens_k, b); }
  int64_t Queries(int64_t b) const { return At(b).queries; }
  KeyWindow Window(int64_t b) const { return WindowOf(in, At(b)); }
  const T* QueryRow(int64_t b, int64_t head, int64_t row) const {
    return RowsOf<T>(in.q, At(b).query + row / group(), head * group() + row % group())(0);
  }
  void AddRun(int64_t b, int64_t head, Stretches* to) const {
    const Run run = At(b);
    const auto add = [&](const TensorView& view, int64_t first, int64_t rows) {
      if (view.stride(1) != width() || rows * view.size(1) * width() > kRunAhead) return;
      const int64_t begin = rows * head / key_heads(), end = rows * (head + 1) / key_heads();
      to->Add(Stretch::Of(RowsOf<T>(view, first + begin, 0)(0), static_cast<size_t>(end - begin), view.stride(0),
                          static_cast<size_t>(view.size(1) * width())));
    };
    add(in.q, run.query, run.queries), add(in.k, run.key, run.keys), add(in.v, run.key, run.keys);
    add(y, run.query, run.queries);
  }
  static constexpr int64_t kRunAhead = 1 << 16;  // elements of a tensor: all four fit into the second level
  HeadRows<T> Keys(int64_t b, int64_t head) const { return RowsOf<T>(in.k, At(b).key, head); }
  HeadRows<T> Values(int64_t b, int64_t head) const { return RowsOf<T>(in.v, At(b).key, head); }
  int64_t KeyHeadStep() const { return in.k.stride(1); }
  int64_t ValueHeadStep() const { return in.v.stride(1); }
  const T* BiasRow(int64_t b, int64_t head, int64_t row) const {
    return BiasRowsOf(in, At(b), head)(static_cast<size_t>(row / group()));
  }
  T* YRow(int64_t b, int64_t head, int64_t row) const {
    return OutRow<T>(y, At(b).query + row / group(), head * group() + row % group());
  }
  void PutLse(int64_t b, int64_t head, int64_t row, F value) const {
    lse.Out<F>()[(At(b).query + row / group()) * in.heads() + head * group() + row % group()] = value;
  }
};

template <class T>
void RunForward(const OpContext& context, const Inputs<T>& in, const TensorView& y, const TensorView& lse) {
  if (lse.numel() == 0) return;  // with no columns, scores are zeros
  in.bias == nullptr ? RunAttention(context, ForwardProblem<T, false>{in, y, lse})
                     : RunAttention(context, ForwardProblem<T, true>{in, y, lse});
}

// What one thread computes at a time: the key heads that share a bias head, else one.
struct BackwardTask {
  Run run;
  int64_t first_head, heads;
};

struct Gradients {
  const TensorView &q, &k, &v, &bias;
};
struct Results {
  const TensorView &lse, &grad_y, &grad_lse;
};

template <class T>
void BackwardKeyHead(const Inputs<T>& in, const Results& results, const Gradients& out, const Run& run,
                     int64_t key_head, ComputeType<T>* biases, ComputeType<T>* space) {
  using F = ComputeType<T>;
  AttentionSquares<F> squares{.window = WindowOf(in, run),
                              .width = static_cast<size_t>(in.width()),
                              .queries = static_cast<size_t>(run.queries),
                              .keys = static_cast<size_t>(run.keys),
                              .scale = in.Scale()};
  const auto keys = RowsOf<T>(in.k, run.key, key_head), values = RowsOf<T>(in.v, run.key, key_head);
  squares.Begin(space, keys, values);
  for (int64_t head = key_head * in.group(); head < (key_head + 1) * in.group(); ++head) {
    const auto stat = [&](const TensorView& view) {
      return [data = view.In<F>() + run.query * in.heads() + head, step = in.heads()](size_t i) {
        return data[static_cast<int64_t>(i) * step];
      };
    };
    const auto queries = RowsOf<T>(in.q, run.query, head), grads = RowsOf<T>(results.grad_y, run.query, head);
    const auto out_rows = [&](size_t i) { return OutRow<T>(out.q, run.query + static_cast<int64_t>(i), head); };
    if (in.bias == nullptr) {
      const auto no_bias = [](size_t, size_t, size_t, const F*) {};
      squares.template Run<false>(queries, grads, stat(results.lse), stat(results.grad_lse), queries, no_bias,
                                  out_rows);
    } else {
      const int64_t step = in.bias->size(1) * in.bias->size(2);
      F* to = biases + run.query * step + key_head * in.bias->size(1) / in.key_heads() * in.bias->size(2);
      const auto put_bias = [&](size_t i, size_t key, size_t count, const F* gradients) {
        F* row = to + static_cast<int64_t>(i) * step + key;
        for (size_t j = 0; j < count; ++j) row[j] += gradients[j];
      };
      squares.template Run<true>(queries, grads, stat(results.lse), stat(results.grad_lse),
                                 BiasRowsOf(in, run, key_head), put_bias, out_rows);
    }
  }
  squares.PutKeys([&](size_t j) { return OutRow<T>(out.k, run.key + static_cast<int64_t>(j), key_head); },
                  [&](size_t j) { return OutRow<T>(out.v, run.key + static_cast<int64_t>(j), key_head); });
}

// grad_bias of one run and one bias head, summed in full width, as its dtype.
template <class T, class F>
void PutBias(const TensorView& grad_bias, const Run& run, int64_t head, const F* sums) {
  const hn::ScalableTag<F> d;
  const auto width = static_cast<size_t>(grad_bias.size(2));
  for (int64_t i = run.query; i < run.query + run.queries; ++i) {
    T* out = OutRow<T>(grad_bias, i, head);
    const F* from = sums + (out - grad_bias.Out<T>());
    Map(d, width, out, [&](auto at) HWY_ATTR { return at(from); });
  }
}

template <class T>
void RunBackward(const OpContext& context, const Inputs<T>& in, const Results& results, const Gradients& out) {
  using F = ComputeType<T>;
  const AttentionBackwardBytes bytes(in.width(), in.cu_seqlens_k, in.k.size(0), out.bias.numel(), sizeof(F));
  F* const biases = reinterpret_cast<F*>(context.workspace);
  std::fill(biases, biases + out.bias.numel(), F(0));
  if (in.key_heads() == 0) {
    std::fill_n(out.bias.Out<T>(), out.bias.numel(), T{});
    return;
  }
  const int64_t units = in.bias == nullptr ? in.key_heads() : in.bias->size(1);
  const auto each = [&](auto call) {
    for (int64_t b = 0; b + 1 < in.cu_seqlens.size(0); ++b) {
      const Run run(in.cu_seqlens, in.cu_seqlens_k, b);
      const int64_t heads = in.key_heads() / units;
      for (int64_t unit = 0; unit < units; ++unit) {
        call(BackwardTask{run, unit * heads, heads}, heads * (in.group() + 1) * (run.queries + 16) * (run.keys + 16));
      }
    }
  };
  SplitTasks(context, 1 + (1 << 17) / (in.width() + 16), each, [&](int chunk, const BackwardTask& task) {
    F* space = reinterpret_cast<F*>(context.workspace + bytes.bias + static_cast<size_t>(chunk) * bytes.thread);
    for (int64_t head = task.first_head; head < task.first_head + task.heads; ++head) {
      BackwardKeyHead(in, results, out, task.run, head, biases, space);
    }
    if (in.bias != nullptr) PutBias<T>(out.bias, task.run, task.first_head / task.heads, biases);
  });
}

void Attention(const OpContext& context, const TensorView& q, const TensorView& k, const TensorView& v,
               const TensorView& cu_seqlens, const TensorView& cu_seqlens_k, const TensorView* bias, double scale,
               bool causal, int64_t left, int64_t right, const TensorView& y, const TensorView& lse) {
  DispatchFloat(q.dtype, [&](auto type) {
    using T = decltype(type);
    RunForward(context, Inputs<T>{q, k, v, cu_seqlens, cu_seqlens_k, bias, scale, causal, left, right}, y, lse);
  });
}
void AttentionBackward(const OpContext& context, const TensorView& grad_y, const TensorView& grad_lse,
                       const TensorView& q, const TensorView& k, const TensorView& v, const TensorView& lse,
                       const TensorView& cu_seqlens, const TensorView& cu_seqlens_k, const TensorView* bias,
                       double scale, bool causal, int64_t left, int64_t right, const TensorView& grad_q,
                       const TensorView& grad_k, const TensorView& grad_v, const TensorView& grad_bias) {
  DispatchFloat(q.dtype, [&](auto type) {
    using T = decltype(type);
    RunBackward(context, Inputs<T>{q, k, v, cu_seqlens, cu_seqlens_k, bias, scale, causal, left, right},
                {lse, grad_y, grad_lse}, {grad_q, grad_k, grad_v, grad_bias});
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(Attention);
HWY_EXPORT(AttentionBackward);

void AttentionCpu(const OpContext& context, const TensorView& q, const TensorView& k, const TensorView& v,
                  const TensorView& cu_seqlens, const TensorView& cu_seqlens_k, const TensorView* bias, double scale,
                  bool causal, int64_t window_left, int64_t window_right, const TensorView& y, const TensorView& lse) {
  HWY_DYNAMIC_DISPATCH(Attention)
  (context, q, k, v, cu_seqlens, cu_seqlens_k, bias, scale, causal, window_left, window_right, y, lse);
}

void AttentionBackwardCpu(const OpContext& context, const TensorView& grad_y, const TensorView& grad_lse,
                          const TensorView& q, const TensorView& k, const TensorView& v, const TensorView& lse,
                          const TensorView& cu_seqlens, const TensorView& cu_seqlens_k, const TensorView* bias,
                          double scale, bool causal, int64_t window_left, int64_t window_right,
                          const TensorView& grad_q, const TensorView& grad_k, const TensorView& grad_v,
                          const TensorView& grad_bias) {
  HWY_DYNAMIC_DISPATCH(AttentionBackward)
  (context, grad_y, grad_lse, q, k, v, lse, cu_seqlens, cu_seqlens_k, bias, scale, causal, window_left, window_right,
   grad_q, grad_k, grad_v, grad_bias);
}

}  // namespace strata
#endif  // HWY_ONCE
