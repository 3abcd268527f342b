"""mandelbrot in plain PyTorch: the definition that the tests compare the kernels with."""

import torch


def eager(re, im, max_iterations=1000):
    """`re` [W], `im` [H] -> [H, W] int32: the steps of z' = z^2 + c that each point stays within |z|^2 <= 4."""
    cr, ci = torch.broadcast_tensors(re[None, :], im[:, None])
    zr, zi = torch.zeros_like(cr), torch.zeros_like(ci)
    counts = torch.zeros(cr.shape, dtype=torch.int32)
    for _ in range(max_iterations):
        inside = zr * zr + zi * zi <= 4
        if not inside.any():
            break
        counts += inside
        zr, zi = zr * zr - zi * zi + cr, 2 * zr * zi + ci
    return counts


def samples(make):
    """Argument lists for the generated tests; `make(*shape)` is a random tensor of the tested dtype."""
    yield (make(8), make(3)), {"max_iterations": 20}
    yield (make(67) * 0.75, make(33) * 0.5), {"max_iterations": 40}
    yield (make(17), make(0)), {}
    yield (make(1) * 0, make(1) * 0), {}
    yield (make(5), make(4)), {"max_iterations": 0}
