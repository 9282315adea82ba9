"""Routers by name, as configurations, tables and the command line know them."""

from __future__ import annotations

import inspect
from typing import Any

from routelab._errors import BadShape
from routelab.routing._base import Router
from routelab.routing.adamoe import AdaMoE
from routelab.routing.anyexperts import AnyExperts
from routelab.routing.blind import FrozenRandom, Hash, RandomK
from routelab.routing.dynmoe import DynMoE
from routelab.routing.entropy_k import EntropyK
from routelab.routing.expert_choice import ExpertChoice
from routelab.routing.fractional import FractionalK
from routelab.routing.modality_groups import SMAR, ModalityGroups
from routelab.routing.moepp import MoEPlusPlus
from routelab.routing.noisy_topk import NoisyTopK
from routelab.routing.piggyback import PiggyBack
from routelab.routing.skip import ModalityK, PostHocSkip
from routelab.routing.smoes import SMoES
from routelab.routing.top_p import DTopP, TopP
from routelab.routing.topk import SigmoidBias, TopK

#: One line per router, in the order of docs/routelab.md.
STRATEGIES: dict[str, type[Router]] = {
    "topk": TopK,
    "sigmoid_bias": SigmoidBias,
    "fractional_k": FractionalK,
    "random_k": RandomK,
    "frozen_random": FrozenRandom,
    "hash": Hash,
    "anyexperts": AnyExperts,
    "smoes": SMoES,
    "modality_groups": ModalityGroups,
    "smar": SMAR,
    "adamoe": AdaMoE,
    "top_p": TopP,
    "dtop_p": DTopP,
    "moepp": MoEPlusPlus,
    "entropy_k": EntropyK,
    "noisy_topk": NoisyTopK,
    "dynmoe": DynMoE,
    "expert_choice": ExpertChoice,
    "posthoc_skip": PostHocSkip,
    "modality_k": ModalityK,
    "piggyback": PiggyBack,
}


def build(name: str, d: int, n_experts: int, **options: Any) -> Router:
    """The router of a name, for hidden size d and E experts, with the options that its class takes.

    Raises:
        BadShape: there is no such router, it takes no such option, or the numbers do not fit.
    """
    if name not in STRATEGIES:
        raise BadShape(f"there is no router {name!r}", f"choose one of: {', '.join(STRATEGIES)}")
    kind = STRATEGIES[name]
    taken = list(inspect.signature(kind.__init__).parameters)[3:]
    unknown = sorted(set(options) - set(taken))
    if unknown:
        raise BadShape(f"the router {name} takes no {', '.join(unknown)}", f"it takes: {', '.join(taken)}")
    return kind(d, n_experts, **options)
