"""Putting a strategy in place of the routers of a Hugging Face mixture-of-experts model, and taking it out again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from routelab._errors import BadShape
from routelab.adapters.offer import FAMILIES, offer_of
from routelab.adapters.strategies import Stock, Strategy
from routelab.adapters.trace import Trace
from routelab.routing import TEXT, VISION, Context, Routing


@dataclass(frozen=True)
class Block:
    """One MoE layer of a model: where it is, its router and its experts, and the family that says how it scores."""

    name: str
    family: str
    gate: Any
    experts: Any


def moe_blocks(model: nn.Module) -> list[Block]:
    """The MoE layers of a model, in order.

    Raises:
        BadShape: it has none, or they are of a family that the adapter does not know.
    """
    found = []
    for name, module in model.named_modules():
        gate, experts = getattr(module, "gate", None), getattr(module, "experts", None)
        if isinstance(gate, nn.Module) and isinstance(getattr(experts, "num_experts", None), int):
            family = str(getattr(getattr(experts, "config", None), "model_type", type(experts).__name__))
            found.append(Block(name, family, gate, experts))
    if not found:
        raise BadShape(f"{type(model).__name__} has no layer with a gate and stacked experts", "give a MoE model")
    unknown = sorted({block.family for block in found} - set(FAMILIES))
    if unknown:
        raise BadShape(
            f"{type(model).__name__} routes as {', '.join(unknown)}",
            f"the adapter knows: {', '.join(sorted(FAMILIES))}; of DeepSeek-VL2 and Kimi-VL give the language model",
        )
    return found


@dataclass
class _Step:
    """What is known of a forward call's tokens, all [N], and what its layers did."""

    sequence: Tensor
    keep: Tensor
    modality: Tensor | None
    routings: list[Routing] = field(default_factory=list)


