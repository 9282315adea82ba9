"""What a trace shows that random routing does not: skew, distinct experts of a batch, reuse from token to token."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from routelab._errors import BadShape
from routelab.adapters.trace import Trace

Float = NDArray[np.float64]


def zipf_exponent(load: NDArray[np.int64]) -> Float:
    """Exponent s of load ~ rank^-s, by least squares in logarithms over the experts that were used; [layers].

    0 is uniform. A layer with fewer than two used experts has no exponent: NaN.
    """
    out = np.full(len(load), np.nan)
    for layer, counts in enumerate(load):
        used = np.sort(counts[counts > 0])[::-1]
        if len(used) > 1:
            out[layer] = -np.polyfit(np.log(np.arange(1, len(used) + 1)), np.log(used), 1)[0]
    return out


def expected_distinct(n_experts: int, k: float, batch: int) -> float:
    """E[T] = E * (1 - (1 - k/E)^B): distinct experts of B tokens under independent uniform routing."""
    return n_experts * (1 - (1 - k / n_experts) ** batch)


def distinct_in_batches(trace: Trace, batch: int, draws: int, seed: int) -> Float:
    """T of decoding batches drawn from a trace: B tokens, each of another sequence at a random place; [layers, draws].

    Raises:
        BadShape: the trace has fewer sequences than the batch has tokens.
    """
    starts = np.flatnonzero(np.r_[True, np.diff(trace.sequence) != 0]) if trace.tokens else np.zeros(0, dtype=np.int64)
    lengths = np.diff(np.r_[starts, trace.tokens])
    if not 1 <= batch <= len(starts):
        raise BadShape(f"a batch of {batch} tokens from {len(starts)} sequences", "draw fewer")
    random = np.random.default_rng(seed)
    out = np.zeros((trace.layers, draws))
    for draw in range(draws):
        chosen = random.choice(len(starts), size=batch, replace=False)
        tokens = starts[chosen] + random.integers(0, lengths[chosen])
        for layer in range(trace.layers):
            index = trace.index[layer, tokens]
            out[layer, draw] = len(np.unique(index[index >= 0]))
    return out


def reuse(trace: Trace) -> Float:
    """Share of a token's experts that the token before it, of the same sequence, used in that layer too; [layers].

    Uniform independent routing gives k/E. A trace without two neighbouring tokens gives NaN.
    """
    out = np.full(trace.layers, np.nan)
    pairs = np.flatnonzero(np.diff(trace.sequence) == 0) + 1
    for layer in range(trace.layers):
        now, before = trace.index[layer, pairs], trace.index[layer, pairs - 1]
        kept = ((now[:, :, None] == before[:, None, :]) & (now >= 0)[:, :, None]).any(-1).sum()
        slots = (now >= 0).sum()
        if slots:
            out[layer] = kept / slots
    return out
