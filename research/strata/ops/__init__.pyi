# Made by `python -m strata.ops.stubs` from the operators' table. Do not edit.
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any, Literal

from torch import Tensor

from ._schema import Schema
from ._which import Choice

schemas: dict[str, Schema]

def definition(name: str) -> ModuleType | None: ...
def which(name: str | Callable[..., Any], *args: Any, **attrs: Any) -> Choice: ...
def load_tuning(text: str) -> None: ...
def prepared_weights(enabled: bool) -> AbstractContextManager[None]: ...

# An operator that is newer than this file.
def __getattr__(name: str) -> Callable[..., Any]: ...

def adamw(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    exp_avgs: Sequence[Tensor],
    exp_avg_sqs: Sequence[Tensor],
    max_exp_avg_sqs: Sequence[Tensor] = (),
    step: int = 1,
    lr: float = 0.001,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-08,
    weight_decay: float = 0.01,
    maximize: bool = False,
) -> None:
    """one AdamW step on every tensor of the lists"""

def add(x: Tensor, y: Tensor) -> Tensor:
    """z = x + y"""

def add_group_norm(
    x: Tensor,
    residual: Tensor,
    weight: Tensor,
    bias: Tensor,
    groups: int = 1,
    eps: float = 1e-05,
    activation: Literal["none", "silu"] | int = "none",
) -> tuple[Tensor, Tensor]:
    """y = silu or nothing of (s - mean) / sqrt(var + eps) * weight[c] + bias[c] and s, where s = x + residual"""

def add_group_norm_backward(
    grad_y: Tensor,
    grad_sum: Tensor,
    sum: Tensor,
    weight: Tensor,
    bias: Tensor,
    groups: int = 1,
    eps: float = 1e-05,
    activation: Literal["none", "silu"] | int = "none",
) -> tuple[Tensor, Tensor, Tensor]:
    """gradients of add_group_norm; grad_x is the residual's, too"""

def add_layer_norm(
    x: Tensor,
    residual: Tensor,
    weight: Tensor,
    bias: Tensor,
    eps: float = 1e-05,
) -> tuple[Tensor, Tensor]:
    """y = (s - mean_d(s)) / sqrt(var_d(s) + eps) * weight[d] + bias[d] and s, where s = x + residual"""

def add_layer_norm_backward(
    grad_y: Tensor,
    grad_sum: Tensor,
    sum: Tensor,
    weight: Tensor,
    eps: float = 1e-05,
) -> tuple[Tensor, Tensor, Tensor]:
    """gradients of add_layer_norm; grad_x is the residual's, too"""

def add_rms_norm(x: Tensor, residual: Tensor, weight: Tensor, eps: float = 1e-06) -> tuple[Tensor, Tensor]:
    """y = s / sqrt(mean_d(s^2) + eps) * weight[d] and s, where s = x + residual"""

def add_rms_norm_backward(
    grad_y: Tensor,
    grad_sum: Tensor,
    sum: Tensor,
    weight: Tensor,
    eps: float = 1e-06,
) -> tuple[Tensor, Tensor]:
    """gradients of add_rms_norm; grad_x is the residual's, too"""

def append_kv(
    k_cache: Tensor,
    v_cache: Tensor,
    k: Tensor,
    v: Tensor,
    cu_seqlens: Tensor,
    block_tables: Tensor,
    context_lens: Tensor,
) -> None:
    """k_cache[block_tables[b, j // L], j % L] = k[i], v_cache alike: row i of sequence b is key j = context_lens[b]
    - rows of b + i"""

def argmax(x: Tensor, smallest: bool = False) -> Tensor:
    """index[...] = the first r with the largest (smallest) x[..., r]"""

def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    cu_seqlens: Tensor,
    cu_seqlens_k: Tensor,
    bias: Tensor | None = None,
    scale: float = 0.0,
    causal: bool = False,
    window_left: int = -1,
    window_right: int = -1,
) -> tuple[Tensor, Tensor]:
    """y[i, h] = sum_j softmax_j(scale * q[i, h] . k[j] + bias[i, ., j]) v[j], j in i's run, as causal and the window
    allow; lse[i, h] = log sum_j exp(...); scale 0 stands for 1 / sqrt(D)"""

