"""Real models: the lab's routing in Hugging Face mixture-of-experts models, and routing traces out of them.

Nothing here imports transformers before `small_model` is called; a model that a user has made brings it along.
"""

from routelab.adapters.attach import Adapter, Block, moe_blocks
from routelab.adapters.offer import FAMILIES, Offer
from routelab.adapters.skew import distinct_in_batches, expected_distinct, reuse, zipf_exponent
from routelab.adapters.small import SMALL, small_model
from routelab.adapters.strategies import (
    ByModality,
    Fewer,
    Fractional,
    RandomChoice,
    Routed,
    Skip,
    Stock,
    Strategy,
    Together,
    TopMass,
)
from routelab.adapters.trace import Trace, read_token_traces, read_trace

__all__ = [
    "FAMILIES",
    "SMALL",
    "Adapter",
    "Block",
    "ByModality",
    "Fewer",
    "Fractional",
    "Offer",
    "RandomChoice",
    "Routed",
    "Skip",
    "Stock",
    "Strategy",
    "Together",
    "TopMass",
    "Trace",
    "distinct_in_batches",
    "expected_distinct",
    "moe_blocks",
    "read_token_traces",
    "read_trace",
    "reuse",
    "small_model",
    "zipf_exponent",
]
