"""segment_positions in plain PyTorch: the definition that the tests compare the kernels with."""

import torch


def eager(like, cu_seqlens):
    """`like` [N] integers, `cu_seqlens` [B+1] -> [N], the index of each row within its segment."""
    rows = torch.arange(like.shape[0])
    segment = torch.searchsorted(cu_seqlens.long()[1:], rows, right=True)
    return (rows - cu_seqlens.long()[segment]).to(like.dtype)


def samples(make):
    """Argument lists for the generated tests; there is no float argument to `make`."""
    yield (torch.zeros(7, dtype=torch.int64), torch.tensor([0, 3, 3, 7])), {}
    yield (torch.ones(5, dtype=torch.int32), torch.tensor([0, 5], dtype=torch.int32)), {}
    yield (torch.ones(4, dtype=torch.int32), torch.tensor([0, 0, 1, 4, 4])), {}
    yield (torch.zeros(0, dtype=torch.int64), torch.tensor([0])), {}
    yield (torch.zeros(300, dtype=torch.int64), torch.arange(0, 301, 30)), {}
