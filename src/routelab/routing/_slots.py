"""Statistics of a router that gives each token a number of slots of its own."""

from __future__ import annotations

import torch
from torch import Tensor

from routelab.routing._base import TEXT, VISION


def spread(values: Tensor) -> Tensor:
    """Standard deviation over all values, 0 for fewer than two; a scalar."""
    return values.float().std(unbiased=False) if values.numel() > 1 else values.new_zeros((), dtype=torch.float32)


def slot_statistics(
    w: Tensor, slots: Tensor, n_virtual: Tensor, most: int, modality: Tensor | None
) -> dict[str, Tensor]:
    """What is logged of importance w [N], slots K [N] and how many of them are virtual [N].

    Returns:
        Scalars importance_mean, importance_std, slots_mean, virtual_share, and slots_histogram int64 [most + 1]; with
        modalities also importance_mean, importance_std, slots_mean and real_mean of each, ending in _text and _vision.
    """
    numbers = {
        "importance_mean": _mean(w),
        "importance_std": spread(w),
        "slots_mean": _mean(slots),
        "virtual_share": n_virtual.sum() / slots.sum().clamp(min=1),
        "slots_histogram": torch.bincount(slots, minlength=most + 1),
    }
    if modality is not None:
        for name, which in (("text", TEXT), ("vision", VISION)):
            chosen = modality == which
            numbers[f"importance_mean_{name}"] = _mean(w[chosen])
            numbers[f"importance_std_{name}"] = spread(w[chosen])
            numbers[f"slots_mean_{name}"] = _mean(slots[chosen])
            numbers[f"real_mean_{name}"] = _mean((slots - n_virtual)[chosen])
    return numbers


def _mean(values: Tensor) -> Tensor:
    """Mean, 0 of nothing."""
    return values.float().mean() if values.numel() else values.new_zeros((), dtype=torch.float32)
