"""Routers that a decoding step calls hand nothing from the device to Python, once their looks are left out."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from routelab import BadShape  # noqa: E402
from routelab.routing import Context, build, unchecked  # noqa: E402

#: What waits for a GPU: the size of its answer, or the answer itself, is needed by Python.
WAITS = {"_local_scalar_dense", "nonzero", "masked_select", "bincount", "unique", "_unique2", "is_nonzero", "equal"}


class Watch(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.waited: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        by_mask = name in ("index", "index_put", "index_put_") and any(
            isinstance(i, torch.Tensor) and i.dtype == torch.bool for i in args[1]
        )
        if name in WAITS or by_mask:
            self.waited.append(name)
        return func(*args, **(kwargs or {}))


ROUTERS: dict[str, dict[str, Any]] = {
    "topk": {"k": 3},
    "sigmoid_bias": {"k": 3},
    "fractional_k": {"mean_k": 2.5},
    "frozen_random": {"k": 3},
    "anyexperts": {"k_min": 3, "k_max": 5, "rho": 0.3},
    "smoes": {"k": 3, "n_bins": 4},
    "smar": {"k": 3},
    "random_k": {"k": 3},
    "hash": {"k": 3},
    "adamoe": {"k": 3, "n_null": 4},
    "top_p": {},
    "dtop_p": {"k": 3},
    "moepp": {"k": 3},
    "entropy_k": {"k_max": 4},
    "noisy_topk": {"k": 2},
    "posthoc_skip": {"k": 3, "tau_text": 0.1, "tau_vision": 0.2},
    "modality_k": {"k_text": 3, "k_vision": 2},
    "piggyback": {"k": 3, "k0": 2},
}


@pytest.mark.parametrize("name", ROUTERS)
def test_a_router_in_evaluation_waits_for_nothing(name: str) -> None:
    router = build(name, 16, 8, **ROUTERS[name]).eval()
    x, context = torch.randn(6, 16), Context(modality=torch.tensor([0, 0, 1, 1, 0, 1]), token=torch.arange(6))
    watch = Watch()
    with torch.no_grad(), unchecked(), watch:
        inside = router(x, context)
    assert watch.waited == []
    if name not in ("fractional_k", "random_k"):  # which draw
        outside = router(x, context)
        assert torch.equal(inside.index, outside.index)
        assert torch.equal(inside.weight, outside.weight)


def test_the_watch_sees_what_waits() -> None:
    router = build("topk", 16, 8, k=3).eval()
    watch = Watch()
    with torch.no_grad(), watch:
        routing = router(torch.randn(6, 16))  # with its look at the logits
        routing.load()
    assert {"index", "bincount"} <= set(watch.waited)
    assert len(watch.waited) >= 3


def test_the_looks_come_back_after_the_block_also_after_an_error() -> None:
    router, bad = build("topk", 16, 8, k=3), torch.full((2, 16), float("nan"))
    with pytest.raises(RuntimeError, match="in the middle"), unchecked():
        router(bad)
        raise RuntimeError("in the middle")
    with pytest.raises(BadShape, match="2 of 2 tokens"):
        router(bad)
