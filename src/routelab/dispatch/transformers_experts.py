"""The experts implementations of Hugging Face transformers as backends: what a user of that library runs."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from routelab._errors import LabError
from routelab.dispatch._plan import nothing, operands
from routelab.dispatch._registry import Backend
from routelab.dispatch.experts import Experts
from routelab.routing import Routing

#: `grouped_mm`: for prefill and CPUs; `batched_mm`: what generation on a GPU switches to for decoding.
Kind = Literal["grouped_mm", "batched_mm"]


def why_not() -> str | None:
    """What keeps these backends from running, or None."""
    try:
        module = importlib.import_module("transformers.integrations.moe")
    except ImportError as error:
        return f"transformers with its experts interface is not installed ({error.name or 'too old'})"
    missing = [f"{kind}_experts_forward" for kind in ("grouped_mm", "batched_mm")]
    missing = [name for name in missing if not hasattr(module, name)]
    return f"this version of transformers has no {missing[0]}" if missing else None


def transformers_experts(kind: Kind) -> Backend:
    """A backend that calls transformers' own function on our weights. It runs every slot: slots that are not real are
    handed over as slots of expert parallelism that another device serves, which its grouped product skips and its
    batched one computes and masks.

    Raises:
        LabError: transformers is missing or too old.
    """
    missing = why_not()
    if missing:
        raise LabError(missing, "pip install 'sovereign-kernel[lab-models]'")
    forward: Any = getattr(importlib.import_module("transformers.integrations.moe"), f"{kind}_experts_forward")

    def run(x: Tensor, routing: Routing, experts: Experts) -> Tensor:
        tokens, w_in, w_out = operands(x, routing, experts)
        if x.shape[0] == 0:
            return nothing(x, routing)
        gated = experts.kind == "swiglu"
        ragged = not bool(routing.real.all())
        module = SimpleNamespace(
            num_experts=experts.n_experts,
            has_gate=gated,
            has_bias=False,
            is_transposed=True,
            has_post_expert_norm=False,
            _is_expert_parallel=ragged,
            act_fn=functional.silu if gated else functional.gelu,
            _apply_gate=experts.activate,
            down_proj=w_out,
            **{"gate_up_proj" if gated else "up_proj": w_in},
        )
        index = torch.where(routing.real, routing.index, experts.n_experts) if ragged else routing.index
        y: Tensor = forward(module, tokens, index, routing.weight.to(tokens.dtype))
        return y.to(x.dtype)

    return run
