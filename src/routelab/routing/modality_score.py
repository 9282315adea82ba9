"""The soft modality score of SMoES: how much text and how much vision is in each token, layer by layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from routelab._errors import BadShape

N_MODALITIES = 2


def one_hot(modality: Tensor) -> Tensor:
    """The score before the first layer, and the *hard* score: each token is what it comes from.

    Args:
        modality: int64 [..], `TEXT` or `VISION`.

    Returns:
        float32 [.., 2].
    """
    return nn.functional.one_hot(modality, N_MODALITIES).float()


@torch.no_grad()
def propagate(score: Tensor, attention: Tensor, attended: Tensor, residual: Tensor) -> Tensor:
    """The attention score after one attention layer (SMoES, arXiv 2604.23996; our notes' section 1.2).

    M' = (r_att * A M + r_res * M) / (r_att + r_res), A the attention matrix averaged over heads [R: how heads are
    joined was not found], r_att the norm of the attention's output for that token, r_res that of its residual input. No
    gradient flows through the score; it is float32 also under autocast.

    Args:
        score: M, float [B, L, 2]. attention: probabilities, float [B, H, L, L], rows sum to 1.
        attended: output of the attention, [B, L, d]. residual: its input on the residual path, [B, L, d].

    Raises:
        BadShape: the shapes do not fit.
    """
    batch, length, _ = score.shape
    fits = attention.dim() == 4 and attention.shape[0] == batch and tuple(attention.shape[2:]) == (length, length)
    if not fits or attended.shape[:2] != score.shape[:2] or residual.shape != attended.shape:
        shapes = [tuple(t.shape) for t in (score, attention, attended, residual)]
        raise BadShape(f"score, attention, output and residual of shapes {shapes}", "give [B,L,2], [B,H,L,L], [B,L,d]")
    with torch.autocast(score.device.type, enabled=False):
        mixed = attention.float().mean(1) @ score.float()
    r_att = attended.float().norm(dim=-1, keepdim=True)
    r_res = residual.float().norm(dim=-1, keepdim=True)
    moved: Tensor = (r_att * mixed + r_res * score) / (r_att + r_res).clamp(min=1e-12)
    return moved


class GaussianScore(nn.Module):
    """The score from a diagonal Gaussian per modality over hidden states: no attention matrix needed (same source).

    LL_m = -0.5 * sum_dim(log var_m + (x - mu_m)^2 / var_m); M = softmax_m(LL_m / tau), tau = 0.5 * d. Mean and variance
    are moving averages: a batch of weight 1 - beta is merged into the past of weight beta, as two samples are merged
    (Welford). The first batch of a modality is taken as it is. Until both were seen, every token scores one half.
    """

    mean: Tensor
    variance: Tensor
    seen: Tensor

    def __init__(self, d: int, *, beta: float = 0.99, tau: float | None = None, floor: float = 1e-5) -> None:
        super().__init__()
        if not 0 <= beta < 1:
            raise BadShape(f"a moving average with beta = {beta}", "choose it in 0 .. 1, below 1")
        self.beta, self.tau, self.floor = beta, 0.5 * d if tau is None else tau, floor
        self.register_buffer("mean", torch.zeros(N_MODALITIES, d))
        self.register_buffer("variance", torch.ones(N_MODALITIES, d))
        self.register_buffer("seen", torch.zeros(N_MODALITIES, dtype=torch.bool))

    @torch.no_grad()
    def update(self, x: Tensor, modality: Tensor) -> None:
        """Merge tokens x [N, d] of known origin, int64 [N], into the averages."""
        x = x.float()
        for m in range(N_MODALITIES):
            rows = x[modality == m]
            if not rows.shape[0]:
                continue
            mean, variance = rows.mean(0), rows.var(0, unbiased=False)
            if bool(self.seen[m]):
                apart = mean - self.mean[m]
                both = self.beta * self.variance[m] + (1 - self.beta) * variance
                variance = both + self.beta * (1 - self.beta) * apart.square()
                mean = self.mean[m] + (1 - self.beta) * apart
            self.mean[m], self.variance[m], self.seen[m] = mean, variance, True

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """Score [N, 2] of tokens x [N, d]."""
        if not bool(self.seen.all()):
            return torch.full((x.shape[0], N_MODALITIES), 0.5, device=x.device)
        variance = self.variance.clamp(min=self.floor)
        apart = (x.float()[:, None, :] - self.mean).square() / variance
        return torch.softmax(-0.5 * (variance.log() + apart).sum(-1) / self.tau, -1)
