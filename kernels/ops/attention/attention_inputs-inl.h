// The arguments of attention's forward and backward, and where a head's rows lie. Included once per SIMD target.
//
//   const Inputs<T> in{q, k, v, cu_seqlens, cu_seqlens_k, bias, scale, causal, left, right};
//   RowsOf<T>(in.k, run.key, key_head)(j);  // key j of a run
#if defined(STRATA_KERNELS_OPS_ATTENTION_INPUTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STRATA_KERNELS_OPS_ATTENTION_INPUTS_INL_H_
#undef STRATA_KERNELS_OPS_ATTENTION_INPUTS_INL_H_
#else
#define STRATA_KERNELS_OPS_ATTENTION_INPUTS_INL_H_
#endif

#include <cstdint>

#include "kernels/core/tensor_view.h"
#include "kernels/simd/attention-inl.h"
#include "kernels/simd/attention_plan.h"

HWY_BEFORE_NAMESPACE();
namespace strata {
namespace HWY_NAMESPACE {

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
template <class Type>
struct ForwardProblem {
  using T = Type;
  using F = ComputeType<T>;
  const Inputs<T>& in;
  const TensorView &y, &lse;

  int64_t runs() const { return in.cu_seqlens.size(0) - 1; }
  bool biased() const { return in.bias != nullptr; }
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

}  // namespace HWY_NAMESPACE
}  // namespace strata
HWY_AFTER_NAMESPACE();

#endif  // STRATA_KERNELS_OPS_ATTENTION_INPUTS_INL_H_
