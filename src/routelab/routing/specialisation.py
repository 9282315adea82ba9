"""Which modality an expert serves: loads by modality, the specialisation index, bins of experts, mutual information."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from routelab._errors import BadShape
from routelab.routing._base import Routing
from routelab.routing.modality_score import N_MODALITIES

TINY = 1e-20


def modality_load(routing: Routing, score: Tensor) -> Tensor:
    """C_me: assignments of each modality to each expert, real slots only.

    Args:
        score: float [N, 2], soft or one-hot share of text and vision in each token.

    Returns:
        float32 [2, E], detached.
    """
    used = routing.index[routing.real]
    share = score.detach().float()[:, None, :].expand(-1, routing.k_max, -1)[routing.real]
    load = torch.zeros(routing.n_experts, N_MODALITIES, device=used.device).index_add(0, used, share)
    return load.T


def specialisation(load: Tensor) -> Tensor:
    """t_e: share of text in an expert's load after each modality's load was normalised; [.., E] of [.., 2, E].

    An expert that no modality uses has 0.5: it is of neither.
    """
    share = load / load.sum(-1, keepdim=True).clamp(min=TINY)
    both = share.sum(-2)
    return torch.where(both > 0, share[..., 0, :] / both.clamp(min=TINY), 0.5)


def modality_specialisation_index(load: Tensor) -> Tensor:
    """MSI: mean over layers and experts of 2 * |t_e - 0.5|; 0 where modalities share alike, 1 where they share nothing.

    Args:
        load: [2, E] of one layer or [layers, 2, E], from `modality_load` with one-hot scores.
    """
    return (2 * (specialisation(load) - 0.5).abs()).mean()


class Bins(nn.Module):
    """Experts in groups of equal size, sorted by how much text they serve (SMoES; our notes' section 1.2).

    Loads by modality are moving averages; `sort` orders the experts by t_text/(t_text + t_vision) of those and cuts
    them into contiguous bins. Before the first sort bin b holds experts b*E/n .. (b+1)*E/n - 1.

    Attributes:
        of: int64 [E], the bin of each expert. size: N_B = E / n_bins.
    """

    load: Tensor
    of: Tensor

    def __init__(self, n_experts: int, n_bins: int, *, beta: float = 0.99) -> None:
        super().__init__()
        if n_bins < 1 or n_experts % n_bins:
            raise BadShape(f"{n_bins} bins of {n_experts} experts", "choose a number that divides the experts")
        self.n_bins, self.size, self.beta = n_bins, n_experts // n_bins, beta
        self.register_buffer("load", torch.zeros(N_MODALITIES, n_experts))
        self.register_buffer("of", torch.arange(n_experts) // self.size)

    @torch.no_grad()
    def update(self, load: Tensor) -> None:
        """Move the average loads towards a step's, [2, E]."""
        self.load.mul_(self.beta).add_((1 - self.beta) * load)

    @torch.no_grad()
    def sort(self) -> None:
        """Cut the bins anew. Experts of equal share keep their order."""
        share = self.load[0] / self.load.sum(0).clamp(min=TINY)
        order = share.argsort(stable=True, descending=True)
        of = torch.empty_like(self.of)  # a new tensor: the step's graph still holds the old one
        of[order] = torch.arange(order.shape[0], device=order.device) // self.size
        self.of = of

    def sums(self, values: Tensor) -> Tensor:
        """Sum over the experts of each bin: [.., n_bins] of [.., E]. No matrix product, which autocast would round."""
        return values.new_zeros(*values.shape[:-1], self.n_bins).index_add(-1, self.of, values)


def bin_use(score: Tensor, gate: Tensor, bins: Bins, sample: Tensor | None) -> Tensor:
    """S_mb = sum over tokens j and experts e of bin b of M_jm g_je, divided by N_B * sum_j M_jm; per sample.

    Args:
        score: M, [N, 2]. gate: g, [N, E], with gradient. sample: int64 [N] from 0; None: one sample.

    Returns:
        [samples, 2, n_bins]; rows of a modality that a sample does not have are 0.
    """
    n = score.shape[0]
    joint = score[:, :, None] * bins.sums(gate)[:, None, :]
    if sample is None:
        sample = torch.zeros(n, dtype=torch.int64, device=score.device)
    n_samples = int(sample.max()) + 1 if n else 0
    total = joint.new_zeros(n_samples, N_MODALITIES, bins.n_bins).index_add(0, sample, joint)
    mass = score.new_zeros(n_samples, N_MODALITIES).index_add(0, sample, score)
    return total / (bins.size * mass[:, :, None]).clamp(min=TINY)


def mutual_information(use: Tensor) -> Tensor:
    """I(m; b) of each sample, in nats: [samples] of [samples, 2, n_bins].

    S is normalised over (m, b) to P(m, b); I = sum P(m,b) log(P(m,b) / (P(m) P(b))), in 0 .. log 2.
    """
    p = use / use.sum((1, 2), keepdim=True).clamp(min=TINY)
    apart = p.sum(2, keepdim=True) * p.sum(1, keepdim=True)
    return (p * (p.clamp(min=TINY).log() - apart.clamp(min=TINY).log())).sum((1, 2))


def symmetric_divergence(use: Tensor, floor: float = 1e-6) -> Tensor:
    """KL(P_text || P_vision) + KL(P_vision || P_text) over the last dimension, half of it: [..] of [.., 2, n].

    Rows are normalised after `floor` was added, so that an entry which one modality never uses stays finite.
    """
    p = use / use.sum(-1, keepdim=True).clamp(min=TINY) + floor
    p = p / p.sum(-1, keepdim=True)
    text, vision = p[..., 0, :], p[..., 1, :]
    return 0.5 * ((text - vision) * (text.log() - vision.log())).sum(-1)
