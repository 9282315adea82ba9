"""What stands in a block after attention: dense, experts behind a router, or a layer of another kind."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from routelab._errors import BadShape
from routelab.dispatch import Experts, MoELayer, VisionSoftMoE, backend
from routelab.model.config import LabConfig
from routelab.routing import Context, Routing, SoftSlots, build


class Layer(Protocol):
    """`(x [N, d], context) -> (y [N, d], Routing or None)`."""

    def __call__(self, x: Tensor, context: Context | None = None) -> tuple[Tensor, Routing | None]: ...


class Dense(nn.Module):
    """W2 gelu(W1 x), without biases, as one expert: what a block is without a mixture."""

    def __init__(self, d: int, width: int) -> None:
        super().__init__()
        self.w_in = nn.Linear(d, width, bias=False)
        self.w_out = nn.Linear(width, d, bias=False)
        nn.init.normal_(self.w_in.weight, std=d**-0.5)
        nn.init.normal_(self.w_out.weight, std=width**-0.5)

    def forward(self, x: Tensor, context: Context | None = None) -> tuple[Tensor, None]:  # noqa: ARG002
        return self.w_out(functional.gelu(self.w_in(x))), None


class Mixture(MoELayer):
    """The layer of `dispatch`, whose router stays in float32 where autocast has the experts in bf16: a router that
    rounds its logits to 8 bits chooses other experts."""

    def forward(self, x: Tensor, context: Context | None = None) -> tuple[Tensor, Routing]:
        with torch.autocast(x.device.type, enabled=False):
            routing: Routing = self.router(x.float(), context)
        run = backend(self.run) if isinstance(self.run, str) else self.run
        y = run(x if routing.inputs is None else routing.inputs, routing, self.experts)
        return (y if routing.bypass is None else y + routing.bypass), routing


def build_layer(config: LabConfig, block: int) -> nn.Module:
    """The layer of a block, from 0.

    Raises:
        BadShape: the configuration names a layer, router or dispatch that there is not, or numbers do not fit.
    """
    if block < config.dense_blocks or config.layer == "dense":
        return Dense(config.d, config.dense_width)
    kind: Any = config.expert_kind
    if config.layer == "moe":
        router = build(config.router, config.d, config.n_experts, **config.router_options)
        if config.frozen_router:
            router.requires_grad_(False)
        return Mixture(router, Experts(config.n_experts, config.d, config.expert_width, kind), config.backend)
    if config.layer == "soft_vision":
        slots = SoftSlots(config.d, config.n_experts, **config.layer_options)
        router = build(config.router, config.d, config.n_experts, **config.router_options)
        experts = Experts(config.n_experts, config.d, config.expert_width, kind)
        return VisionSoftMoE(slots, router, experts, config.backend)
    raise BadShape(f"there is no layer {config.layer!r}", "choose moe, dense or soft_vision")
