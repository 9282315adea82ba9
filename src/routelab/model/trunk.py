"""Convolutional trunks under the classifier heads: a small one for a CPU, and the CIFAR paper's ResNet-18."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from routelab._errors import BadShape


def _conv(a: int, b: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(a, b, 3, stride, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True))


class SmallTrunk(nn.Sequential):
    """Three convolutions of stride 2: images [B, 3, 32, 32] to features [B, d, 4, 4], about 2 MFLOP a picture."""

    def __init__(self, d: int = 128) -> None:
        if d < 8 or d % 8:
            raise BadShape(f"a trunk of width {d}", "give a multiple of 8")
        super().__init__(_conv(3, d // 8, 2), _conv(d // 8, d // 4, 2), _conv(d // 4, d, 2))
        self.d = d


class _Block(nn.Module):
    def __init__(self, a: int, b: int, stride: int) -> None:
        super().__init__()
        self.one = _conv(a, b, stride)
        self.two = nn.Sequential(nn.Conv2d(b, b, 3, 1, 1, bias=False), nn.BatchNorm2d(b))
        self.past: nn.Module = nn.Identity()
        if stride != 1 or a != b:
            self.past = nn.Sequential(nn.Conv2d(a, b, 1, stride, bias=False), nn.BatchNorm2d(b))

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.two(self.one(x)) + self.past(x))


class ResNet18(nn.Sequential):
    """ResNet-18 (arXiv 1512.03385) with the CIFAR stem of 2601.15021 (3x3, stride 1, no pooling): [B, 512, 4, 4]."""

    def __init__(self) -> None:
        widths, blocks, a = (64, 128, 256, 512), [], 64
        for i, b in enumerate(widths):
            blocks += [_Block(a, b, 2 if i else 1), _Block(b, b, 1)]
            a = b
        super().__init__(_conv(3, 64, 1), *blocks)
        self.d = 512
