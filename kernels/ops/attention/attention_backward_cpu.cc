#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ops/attention/attention_backward_cpu.cc"
#include <hwy/foreach_target.h>  // compiles this file again for every target

#include <algorithm>

#include "kernels/core/typed_kernel.h"
#include "kernels/ops/attention/attention.h"
#include "kernels/ops/attention/attention_inputs-inl.h"
#include "kernels/simd/attention_backward-inl.h"
#include "kernels/simd/attention_tasks-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {
namespace {

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
  HeadRows<T> bias_rows = {};
  F* to_biases = nullptr;
  int64_t bias_step = 0;
  if (in.bias != nullptr) {
    bias_rows = BiasRowsOf(in, run, key_head), bias_step = bias_rows.step;
    to_biases = biases + (bias_rows.data - in.bias->template In<T>());
  }
  for (int64_t head = key_head * in.group(); head < (key_head + 1) * in.group(); ++head) {
    const auto stat = [&](const TensorView& view) {
      return [data = view.In<F>() + run.query * in.heads() + head, step = in.heads()](size_t i) {
        return data[static_cast<int64_t>(i) * step];
      };
    };
    const auto queries = RowsOf<T>(in.q, run.query, head), grads = RowsOf<T>(results.grad_y, run.query, head);
    const auto out_rows = [&](size_t i) { return OutRow<T>(out.q, run.query + static_cast<int64_t>(i), head); };
    const auto put_bias = [&](size_t i, size_t key, size_t count, const F* gradients) {
      F* row = to_biases + static_cast<int64_t>(i) * bias_step + key;
      for (size_t j = 0; j < count; ++j) row[j] += gradients[j];
    };
    squares.Run(queries, grads, stat(results.lse), stat(results.grad_lse), in.bias != nullptr, bias_rows, put_bias,
                out_rows);
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

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata {

HWY_EXPORT(AttentionBackward);

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