def attention_backward(
    grad_y: Tensor,
    grad_lse: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    lse: Tensor,
    cu_seqlens: Tensor,
    cu_seqlens_k: Tensor,
    bias: Tensor | None = None,
    scale: float = 0.0,
    causal: bool = False,
    window_left: int = -1,
    window_right: int = -1,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """gradients of attention"""

def batch_norm(
    x: Tensor,
    mean: Tensor,
    var: Tensor,
    weight: Tensor,
    bias: Tensor,
    residual: Tensor | None = None,
    eps: float = 1e-05,
    activation: Literal["none", "relu"] | int = "none",
) -> Tensor:
    """y = relu or nothing of (x - mean[c]) / sqrt(var[c] + eps) * weight[c] + bias[c] + residual"""

def batch_norm_backward(
    grad_y: Tensor,
    x: Tensor,
    mean: Tensor,
    var: Tensor,
    weight: Tensor,
    y: Tensor,
    eps: float = 1e-05,
    activation: Literal["none", "relu"] | int = "none",
    need_residual: int = 1,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """gradients of batch_norm"""

def clip_grad_norm(grads: Sequence[Tensor], max_norm: float = 1.0) -> Tensor:
    """norm = |grads|; grads *= min(1, max_norm / (norm + 1e-6))"""

def concat(xs: Sequence[Tensor], dim: int = 0) -> Tensor:
    """y = the tensors of xs, one after the other along dim"""

def convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride_d: int = 1,
    stride_h: int = 1,
    stride_w: int = 1,
    padding_d: int = 0,
    padding_h: int = 0,
    padding_w: int = 0,
    dilation_d: int = 1,
    dilation_h: int = 1,
    dilation_w: int = 1,
    groups: int = 1,
    activation: Literal["none", "gelu", "gelu_tanh", "relu", "silu"] | int = "none",
) -> Tensor:
    """y[n, o, i, j, k] = activation(sum_(c, r, s, t) x[n, c, i * stride_d + r * dilation_d - padding_d, ...] *
    weight[o, c, r, s, t] + bias[o])"""

def copy(x: Tensor) -> Tensor:
    """y = x, laid out row by row"""

def cross_entropy(
    logits: Tensor,
    target: Tensor,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """loss[n] = log(sum_c(exp(logits[n, c]))) - logits[n, target[n]]; stats[n]: maximum, sum of exponentials"""

def cross_entropy_backward(
    grad_loss: Tensor,
    logits: Tensor,
    target: Tensor,
    stats: Tensor,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Tensor:
    """gradient of cross_entropy"""

def cumsum(x: Tensor, reverse: bool = False) -> Tensor:
    """y[..., r] = sum_(s <= r) x[..., s], or over s >= r with reverse"""

def embedding(weight: Tensor, ids: Tensor) -> Tensor:
    """y[...] = weight[ids[...]]"""

def embedding_backward(grad_y: Tensor, weight: Tensor, ids: Tensor) -> Tensor:
    """gradient of embedding"""

def gather(x: Tensor, index: Tensor) -> Tensor:
    """y[..., k] = x[..., index[..., k]]"""

def gather_backward(grad_y: Tensor, x: Tensor, index: Tensor) -> Tensor:
    """gradient of gather"""

def gelu(x: Tensor, approximate: Literal["none", "tanh"] | int = "none") -> Tensor:
    """y = x / 2 * (1 + erf(x / sqrt(2))), or x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))"""

def gelu_backward(grad_y: Tensor, x: Tensor, approximate: Literal["none", "tanh"] | int = "none") -> Tensor:
    """gradient of gelu"""

def group_norm(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    groups: int = 1,
    eps: float = 1e-05,
    activation: Literal["none", "silu"] | int = "none",
) -> Tensor:
    """y = silu or nothing of (x - mean) / sqrt(var + eps) * weight[c] + bias[c], over C / groups channels and S"""

def group_norm_backward(
    grad_y: Tensor,
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    groups: int = 1,
    eps: float = 1e-05,
    activation: Literal["none", "silu"] | int = "none",
) -> tuple[Tensor, Tensor, Tensor]:
    """gradients of group_norm"""

def l2_normalize(x: Tensor, eps: float = 1e-12) -> Tensor:
    """y = x / max(sqrt(sum_d(x^2)), eps)"""

def l2_normalize_backward(grad_y: Tensor, x: Tensor, eps: float = 1e-12) -> Tensor:
    """gradient of l2_normalize"""

def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float = 1e-05) -> Tensor:
    """y = (x - mean_d(x)) / sqrt(var_d(x) + eps) * weight[d] + bias[d]"""

def layer_norm_backward(grad_y: Tensor, x: Tensor, weight: Tensor, eps: float = 1e-05) -> tuple[Tensor, Tensor, Tensor]:
    """gradients of layer_norm"""

def linear(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    gate: Tensor | None = None,
    residual: Tensor | None = None,
    activation: Literal["none", "gelu", "gelu_tanh", "relu", "silu"] | int = "none",
) -> Tensor:
    """y[..., o] = activation(sum_k(x[..., k] * weight[o, k]) + bias[o]) * gate[..., o] + residual[..., o]"""

def linear_backward(
    grad_y: Tensor,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    gate: Tensor | None = None,
    before: Tensor | None = None,
    activation: Literal["none", "gelu", "gelu_tanh", "relu", "silu"] | int = "none",
    need_x: int = 1,
    need_weight: int = 1,
    need_bias: int = 1,
    need_gate: int = 1,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """gradients of linear"""

def linear_training(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    gate: Tensor | None = None,
    residual: Tensor | None = None,
    activation: Literal["none", "gelu", "gelu_tanh", "relu", "silu"] | int = "none",
) -> tuple[Tensor, Tensor]:
    """linear's y, and before[..., o] = sum_k(x[..., k] * weight[o, k]) + bias[o], which its gradient needs"""

def linear_cross_entropy(
    x: Tensor,
    weight: Tensor,
    target: Tensor,
    bias: Tensor | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: Literal["mean", "sum"] | int = "mean",
    gradients: int = 1,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """loss = mean_n(cross_entropy(x weight^T + bias, target)[n]), and its gradients"""

def linear_cross_entropy_backward(
    grad_loss: Tensor,
    x_grad: Tensor,
    weight_grad: Tensor,
    bias_grad: Tensor,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: Literal["mean", "sum"] | int = "mean",
) -> tuple[Tensor, Tensor, Tensor]:
    """gradients of linear_cross_entropy"""

def linear_half(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    activation: Literal["none", "gelu", "gelu_tanh", "relu", "silu"] | int = "none",
) -> Tensor:
    """y[..., o] = activation(sum_k(x[..., k] * weight[o, k]) + bias[o]), weight in float16 or bfloat16"""

def linear_int4(
    x: Tensor,
    weight: Tensor,
    scale: Tensor,
    zero: Tensor | None = None,
    bias: Tensor | None = None,
    blocks: int = 1,
    activation: Literal["none", "gelu", "gelu_tanh", "relu", "silu"] | int = "none",
) -> Tensor:
    """y[..., o] = activation(sum_g(sum_k(a[..., k] * (q[o, k] - zero[g, o])) * s[..., g] * scale[g, o]) + bias[o]);
    a, s: x as int8 in groups of 32 * blocks; q: weight, two in a byte"""

def linear_int8(
    x: Tensor,
    weight: Tensor,
    scale: Tensor,
    bias: Tensor | None = None,
    activation: Literal["none", "gelu", "gelu_tanh", "relu", "silu"] | int = "none",
) -> Tensor:
    """y[..., o] = activation(sum_k(q[..., k] * weight[o, k]) * s[...] * scale[o] + bias[o]); q, s: x as int8"""

def log_softmax(x: Tensor) -> Tensor:
    """y = x - max_d(x) - log(sum_d(exp(x - max_d(x))))"""

def log_softmax_backward(grad_y: Tensor, y: Tensor) -> Tensor:
    """gradient of log_softmax"""

def mandelbrot(re: Tensor, im: Tensor, max_iterations: int = 1000) -> Tensor:
    """counts[h, w] = the first n with |z_n|^2 > 4 in z' = z^2 + (re[w] + i im[h]), at most max_iterations"""

def matmul(a: Tensor, b: Tensor) -> Tensor:
    """c[..., m, n] = sum_k(a[..., m, k] * b[..., k, n])"""

def matmul_backward(grad_c: Tensor, a: Tensor, b: Tensor, need_a: int = 1, need_b: int = 1) -> tuple[Tensor, Tensor]:
    """gradients of matmul"""

def paged_attention(
    q: Tensor,
    k_cache: Tensor,
    v_cache: Tensor,
    cu_seqlens: Tensor,
    block_tables: Tensor,
    context_lens: Tensor,
    scale: float = 0.0,
    causal: bool = True,
    window_left: int = -1,
) -> Tensor:
    """y[i, h] = sum_j softmax_j(scale * q[i, h] . key[j]) value[j], key j of sequence b in k_cache[block_tables[b, j
    // L], j % L]; scale 0 stands for 1 / sqrt(D)"""

def pointwise(inputs: Sequence[Tensor], program: str = '') -> list[Tensor]:
    """outputs = program(inputs), element by element; inputs broadcast"""

def pool(
    x: Tensor,
    operation: Literal["max", "mean"] | int = "max",
    kernel_d: int = 1,
    kernel_h: int = 1,
    kernel_w: int = 1,
    stride_d: int = 1,
    stride_h: int = 1,
    stride_w: int = 1,
    padding_d: int = 0,
    padding_h: int = 0,
    padding_w: int = 0,
    count_outside: bool = True,
    divisor: int = 0,
) -> Tensor:
    """y[n, c, i, j, k] = the max (mean) of x[n, c, i * stride_d + r - padding_d, ...] over the kernel's r, s, t"""

def reduce(
    x: Tensor,
    operation: Literal["sum", "mean", "max", "min", "sum_squares", "var", "std"] | int = "sum",
    correction: int = 1,
) -> Tensor:
    """y[...] = the sum (mean, max, ...) of x[..., r] over r"""

def reduce_backward(
    grad_y: Tensor,
    x: Tensor,
    y: Tensor,
    operation: Literal["sum", "mean", "max", "min", "sum_squares", "var", "std"] | int = "sum",
    correction: int = 1,
) -> Tensor:
    """gradient of reduce"""

def reduce_outer(
    x: Tensor,
    operation: Literal["sum", "mean", "max", "min", "sum_squares", "var", "std"] | int = "sum",
    correction: int = 1,
) -> Tensor:
    """y[a, b] = the sum (mean, max, ...) of x[a, r, b] over r"""

def reduce_outer_backward(
    grad_y: Tensor,
    x: Tensor,
    y: Tensor,
    operation: Literal["sum", "mean", "max", "min", "sum_squares", "var", "std"] | int = "sum",
    correction: int = 1,
) -> Tensor:
    """gradient of reduce_outer"""

def rms_norm(x: Tensor, weight: Tensor, eps: float = 1e-06) -> Tensor:
    """y[..., d] = x[..., d] / sqrt(mean_d(x[..., d]^2) + eps) * weight[d]"""

def rms_norm_backward(grad_y: Tensor, x: Tensor, weight: Tensor, eps: float = 1e-06) -> tuple[Tensor, Tensor]:
    """gradients of rms_norm"""

def rotary(
    x: Tensor,
    cos: Tensor,
    sin: Tensor,
    positions: Tensor,
    pairs: Literal["half", "interleaved"] | int = "half",
) -> Tensor:
    """y = x with pairs of elements turned by their token's angles"""

def rotary_backward(
    grad_y: Tensor,
    cos: Tensor,
    sin: Tensor,
    positions: Tensor,
    pairs: Literal["half", "interleaved"] | int = "half",
) -> Tensor:
    """gradient of rotary"""

def sample(
    logits: Tensor,
    seed: Tensor,
    position: Tensor,
    temperature: Tensor | None = None,
    top_k: Tensor | None = None,
    top_p: Tensor | None = None,
) -> Tensor:
    """token[b] ~ softmax(logits[b] / temperature[b]), cut by top_k and top_p"""

def segment_pool(x: Tensor, cu_seqlens: Tensor, mode: Literal["mean", "sum", "max", "first"] | int = "mean") -> Tensor:
    """y[b] = mean, sum, maximum or first of x[n] over cu_seqlens[b] <= n < cu_seqlens[b + 1]"""

def segment_pool_backward(
    grad_y: Tensor,
    x: Tensor,
    cu_seqlens: Tensor,
    mode: Literal["mean", "sum", "max", "first"] | int = "mean",
) -> Tensor:
    """gradient of segment_pool"""

def segment_positions(like: Tensor, cu_seqlens: Tensor) -> Tensor:
    """positions[n] = n - cu_seqlens[b] for cu_seqlens[b] <= n < cu_seqlens[b + 1]"""

def sgd(
    params: Sequence[Tensor],
    grads: Sequence[Tensor],
    momentum_buffers: Sequence[Tensor] = (),
    lr: float = 0.001,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
    maximize: bool = False,
    first: bool = False,
) -> None:
    """one step of gradient descent on every tensor of the lists"""

def softmax(x: Tensor) -> Tensor:
    """y = exp(x - max_d(x)) / sum_d(exp(x - max_d(x)))"""

def softmax_backward(grad_y: Tensor, y: Tensor) -> Tensor:
    """gradient of softmax"""

def top_k(x: Tensor, k: int = 1, smallest: bool = False) -> tuple[Tensor, Tensor]:
    """values[..., j], indices[..., j]: the j-th largest (smallest) x[..., r]"""

def top_k_backward(grad_values: Tensor, x: Tensor, indices: Tensor, k: int = 1, smallest: bool = False) -> Tensor:
    """gradient of top_k"""
