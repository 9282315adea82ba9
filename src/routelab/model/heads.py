"""Classifier heads on a convolutional trunk: those of the CIFAR paper, and what they are to be compared with.

Source: arXiv 2601.15021 and its released code. Every head is `(features [B, d, h, w]) -> HeadOutput`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from routelab._errors import BadShape
from routelab.dispatch import Experts, SoftMoELayer
from routelab.routing import NoisyTopK, Routing, SoftSlots

Run = Literal["naive", "sorted", "grouped", "mixture"]
RUNS: tuple[Run, ...] = ("naive", "sorted", "grouped", "mixture")


@dataclass(frozen=True)
class HeadOutput:
    """Class logits [B, C], the head's penalty (scalar, 0 without one) and, of routed heads, the routing.

    `share` is float [E], the mean gate of each expert, where there are experts for a sample.
    """

    logits: Tensor
    penalty: Tensor
    routing: Routing | None = None
    share: Tensor | None = None
    statistics: Mapping[str, Tensor] = field(default_factory=dict)


class ExpertHeads(nn.Module):
    """E small classifiers d -> hidden -> ReLU -> dropout -> C, with biases, as stacked weights.

    Attributes:
        w_in: [E, d, hidden]. b_in: [E, hidden]. w_out: [E, hidden, C]. b_out: [E, C]. Started as `nn.Linear` starts.
    """

    def __init__(self, n_experts: int, d: int, hidden: int, classes: int, dropout: float = 0.1) -> None:
        super().__init__()
        if min(n_experts, d, hidden, classes) < 1:
            raise BadShape(f"{n_experts} experts {d} -> {hidden} -> {classes}", "give positive numbers")
        self.n_experts, self.d, self.hidden, self.classes = n_experts, d, hidden, classes
        self.w_in = nn.Parameter(torch.empty(n_experts, d, hidden).uniform_(-1, 1) / math.sqrt(d))
        self.b_in = nn.Parameter(torch.empty(n_experts, hidden).uniform_(-1, 1) / math.sqrt(d))
        self.w_out = nn.Parameter(torch.empty(n_experts, hidden, classes).uniform_(-1, 1) / math.sqrt(hidden))
        self.b_out = nn.Parameter(torch.empty(n_experts, classes).uniform_(-1, 1) / math.sqrt(hidden))
        self.dropout = nn.Dropout(dropout)

    def one(self, expert: int, x: Tensor) -> Tensor:
        """One expert on rows [n, d]: [n, C]."""
        h = self.dropout(torch.relu(torch.addmm(self.b_in[expert], x, self.w_in[expert])))
        return torch.addmm(self.b_out[expert], h, self.w_out[expert])

    def every(self, x: Tensor) -> Tensor:
        """All experts on all rows [B, d]: [E, B, C], as two batched products."""
        rows = x.expand(self.n_experts, *x.shape)
        h = self.dropout(torch.relu(torch.baddbmm(self.b_in[:, None], rows, self.w_in)))
        return torch.baddbmm(self.b_out[:, None], h, self.w_out)

    def routed(self, x: Tensor, routing: Routing, run: Run) -> Tensor:
        """Sum over the real slots of weight * expert(row): [B, C], in one of four ways that compute the same.

        `naive` is the released code's: for every expert a mask over the batch, its rows picked, its output added.
        `sorted` sorts the pairs by expert once and runs slices. `grouped` runs the slices by two `grouped_mm`.
        `mixture` runs every expert on every row.

        Raises:
            BadShape: there is no such way.
        """
        if run == "mixture":
            dense = x.new_zeros(x.shape[0], self.n_experts)
            dense = dense.scatter_add(1, routing.index, routing.weight.to(x.dtype))
            return torch.einsum("be,ebc->bc", dense, self.every(x))
        if run == "naive":
            y = x.new_zeros(x.shape[0], self.classes)
            for expert in range(self.n_experts):
                mine = (routing.index == expert) & routing.real
                rows = mine.any(1)
                if not bool(rows.any()):
                    continue
                weight = (routing.weight * mine).sum(1)[rows].to(x.dtype)
                added = weight[:, None] * self.one(expert, x[rows])
                y = y.index_add(0, rows.nonzero().squeeze(1), added)
            return y
        if run not in RUNS:
            raise BadShape(f"there is no way {run!r} to run heads", f"choose one of: {', '.join(RUNS)}")
        row, slot = routing.real.nonzero(as_tuple=True)
        expert_of, order = torch.sort(routing.index[row, slot], stable=True)
        row, slot = row[order], slot[order]
        counts = torch.bincount(expert_of, minlength=self.n_experts)
        weight = routing.weight[row, slot].to(x.dtype)
        if run == "sorted":
            parts = torch.split(x[row], counts.tolist())
            out = torch.cat([self.one(e, part) for e, part in enumerate(parts)])
        else:
            out = self._grouped(x[row], expert_of, counts)
        return x.new_zeros(x.shape[0], self.classes).index_add(0, row, weight[:, None] * out)

    def _grouped(self, rows: Tensor, expert_of: Tensor, counts: Tensor) -> Tensor:
        """Rows [n, d], sorted by expert, through their experts: [n, C]. Widths are padded to 16 bytes."""
        if rows.shape[0] == 0:
            return rows.new_zeros(0, self.classes)
        ends = counts.cumsum(0).to(torch.int32)
        step = 16 // rows.element_size()
        w_in, w_out = padded(self.w_in, step), padded(self.w_out, step)
        h = functional.grouped_mm(padded_rows(rows, step), w_in, offs=ends)[:, : self.hidden] + self.b_in[expert_of]
        h = padded_rows(self.dropout(torch.relu(h)), step)
        return functional.grouped_mm(h, w_out, offs=ends)[:, : self.classes] + self.b_out[expert_of]


def padded(weight: Tensor, step: int) -> Tensor:
    """Weights [E, a, b] with zeros up to multiples of `step` in a and b."""
    more = (0, -weight.shape[2] % step, 0, -weight.shape[1] % step)
    return functional.pad(weight, more) if any(more) else weight  # padding by nothing copies all weights


def padded_rows(rows: Tensor, step: int) -> Tensor:
    """Rows [n, a] with zeros up to a multiple of `step` in a."""
    more = -rows.shape[1] % step
    return functional.pad(rows, (0, more)) if more else rows.contiguous()


def pooled(features: Tensor) -> Tensor:
    """Mean over positions: [B, d] from [B, d, h, w]; [B, d] stays as it is."""
    if features.dim() not in (2, 4):
        raise BadShape(f"features of shape {tuple(features.shape)}", "give [B, d, h, w] or [B, d]")
    return features if features.dim() == 2 else features.mean((2, 3))


class DenseHead(nn.Module):
    """d -> hidden -> ReLU -> dropout -> C. The paper's has hidden 512 on d = 512: the width of all its experts.

    Parameter-matched with E experts of width w: hidden = E w. FLOP-matched with top-k of them: hidden = k w.
    """

    def __init__(self, d: int, classes: int, hidden: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(d, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, classes))

    def forward(self, features: Tensor) -> HeadOutput:
        x = pooled(features)
        return HeadOutput(self.net(x), x.new_zeros(()))


class SoftMixtureHead(nn.Module):
    """The paper's "SoftMoE": the softmax-weighted sum of all expert heads. A dense mixture, not Soft MoE's slots."""

    def __init__(
        self, d: int, classes: int, n_experts: int, hidden: int, *, temperature: float = 1.0, dropout: float = 0.1
    ) -> None:
        super().__init__()
        if temperature <= 0:
            raise BadShape(f"a temperature of {temperature}", "give a positive one")
        self.temperature = temperature
        self.gate = nn.Linear(d, n_experts)
        self.experts = ExpertHeads(n_experts, d, hidden, classes, dropout)

    def forward(self, features: Tensor) -> HeadOutput:
        x = pooled(features)
        p = torch.softmax(self.gate(x) / self.temperature, -1)
        logits = torch.einsum("be,ebc->bc", p, self.experts.every(x))
        return HeadOutput(logits, x.new_zeros(()), share=p.detach().sum(0) / max(x.shape[0], 1))


class NoisyTopKHead(nn.Module):
    """The paper's "SparseMoE": noisy top-k of the expert heads with two penalties; see `NoisyTopK`."""

    def __init__(
        self,
        d: int,
        classes: int,
        n_experts: int,
        hidden: int,
        *,
        k: int = 2,
        importance: float = 0.2,
        load: float = 0.2,
        load_estimator: Literal["released", "shazeer"] = "released",
        dropout: float = 0.1,
        run: Run = "naive",
    ) -> None:
        super().__init__()
        self.router = NoisyTopK(
            d,
            n_experts,
            k,
            importance=importance,
            load=load,
            load_estimator=load_estimator,
            input_dropout=dropout,
            logit_dropout=dropout,
        )
        self.experts = ExpertHeads(n_experts, d, hidden, classes, dropout)
        self.run: Run = run

    def forward(self, features: Tensor) -> HeadOutput:
        x = pooled(features)
        routing: Routing = self.router(x)
        logits = self.experts.routed(x, routing, self.run)
        share = routing.load() / max(routing.assignments(), 1)
        return HeadOutput(logits, routing.loss(), routing, share, routing.statistics)


class SlotHead(nn.Module):
    """Soft MoE over the trunk's positions (arXiv 2308.00951): y = x + SoftMoE(norm x), mean over positions, linear."""

    def __init__(self, d: int, classes: int, n_experts: int, hidden: int, slots: int = 1) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(d)
        self.soft = SoftMoELayer(SoftSlots(d, n_experts, slots), Experts(n_experts, d, hidden))
        self.out = nn.Linear(d, classes)

    def forward(self, features: Tensor) -> HeadOutput:
        if features.dim() != 4:
            raise BadShape(f"features of shape {tuple(features.shape)}", "Soft MoE needs positions: [B, d, h, w]")
        x = features.flatten(2).transpose(1, 2)
        x = x + self.soft.among(self.norm(x), None)
        return HeadOutput(self.out(x.mean(1)), x.new_zeros(()))
