"""Statistics of a router that gives each token a number of slots of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

from routelab.routing._base import TEXT, VISION


class Later(Mapping[str, Tensor]):
    """Numbers that are computed when the first of them is asked for: a decoding step that logs nothing pays nothing."""

    def __init__(self, compute: Callable[[], Mapping[str, Tensor]]) -> None:
        self._compute, self._numbers = compute, None

    _numbers: Mapping[str, Tensor] | None

    def _all(self) -> Mapping[str, Tensor]:
        if self._numbers is None:
            self._numbers = self._compute()
        return self._numbers

    def __getitem__(self, name: str) -> Tensor:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


def slot_statistics(
    w: Tensor, slots: Tensor, n_virtual: Tensor, most: int, modality: Tensor | None
) -> Mapping[str, Tensor]:
    """What is logged of importance w [N], slots K [N] and how many of them are virtual [N].

    Returns:
        Scalars importance_mean, importance_std, slots_mean, virtual_share, and slots_histogram int64 [most + 1]; with
        modalities also importance_mean, importance_std, slots_mean and real_mean of each, ending in _text and _vision.
    """
    return Later(lambda: _numbers(w, slots, n_virtual, most, modality))


def _numbers(
    w: Tensor, slots: Tensor, n_virtual: Tensor, most: int, modality: Tensor | None
) -> dict[str, Tensor]:
    everywhere = torch.ones_like(slots, dtype=torch.bool)
    numbers = {
        "importance_mean": _mean(w, everywhere),
        "importance_std": _spread(w, everywhere),
        "slots_mean": _mean(slots, everywhere),
        "virtual_share": n_virtual.sum() / slots.sum().clamp(min=1),
        "slots_histogram": torch.zeros(most + 1, dtype=torch.int64, device=w.device).index_add_(
            0, slots, torch.ones_like(slots)
        ),
    }
    if modality is not None:
        for name, which in (("text", TEXT), ("vision", VISION)):
            chosen = modality == which
            numbers[f"importance_mean_{name}"] = _mean(w, chosen)
            numbers[f"importance_std_{name}"] = _spread(w, chosen)
            numbers[f"slots_mean_{name}"] = _mean(slots, chosen)
            numbers[f"real_mean_{name}"] = _mean(slots - n_virtual, chosen)
    return numbers


def _mean(values: Tensor, chosen: Tensor) -> Tensor:
    """Mean over the chosen ones, 0 of none; no index by a mask, for which a GPU has to be waited for."""
    return (values.float() * chosen).sum() / chosen.sum().clamp(min=1)


def _spread(values: Tensor, chosen: Tensor) -> Tensor:
    """Standard deviation over the chosen ones, 0 for fewer than two."""
    return _mean((values.float() - _mean(values, chosen)).square(), chosen).sqrt()
