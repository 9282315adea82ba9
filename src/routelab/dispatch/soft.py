"""The Soft MoE layer, over whole samples; and with top-k for the text, so that a causal model can have it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from routelab._errors import BadShape
from routelab.dispatch._registry import Backend, backend
from routelab.dispatch.experts import Experts
from routelab.dispatch.layer import MoELayer
from routelab.routing import VISION, Context, Router, Routing, SoftSlots


class SoftMoELayer(nn.Module):
    """`(x [N, d], context) -> (y [N, d], None)`: Soft MoE among the tokens of each sample (arXiv 2308.00951).

    `context.sample` says which tokens belong together; without it all N are one sample. Samples may differ in length.
    Cost is set by the slots, B E p expert rows, not by the tokens.
    """

    def __init__(self, slots: SoftSlots, experts: Experts) -> None:
        super().__init__()
        if slots.d != experts.d or slots.n_experts != experts.n_experts:
            raise BadShape("slots and experts differ in width or number", "build both with the same numbers")
        self.slots, self.experts = slots, experts

    def forward(self, x: Tensor, context: Context | None = None) -> tuple[Tensor, Routing | None]:
        return self.mix(x, None if context is None else context.sample), None

    def mix(self, x: Tensor, sample: Tensor | None) -> Tensor:
        """Soft MoE over tokens x [N, d] of samples [N]: [N, d].

        Raises:
            BadShape: there is not one sample for each token, or one is negative.
        """
        if x.shape[0] == 0:
            return x * self.slots.scale.to(x.dtype)  # no token: empty, and still part of the graph
        if sample is None:
            return self.among(x.unsqueeze(0), None).squeeze(0)
        if tuple(sample.shape) != (x.shape[0],) or int(sample.min()) < 0:
            raise BadShape(f"samples {tuple(sample.shape)} of {x.shape[0]} tokens", "give numbers from 0, int64 [N]")
        length = torch.bincount(sample)
        order = torch.argsort(sample, stable=True)
        first = length.cumsum(0) - length
        place = torch.arange(x.shape[0], device=x.device) - first[sample[order]]
        there = torch.zeros(length.shape[0], int(length.max()), dtype=torch.bool, device=x.device)
        there[sample[order], place] = True
        padded = x.new_zeros(*there.shape, x.shape[1]).index_put((sample[order], place), x[order])
        mixed = self.among(padded, there)[sample[order], place]
        return torch.empty_like(mixed).index_copy(0, order, mixed)

    def among(self, x: Tensor, there: Tensor | None) -> Tensor:
        """Soft MoE of samples x [B, m, d], where `there`: [B, m, d]."""
        dispatch, combine = self.slots(x, there)
        e, p = self.slots.n_experts, self.slots.slots
        inputs = torch.einsum("bms,bmd->sbd", dispatch.to(x.dtype), x)
        rows = inputs.reshape(e, p * x.shape[0], x.shape[2])  # expert by expert, its p slots of each sample
        hidden = self.experts.activate(torch.bmm(rows, self.experts.w_in.to(x.dtype)))
        rows = torch.bmm(hidden, self.experts.w_out.to(x.dtype)).reshape(e * p, x.shape[0], -1)
        return torch.einsum("bms,sbd->bmd", combine.to(rows.dtype), rows)


class VisionSoftMoE(nn.Module):
    """`(x, context) -> (y, Routing)`: Soft MoE among each sample's visual tokens, a router for the text ones.

    Both use the same experts. Visual tokens come before the text and see each other, so that the model stays causal
    over the text. The routing tells of text tokens alone; rows of visual tokens have no real slot.
    """

    def __init__(self, slots: SoftSlots, router: Router, experts: Experts, run: str | Backend = "grouped") -> None:
        super().__init__()
        self.soft = SoftMoELayer(slots, experts)
        self.text = MoELayer(router, experts, run)

    def forward(self, x: Tensor, context: Context | None = None) -> tuple[Tensor, Routing]:
        if context is None or context.modality is None:
            raise BadShape("Soft MoE for visual tokens without their modality", "give context.modality, int64 [N]")
        visual = context.modality == VISION
        seen, read = visual.nonzero().squeeze(1), (~visual).nonzero().squeeze(1)
        of_text, routing = self.read(x[read], of_rows(context, read))
        of_image = self.soft.mix(x[seen], None if context.sample is None else context.sample[seen])
        y = torch.zeros_like(x, dtype=of_text.dtype).index_copy(0, read, of_text)
        y = y.index_copy(0, seen, of_image.to(y.dtype))
        return y, spread(routing, read, x.shape[0])


    def read(self, x: Tensor, context: Context) -> tuple[Tensor, Routing]:
        """The text's layer; under autocast its router stays in float32, as one of 8 bits chooses other experts."""
        if not torch.is_autocast_enabled(x.device.type):
            y, routing = self.text(x, context)
            return y, routing
        with torch.autocast(x.device.type, enabled=False):
            routing = self.text.router(x.float(), context)
        run = backend(self.text.run) if isinstance(self.text.run, str) else self.text.run
        y = run(x if routing.inputs is None else routing.inputs, routing, self.text.experts)
        return (y if routing.bypass is None else y + routing.bypass), routing


def of_rows(context: Context, rows: Tensor) -> Context:
    """The context of some of the tokens."""

    def some(of_all: Tensor | None) -> Tensor | None:
        return None if of_all is None else of_all[rows]

    return Context(
        modality=some(context.modality),
        token=some(context.token),
        sample=some(context.sample),
        layer=context.layer,
        previous_logits=some(context.previous_logits),
        modality_score=some(context.modality_score),
        generator=context.generator,
    )


def spread(routing: Routing, rows: Tensor, n: int) -> Routing:
    """The routing of some rows as one of n tokens, the others without a real slot."""

    def among_all(of_some: Tensor) -> Tensor:
        return of_some.new_zeros(n, *of_some.shape[1:]).index_copy(0, rows, of_some)

    return Routing(
        among_all(routing.index),
        among_all(routing.weight),
        among_all(routing.real),
        routing.n_experts,
        aux=routing.aux,
        logits=None if routing.logits is None else among_all(routing.logits),
        statistics=routing.statistics,
    )