class Adapter:
    """Runs a model with a strategy in place of its routers; a context manager.

        with Adapter(model, Fewer(4), record=True) as adapter:
            model.generate(**inputs)
        trace = adapter.trace()

    Slots that are not real are handed to the model's experts as it marks experts of other devices: eager and
    `grouped_mm` spend nothing on them, `batched_mm` computes and drops them. Nothing of the model is replaced: hooks do
    it all, its state and its code stay as they are, and leaving the block takes them out. With `Stock` the model's own
    router output goes through untouched, so the model's output is its own to the bit.

    The tokens' modality comes from the ids of image and video placeholders in `input_ids`; without such ids all are
    text, and with embeddings instead of ids it is unknown.

    Args:
        model: of one of `FAMILIES`. strategy: what routes instead.
        record: keep every step's routing for `trace`; tokens that the attention mask hides are left out.
        generator: for strategies that draw.
    """

    def __init__(
        self,
        model: nn.Module,
        strategy: Strategy | None = None,
        *,
        record: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        self.model, self.strategy = model, strategy or Stock()
        self.record, self.generator = record, generator
        self.blocks = moe_blocks(model)
        for block in self.blocks:
            _check_scoring(block)
        self.routings: list[Routing] = []
        self._step: _Step | None = None
        self._steps: list[_Step] = []
        self._sequences = 0
        self._handles: list[Any] = []
        self._flags: list[bool] = []

    def __enter__(self) -> Adapter:
        if self._handles:
            raise BadShape("an adapter that is in place already", "leave its block first")
        self._handles.append(self.model.register_forward_pre_hook(self._begin, with_kwargs=True))
        for layer, block in enumerate(self.blocks):
            self._flags.append(bool(getattr(block.experts, "_is_expert_parallel", False)))
            if not isinstance(self.strategy, Stock):
                block.experts._is_expert_parallel = True
            self._handles += [
                block.gate.register_forward_hook(self._router(layer)),
                block.experts.register_forward_pre_hook(self._before(layer)),
                block.experts.register_forward_hook(self._after(layer)),
            ]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for handle in self._handles:
            handle.remove()
        for block, flag in zip(self.blocks, self._flags, strict=True):
            block.experts._is_expert_parallel = flag
        self._handles, self._flags = [], []

    def _begin(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """A forward call begins: whose tokens, which modality, which of them padding."""
        ids = kwargs.get("input_ids", args[0] if args else None)
        shown = ids if ids is not None else kwargs.get("inputs_embeds")
        if not isinstance(shown, Tensor):
            raise BadShape("a call without input_ids or inputs_embeds", "give either")
        batch, length = shown.shape[:2]
        past = kwargs.get("past_key_values")
        if past is None or int(past.get_seq_length()) == 0:
            self._sequences += batch
        rows = torch.arange(self._sequences - batch, self._sequences)
        keep = torch.ones(batch, length, dtype=torch.bool)
        mask = kwargs.get("attention_mask")
        if isinstance(mask, Tensor) and mask.dim() == 2:
            keep = mask[:, -length:].bool().cpu()
        modality = None
        if ids is not None:
            config = self.model.config
            marks = [getattr(config, name, None) for name in ("image_token_id", "video_token_id")]
            visual = torch.zeros_like(ids, dtype=torch.bool)
            for mark in marks:
                visual |= ids == (-1 if mark is None else mark)
            modality = torch.where(visual, VISION, TEXT).flatten()
        if self._step is not None:  # what a finished step keeps is its routing alone
            bare = [replace(r, inputs=None, bypass=None, logits=None, aux={}) for r in self._step.routings]
            self._step.routings[:] = bare
        step = _Step(rows.repeat_interleave(length), keep.flatten(), modality)
        self.routings = step.routings
        if self.record:
            self._steps.append(step)
        self._step = step

    def _now(self) -> _Step:
        if self._step is None:
            raise BadShape("a layer outside of a call of its model", "call the model that the adapter was given")
        return self._step

    def _router(self, layer: int) -> Any:
        block = self.blocks[layer]

        def hook(gate: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
            offer = offer_of(block.family, gate, args[0], output)
            context = Context(modality=self._now().modality, layer=layer, generator=self.generator)
            routing = self.strategy(offer, context)
            self._now().routings.append(routing)
            if isinstance(self.strategy, Stock):
                return None
            index = routing.index.masked_fill(~routing.real, offer.n_experts)  # as an expert of another device
            return output[0], routing.weight.to(output[1].dtype), index

        return hook

    def _before(self, layer: int) -> Any:
        def hook(experts: nn.Module, args: tuple[Any, ...]) -> Any:
            inputs = self._now().routings[layer].inputs
            return None if inputs is None else (inputs.to(args[0].dtype), *args[1:])

        return hook

    def _after(self, layer: int) -> Any:
        def hook(experts: nn.Module, args: tuple[Any, ...], output: Tensor) -> Any:
            bypass = self._now().routings[layer].bypass
            return None if bypass is None else output + bypass.to(output.dtype)

        return hook

    def trace(self) -> Trace:
        """Everything that was recorded, hidden tokens left out.

        Raises:
            BadShape: nothing was recorded.
        """
        if not self._steps:
            raise BadShape("nothing was recorded", "give record=True, and run the model inside the block")
        k_max = max(routing.k_max for step in self._steps for routing in step.routings)
        index, weight, sequence, number, modality = [], [], [], [], []
        for n, step in enumerate(self._steps):
            if len(step.routings) != len(self.blocks):
                raise BadShape(f"step {n} was cut off after {len(step.routings)} of {len(self.blocks)} layers")
            keep = step.keep
            index.append(np.stack([_columns(r.index.masked_fill(~r.real, -1)[keep], k_max, -1) for r in step.routings]))
            weight.append(np.stack([_columns((r.weight.float() * r.real)[keep], k_max, 0) for r in step.routings]))
            sequence.append(step.sequence[keep].numpy())
            number.append(np.full(int(keep.sum()), n))
            modality.append(None if step.modality is None else step.modality.cpu()[keep].numpy())
        known = [part for part in modality if part is not None]
        return Trace(
            self.blocks[0].experts.num_experts,
            np.concatenate(index, 1),
            np.concatenate(weight, 1),
            np.concatenate(sequence),
            np.concatenate(number),
            np.concatenate(known) if len(known) == len(modality) else None,
            f"{type(self.model).__name__} with {self.strategy!r}",
        )


def _columns(values: Tensor, k_max: int, fill: int) -> np.ndarray[Any, Any]:
    """[n, k] filled up to k_max columns."""
    return nn.functional.pad(values.detach().cpu(), (0, k_max - values.shape[1]), value=fill).numpy()


@torch.no_grad()
def _check_scoring(block: Block) -> None:
    """Look whether the family's scoring gives the router's own weights on random tokens.

    Raises:
        BadShape: it does not: another version of the model's code, which the adapter would misread.
    """
    weight = block.gate.weight
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(8, weight.shape[1], generator=generator).to(weight.device, weight.dtype)
    output = block.gate(x)
    fits = isinstance(output, tuple) and len(output) == 3 and output[2].dtype == torch.int64
    if fits:
        offer = offer_of(block.family, block.gate, x, output)
        ours = offer.routing(offer.best(offer.k))
        dense = [torch.zeros_like(offer.logits).scatter(1, i, w.float()) for i, w in ((offer.index, offer.weight),
                                                                                     (ours.index, ours.weight))]
        fits = torch.allclose(dense[0], dense[1], atol=1e-2 if weight.dtype != torch.float32 else 1e-5)
    if not fits:
        raise BadShape(
            f"{block.name}: its router does not score as {block.family} is known to", "use transformers 5.23"
        )
