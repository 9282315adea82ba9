"""What routing came to over many batches: work, load and specialisation, summed as counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from routelab.routing import Routing, modality_specialisation_index

MODALITIES = ("text", "vision")


class Tally:
    """Counts over the MoE layers of a model. `summary` gives them as numbers."""

    def __init__(self) -> None:
        self.load: Tensor | None = None  # float64 [layers, 2, E]: real slots by modality of the token
        self.tokens = torch.zeros(2, dtype=torch.int64)
        self.slots: Tensor | None = None  # int64 [2, K_max + 1]: tokens by their number of real experts
        self.distinct: list[list[int]] = []
        self.importance: list[float] = []

    @torch.no_grad()
    def add(self, routings: Sequence[Routing], modality: Tensor) -> None:
        """Count one pass.

        Args:
            routings: one per MoE layer. modality: int64 [N] of their tokens.
        """
        if not routings:
            return
        e, k = routings[0].n_experts, max(r.k_max for r in routings)
        if self.load is None or self.slots is None:
            self.load = torch.zeros(len(routings), 2, e, dtype=torch.float64)
            self.slots = torch.zeros(2, k + 1, dtype=torch.int64)
        self.tokens += torch.bincount(modality, minlength=2).cpu()
        for layer, r in enumerate(routings):
            key = (modality[:, None] * e + r.index)[r.real]
            counts = torch.bincount(key, minlength=2 * e).view(2, e).cpu()
            self.load[layer] += counts
            number = modality * (k + 1) + r.real.sum(1)
            self.slots += torch.bincount(number, minlength=2 * (k + 1)).view(2, k + 1).cpu()
            if "importance_std" in r.statistics:
                self.importance.append(float(r.statistics["importance_std"]))
        self.distinct.append([int((r.load() > 0).sum()) for r in routings])

    def mean_real(self) -> float:
        """Real expert executions per token and MoE layer; 0 where nothing was routed."""
        tokens = int(self.tokens.sum())
        return 0.0 if self.load is None or not tokens else float(self.load.sum() / (tokens * self.load.shape[0]))

    def summary(self) -> dict[str, Any]:
        """The counts as numbers; empty where nothing was routed."""
        if self.load is None or self.slots is None:
            return {}
        layers = self.load.shape[0]
        by_layer = self.load.sum(1)  # [layers, E]
        mean = by_layer.mean(1, keepdim=True).clamp(min=1e-12)
        index = [float(modality_specialisation_index(load)) for load in self.load]
        share = by_layer / by_layer.sum(1, keepdim=True).clamp(min=1)
        entropy = torch.special.entr(share).sum(1) / torch.log(torch.tensor(float(max(2, share.shape[1]))))
        numbers: dict[str, Any] = {
            "mean_real": self.mean_real(),
            "mean_real_by_layer": (by_layer.sum(1) / max(1, int(self.tokens.sum()))).tolist(),
            "mean_real_by_modality": {
                name: float(self.load[:, m].sum() / max(1, int(self.tokens[m]) * layers))
                for m, name in enumerate(MODALITIES)
            },
            "tokens_by_modality": dict(zip(MODALITIES, self.tokens.tolist(), strict=True)),
            "slots_histogram": {name: self.slots[m].tolist() for m, name in enumerate(MODALITIES)},
            "msi": sum(index) / layers,
            "msi_by_layer": index,
            "load_cv": float((by_layer.std(1, unbiased=False) / mean[:, 0]).mean()),
            "load_max_over_mean": float((by_layer.max(1).values / mean[:, 0]).max()),
            "dead_experts": int((by_layer < 0.01 * mean).sum()),
            "load_entropy": float(entropy.mean()),
            "distinct_experts_mean": float(torch.tensor(self.distinct, dtype=torch.float64).mean()),
            "load_by_layer_and_modality": self.load.to(torch.int64).tolist(),
        }
        if self.importance:
            numbers["importance_std"] = sum(self.importance) / len(self.importance)
        return numbers
