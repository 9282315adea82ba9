"""What the tests of routers share: cases to route, and comparison with what a slow reference says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Array = NDArray[np.float64]


def logit_cases(entries: int) -> Iterator[Tensor]:
    """Logits [N, entries], float32: no token, one token, many, ties everywhere, and far apart."""
    g = torch.Generator().manual_seed(entries)
    yield torch.randn(0, entries, generator=g)
    yield torch.randn(1, entries, generator=g)
    yield torch.randn(17, entries, generator=g)
    yield torch.randint(-1, 2, (17, entries), generator=g).float()
    yield 6 * torch.randn(9, entries, generator=g)


def as_identity(gate: nn.Linear) -> None:
    """Make a square gate the identity, so that a router's tokens are its logits."""
    with torch.no_grad():
        gate.weight.copy_(torch.eye(gate.weight.shape[0]))


def array(x: Tensor) -> Array:
    return np.asarray(x.detach().double().numpy(), dtype=np.float64)


def pairs(routing: Any) -> list[dict[int, float]]:
    """Weight of each expert that runs, for each token; the promises of `Routing` are looked at first."""
    routing.checked()
    rows = zip(routing.index.tolist(), routing.weight.detach().tolist(), routing.real.tolist(), strict=True)
    return [
        {e: w for e, w, r in zip(index, weight, real, strict=True) if r}
        for index, weight, real in rows
    ]


def number(x: Tensor) -> float:
    return float(x.detach())


def assert_same(
    got: Sequence[dict[int, float]], want: Sequence[dict[int, float]], scores: Array, tolerance: float = 1e-5
) -> None:
    """Demand the same experts with the same weights; experts of equal score [N, E] may stand for each other."""
    assert len(got) == len(want)
    for i, (mine, theirs) in enumerate(zip(got, want, strict=True)):
        ours = sorted((scores[i, e], w) for e, w in mine.items())
        refs = sorted((scores[i, e], w) for e, w in theirs.items())
        assert len(ours) == len(refs), f"token {i}: {mine} where the equation gives {theirs}"
        for a, b in zip(ours, refs, strict=True):
            assert abs(a[0] - b[0]) < tolerance and abs(a[1] - b[1]) < tolerance, f"token {i}: {mine}, not {theirs}"


def numeric_gradient(f: Callable[[Array], float], at: Array, step: float = 1e-5) -> Array:
    """Central differences of a scalar function of an array."""
    out = np.zeros_like(at)
    for i in np.ndindex(*at.shape):
        up, down = at.copy(), at.copy()
        up[i] += step
        down[i] -= step
        out[i] = (f(up) - f(down)) / (2 * step)
    return out


def close(a: Any, b: Any, tolerance: float = 1e-5) -> None:
    """Demand that two arrays or numbers agree, relative to the size of the second where that is over 1."""
    np.testing.assert_allclose(np.asarray(a, dtype=float), np.asarray(b, dtype=float), rtol=tolerance, atol=tolerance)
