"""Floating-point operations by arithmetic: two per weight that is touched, and attention. Never a stand-in for time."""

from __future__ import annotations

from torch import nn

from routelab.dispatch import Experts, MoELayer
from routelab.routing import Routing


def expert_flops(experts: Experts) -> int:
    """One expert on one token: 4*d*F for gelu, 6*d*F for swiglu (activations not counted)."""
    return (6 if experts.kind == "swiglu" else 4) * experts.d * experts.width


def linear_flops(module: nn.Module, n_tokens: int) -> int:
    """All `nn.Linear` inside, each once per token: router, importance MLP, projections."""
    return 2 * n_tokens * sum(part.weight.numel() for part in module.modules() if isinstance(part, nn.Linear))


def layer_flops(layer: MoELayer, routing: Routing) -> int:
    """One layer-step: the router on every token and an expert for every real slot."""
    n_tokens = routing.index.shape[0]
    return linear_flops(layer.router, n_tokens) + routing.assignments() * expert_flops(layer.experts)


def attention_flops(queries: int, keys: int, d: int) -> int:
    """Scores and weighted sum of one attention over `keys` for `queries` positions, all heads: 4 * q * keys * d."""
    return 4 * queries * keys * d


def expert_bytes(experts: Experts) -> int:
    """Bytes of one expert's weights: what reading it once costs."""
    return (experts.w_in[0].numel() + experts.w_out[0].numel()) * experts.w_in.element_size()
