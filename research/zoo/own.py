"""Architectures written here, small: what libraries of models do not have, or not without more than is needed here."""

import torch
from torch import nn
from torch.nn import functional as F

from .cases import add, seeded


def _noise(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


class Block(nn.Module):
    """A residual block of a diffusion U-Net, told the time."""

    def __init__(self, inner, outer, time):
        super().__init__()
        self.one = nn.Sequential(nn.GroupNorm(4, inner), nn.SiLU(), nn.Conv2d(inner, outer, 3, padding=1))
        self.time = nn.Linear(time, outer)
        self.two = nn.Sequential(nn.GroupNorm(4, outer), nn.SiLU(), nn.Conv2d(outer, outer, 3, padding=1))
        self.skip = nn.Conv2d(inner, outer, 1) if inner != outer else nn.Identity()

    def forward(self, x, time):
        y = self.one(x) + self.time(F.silu(time))[:, :, None, None]
        return self.skip(x) + self.two(y)


class Look(nn.Module):
    """Self-attention over the pixels."""

    def __init__(self, width, heads=2):
        super().__init__()
        self.norm, self.qkv, self.out = (
            nn.GroupNorm(4, width),
            nn.Conv2d(width, 3 * width, 1),
            nn.Conv2d(width, width, 1),
        )
        self.heads = heads

    def forward(self, x):
        b, c, h, w = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(b, 3, self.heads, c // self.heads, h * w).transpose(-1, -2).unbind(1)
        y = F.scaled_dot_product_attention(q, k, v)
        return x + self.out(y.transpose(-1, -2).reshape(b, c, h, w))


class UNet(nn.Module):
    """DDPM's U-Net (Ho et al. 2020), two levels."""

    def __init__(self, width=16, time=32):
        super().__init__()
        self.width = width
        self.time = nn.Sequential(nn.Linear(width, time), nn.SiLU(), nn.Linear(time, time))
        self.first = nn.Conv2d(3, width, 3, padding=1)
        self.down1, self.shrink = Block(width, width, time), nn.Conv2d(width, width, 3, stride=2, padding=1)
        self.down2, self.look = Block(width, 2 * width, time), Look(2 * width)
        self.middle = Block(2 * width, 2 * width, time)
        self.grow = nn.Conv2d(2 * width, width, 3, padding=1)
        self.up = Block(2 * width, width, time)
        self.last = nn.Sequential(nn.GroupNorm(4, width), nn.SiLU(), nn.Conv2d(width, 3, 3, padding=1))

    def forward(self, x, t):
        half = self.width // 2
        frequencies = torch.exp(-9.21 * torch.arange(half) / half)
        angle = t[:, None].float() * frequencies
        time = self.time(torch.cat([angle.sin(), angle.cos()], -1))
        one = self.down1(self.first(x), time)
        two = self.middle(self.look(self.down2(self.shrink(one), time)), time)
        three = self.grow(F.interpolate(two, scale_factor=2.0, mode="nearest"))
        return self.last(self.up(torch.cat([three, one], 1), time))


class DiT(nn.Module):
    """A diffusion transformer (Peebles & Xie 2023): adaptive norms, told the time and a class."""

    def __init__(self, width=32, patch=4, size=16, heads=4, layers=2):
        super().__init__()
        self.patch, self.heads, self.grid = patch, heads, size // patch
        self.embed = nn.Conv2d(3, width, patch, stride=patch)
        self.place = nn.Parameter(torch.randn(1, self.grid**2, width) * 0.02)
        self.time, self.label = (
            nn.Sequential(nn.Linear(1, width), nn.SiLU(), nn.Linear(width, width)),
            nn.Embedding(10, width),
        )
        self.shifts = nn.ModuleList(nn.Linear(width, 6 * width) for _ in range(layers))
        self.qkv = nn.ModuleList(nn.Linear(width, 3 * width) for _ in range(layers))
        self.out = nn.ModuleList(nn.Linear(width, width) for _ in range(layers))
        self.mlp = nn.ModuleList(nn.Sequential(nn.Linear(width, 4 * width), nn.GELU("tanh"),
                                               nn.Linear(4 * width, width))
                                 for _ in range(layers))  # fmt: skip
        self.last = nn.Linear(width, patch * patch * 3)

    def forward(self, x, t, label):
        b = x.shape[0]
        h = self.embed(x).flatten(2).transpose(1, 2) + self.place
        c = self.time(t[:, None]) + self.label(label)
        for shift, qkv, out, mlp in zip(self.shifts, self.qkv, self.out, self.mlp):
            s1, g1, a1, s2, g2, a2 = shift(F.silu(c))[:, None].chunk(6, -1)
            y = F.layer_norm(h, h.shape[-1:]) * (1 + g1) + s1
            q, k, v = qkv(y).view(b, -1, 3, self.heads, h.shape[-1] // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
            y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
            h = h + a1 * out(y)
            h = h + a2 * mlp(F.layer_norm(h, h.shape[-1:]) * (1 + g2) + s2)
        y = self.last(F.layer_norm(h, h.shape[-1:])).view(b, self.grid, self.grid, self.patch, self.patch, 3)
        return y.permute(0, 5, 1, 3, 2, 4).reshape(b, 3, self.grid * self.patch, self.grid * self.patch)


class DLRM(nn.Module):
    """Recommendation (Naumov et al. 2019): tables, and products of all pairs."""

    def __init__(self, tables=4, rows=50, width=8):
        super().__init__()
        self.tables = nn.ModuleList(nn.EmbeddingBag(rows, width, mode="sum") for _ in range(tables))
        self.bottom = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, width), nn.ReLU())
        pairs = torch.tril_indices(tables + 1, tables + 1, -1)
        self.register_buffer("rows", pairs[0])
        self.register_buffer("columns", pairs[1])
        self.top = nn.Sequential(nn.Linear(width + len(pairs[0]), 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, dense, sparse):
        x = self.bottom(dense)
        all_rows = torch.stack([x] + [table(sparse[:, i]) for i, table in enumerate(self.tables)], 1)
        products = torch.bmm(all_rows, all_rows.transpose(1, 2))[:, self.rows, self.columns]
        return torch.sigmoid(self.top(torch.cat([x, products], 1)))


class Recurrent(nn.Module):
    def __init__(self, kind, bidirectional=False):
        super().__init__()
        self.embed = nn.Embedding(96, 16)
        self.body = kind(16, 24, num_layers=2, batch_first=True, bidirectional=bidirectional)
        self.head = nn.Linear(24 * (1 + bidirectional), 5)

    def forward(self, ids):
        return self.head(self.body(self.embed(ids))[0])


class GCN(nn.Module):
    """Two graph convolutions (Kipf & Welling 2017) over a dense, normalised adjacency."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(12, 16), nn.Linear(16, 4)

    def forward(self, x, adjacency):
        a = adjacency + torch.eye(adjacency.shape[-1])
        degree = a.sum(-1).rsqrt()
        a = a * degree[:, :, None] * degree[:, None, :]
        return F.log_softmax(a @ self.two(F.relu(a @ self.one(x))), -1)


class NeRF(nn.Module):
    """A radiance field (Mildenhall et al. 2020): encoded positions, and colours gathered along rays."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3 * 13, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 4))

    def forward(self, points):  # [B, samples, 3]
        scales = 2.0 ** torch.arange(6) * torch.pi
        angles = points[..., None] * scales
        code = torch.cat([points[..., None], angles.sin(), angles.cos()], -1).flatten(-2)
        colour, density = self.body(code).split([3, 1], -1)
        alpha = 1 - torch.exp(-F.relu(density[..., 0]) * 0.1)
        through = torch.cumprod(torch.cat([torch.ones_like(alpha[:, :1]), 1 - alpha + 1e-10], 1), 1)[:, :-1]
        return ((alpha * through)[..., None] * torch.sigmoid(colour)).sum(1)


class TCN(nn.Module):
    """Dilated causal convolutions over time (Bai et al. 2018)."""

    def __init__(self, width=16):
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv1d(4 if i == 0 else width, width, 3, dilation=2**i) for i in range(3))

    def forward(self, x):
        for i, layer in enumerate(self.layers):
            x = F.relu(layer(F.pad(x, (2 * 2**i, 0))))
        return x


class Autoencoder(nn.Module):
    """Convolutions down and transposed ones up."""

    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(
            nn.Conv2d(3, 8, 4, 2, 1), nn.BatchNorm2d(8), nn.LeakyReLU(0.2), nn.Conv2d(8, 16, 4, 2, 1)
        )
        self.up = nn.Sequential(nn.ConvTranspose2d(16, 8, 4, 2, 1), nn.InstanceNorm2d(8, affine=True), nn.ReLU(),
                                nn.ConvTranspose2d(8, 3, 4, 2, 1), nn.Tanh())  # fmt: skip

    def forward(self, x):
        return self.up(self.down(x))


class Voxels(nn.Module):
    """3-D convolutions and pooling."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv3d(1, 8, 3, padding=1), nn.BatchNorm3d(8), nn.ReLU(), nn.MaxPool3d(2),
                                  nn.Conv3d(8, 16, 3, padding=1), nn.ELU(), nn.AdaptiveAvgPool3d(1))  # fmt: skip
        self.head = nn.Linear(16, 5)

    def forward(self, x):
        return self.head(self.body(x).flatten(1))


class Mixer(nn.Module):
    """MLP-Mixer (Tolstikhin et al. 2021)."""

    def __init__(self, tokens=16, width=32):
        super().__init__()
        self.embed = nn.Conv2d(3, width, 4, stride=4)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.across = nn.Sequential(nn.Linear(tokens, 32), nn.GELU(), nn.Linear(32, tokens))
        self.along = nn.Sequential(nn.Linear(width, 64), nn.GELU(), nn.Linear(64, width))
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        h = self.embed(x).flatten(2).transpose(1, 2)
        h = h + self.across(self.norms[0](h).transpose(1, 2)).transpose(1, 2)
        h = h + self.along(self.norms[1](h))
        return self.head(self.norms[2](h).mean(1))


class VGG(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                                  nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(),
                                  nn.MaxPool2d(2), nn.AdaptiveAvgPool2d((2, 2)))  # fmt: skip
        self.head = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Dropout(), nn.Linear(32, 10))

    def forward(self, x):
        return self.head(torch.flatten(self.body(x), 1))


class SuperResolution(nn.Module):
    """Convolutions and a pixel shuffle, added to a bicubic picture (Shi et al. 2016)."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 16, 5, padding=2), nn.PReLU(), nn.Conv2d(16, 12, 3, padding=1))

    def forward(self, x):
        fine = F.pixel_shuffle(self.body(x), 2)
        return fine + F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def _one(name, make, *shape):
    def build():
        return seeded(make), {"x": _noise(*shape)}, {"x": {0: "B"}}

    add(name, "own", build)


def _recurrent(name, kind, **options):
    def build():
        ids = torch.randint(0, 96, (3, 6), generator=torch.Generator().manual_seed(1))
        return seeded(lambda: Recurrent(kind, **options)), {"ids": ids}, {"ids": {0: "B"}}

    add(name, "own", build)


add("ddpm_unet", "own", lambda: (seeded(UNet), {"x": _noise(2, 3, 16, 16), "t": torch.tensor([3, 700])},
                                 {"x": {0: "B"}, "t": {0: "B"}}))  # fmt: skip
add("dit", "own", lambda: (seeded(DiT), {"x": _noise(2, 3, 16, 16), "t": torch.tensor([0.1, 0.7]),
                           "label": torch.tensor([1, 9])},
                           {"x": {0: "B"}, "t": {0: "B"}, "label": {0: "B"}}))  # fmt: skip
add("dlrm", "own", lambda: (seeded(DLRM), {"dense": _noise(3, 5), "sparse": torch.randint(0, 50, (3, 4, 3))},
                            {"dense": {0: "B"}, "sparse": {0: "B"}}))  # fmt: skip
_recurrent("lstm", nn.LSTM)
_recurrent("lstm_both_ways", nn.LSTM, bidirectional=True)
_recurrent("gru", nn.GRU)
add("gcn", "own", lambda: (seeded(GCN), {"x": _noise(2, 9, 12), "adjacency": (_noise(2, 9, 9) > 0.5).float()},
                           {"x": {0: "B", 1: "S"}, "adjacency": {0: "B", 1: "S", 2: "S"}}))  # fmt: skip
add("nerf", "own", lambda: (seeded(NeRF), {"points": _noise(4, 8, 3)}, {"points": {0: "B"}}))
_one("tcn", TCN, 2, 4, 20)
_one("autoencoder", Autoencoder, 2, 3, 16, 16)
_one("voxels", Voxels, 2, 1, 8, 8, 8)
_one("mlp_mixer", Mixer, 2, 3, 16, 16)
_one("vgg", VGG, 2, 3, 16, 16)
_one("super_resolution", SuperResolution, 2, 3, 8, 8)
