"""What operators are measured on beside their own samples: rows as models have them, sums that cancel, values that are
extreme. `make(*shape)` is a random tensor of the measured dtype.

    args, attrs = inputs.LARGE["reduce"][0](make)
"""

import torch


def _tables(length, half):
    angles = torch.outer(torch.arange(float(length)), 1e4 ** -(torch.arange(half) / half))
    return angles.cos(), angles.sin()


def _runs(*ends):
    return [torch.tensor([0, *ends])] * 2


def _int8(rows, columns):
    generator = torch.Generator().manual_seed(rows)
    values = torch.randint(-128, 128, (rows, columns), generator=generator, dtype=torch.int8)
    return values, 0.01 * torch.rand(rows, generator=generator)


def _int4(rows, columns):
    generator = torch.Generator().manual_seed(rows)
    values = torch.randint(0, 256, (rows, columns // 2), generator=generator, dtype=torch.uint8)
    return values, 0.1 * torch.rand(columns // 32, rows, generator=generator), None


def _paged(make, *queries):
    """A decode step or a chunk of two sequences of 500 and 300 keys."""
    blocks = torch.randperm(64, generator=torch.Generator().manual_seed(1))
    starts = torch.tensor([0, *queries]).cumsum(0)
    caches = make(64, 16, 2, 64), make(64, 16, 2, 64)
    return (make(sum(queries), 8, 64), *caches, starts, blocks.view(2, 32), torch.tensor([500, 300])), {}


def _heads(make, length, heads, width):
    return tuple(make(length, heads, width) for _ in range(3))


def _norm(vectors):
    """Calls of a norm of x and so many vectors: rows as they are, short and long; far from zero, where deviations
    cancel; large and small."""
    kinds = ((768, 1, 0), (4096, 1, 0), (768, 1, 100), (768, 1e6, 0), (768, 1e-6, 0))
    return [lambda make, w=width, s=scale, o=offset: ((s * make(32, w) + o, *(make(w) for _ in range(vectors))), {})
            for width, scale, offset in kinds]


def _reduced(short, long, longest):
    """Calls of a reduction: every operation on a short row, sums of long ones, sums of one sign, and variances around a
    large mean."""
    words = ("sum", "mean", "sum_squares", "var", "std")
    return [*(lambda make, w=word: ((make(*short),), {"operation": w}) for word in words),
            lambda make: ((make(*long),), {}), lambda make: ((make(*longest),), {}),
            lambda make: ((make(*short).abs(),), {}), lambda make: ((make(*short) + 100,), {"operation": "var"})]


LARGE = {
    "add_group_norm": [lambda make: ((make(4, 64, 196), make(4, 64, 196), make(64), make(64)), {"groups": 8})],
    "add_layer_norm": [lambda make: ((make(64, 768), make(64, 768), make(768), make(768)), {}),
                       lambda make: ((make(64, 768) + 100, make(64, 768), make(768), make(768)), {})],
    "add_rms_norm": [lambda make: ((make(64, 768), make(64, 768), make(768)), {})],
    "attention": [lambda make: ((*_heads(make, 384, 4, 32), *_runs(128, 384)), {}),
                  lambda make: ((*_heads(make, 256, 4, 64), *_runs(256)), {"causal": True}),
                  # Sharp: few keys have all the weight.
                  lambda make: ((4 * make(128, 4, 64), *_heads(make, 128, 4, 64)[1:], *_runs(128)), {})],
    "batch_norm": [lambda make: ((make(4, 64, 49), make(64), make(64).abs() + 0.1, make(64), make(64)), {})],
    "cross_entropy": [lambda make: ((make(32, 4096), torch.arange(32) * 61), {}),
                      lambda make: ((20 * make(32, 1000), torch.arange(32) * 30), {})],
    "embedding": [lambda make: ((make(8, 64), torch.arange(4096) % 7), {})],
    "gelu": [lambda make: ((make(64, 1024),), {}), lambda make: ((4 * make(64, 1024),), {}),
             lambda make: ((1e-20 * make(64, 64),), {})],
    "group_norm": [lambda make: ((make(16, 64, 49), make(64), make(64)), {"groups": 8}),
                   lambda make: ((make(16, 64, 49) + 100, make(64), make(64)), {"groups": 8})],
    "l2_normalize": _norm(0),
    "layer_norm": _norm(2),
    "linear": [lambda make: ((make(64, 1536), make(384, 1536), make(384)), {}),
               # Rows far from zero: the products' sums cancel.
               lambda make: ((make(64, 768) + 30, make(96, 768), make(96)), {})],
    "linear_cross_entropy": [lambda make: ((make(64, 384), 0.1 * make(512, 384), torch.arange(64) * 7, make(512)), {})],
    "linear_half": [lambda make: ((make(64, 1536), make(384, 1536).half(), make(384)), {})],
    "linear_int4": [lambda make: ((make(64, 768), *_int4(256, 768), make(256)), {})],
    "linear_int8": [lambda make: ((make(64, 768), *_int8(256, 768), make(256)), {})],
    "log_softmax": [lambda make: ((make(32, 4096),), {}), lambda make: ((20 * make(32, 1000),), {})],
    "matmul": [lambda make: ((make(4, 64, 512), make(4, 512, 96)), {}),
               lambda make: ((make(2, 64, 64) + 30, make(2, 64, 64)), {})],
    "paged_attention": [lambda make: _paged(make, 1, 1), lambda make: _paged(make, 40, 24)],
    "reduce": _reduced((128, 384), (64, 4096), (4, 65536)),
    "reduce_outer": _reduced((1, 384, 128), (1, 4096, 64), (1, 65536, 4)),
    "rms_norm": _norm(1),
    "rotary": [lambda make: ((make(256, 4, 64), *_tables(256, 32), torch.arange(256)), {})],
    "segment_pool": [lambda make: ((make(1024, 96), torch.tensor([0, 128, 1024])), {}),
                     lambda make: ((make(1024, 96) + 10, torch.tensor([0, 128, 1024])), {"mode": "sum"})],
    "softmax": [lambda make: ((make(32, 4096),), {}), lambda make: ((20 * make(32, 1000),), {})],
}

# Operators on lists, which change their arguments or return one tensor.
LISTS = {
    "adamw": lambda make: ([*([make(37, 65), make(1000)] for _ in range(3)), [make(37, 65).abs(), make(1000).abs()]],
                           {"step": 7, "lr": 0.01}),
    "clip_grad_norm": lambda make: ([[make(37, 65), make(1000)]], {"max_norm": 1.5}),
    "concat": lambda make: ([[make(5, 7), make(5, 9)]], {"dim": 1}),
    "sgd": lambda make: ([[make(37, 65), make(1000)] for _ in range(3)], {"lr": 0.1, "momentum": 0.9}),
}
