"""The whole judgement of a record from its evidence, in reading order."""

from __future__ import annotations

from collections.abc import Callable

from sovereign.records import Evidence, Judgement

from .counts import count
from .dimensions import dimensions
from .policy import decide
from .standing import quality_tier, verification_level
from .tribunal import hold_tribunal
from .verdicts import gate_verdict

#: The number of these rules, stored with each record as `provenance.rules`. Whoever changes what any rule of `judge`
#: gives for the same evidence raises it, once per release: records of another number are not recomputed.
RULES = 1


def assess(evidence: Evidence, texts: Callable[[str], str | None]) -> Judgement:
    """All that the rules say of the evidence.

    Args:
        evidence: the record without its judgement; it carries the policy's rules that were in force.
        texts: the stored text of a source by its SHA-256, or None where it is not at hand; rules that need a
            missing text say `not recomputed` instead of guessing.
    """
    rules = evidence.provenance.policy
    tribunal = hold_tribunal(evidence, texts, rules)
    gate = gate_verdict(evidence)
    quality = dimensions(evidence, tribunal.reviews)
    return Judgement(
        tribunal=tribunal,
        decision=decide(evidence, tribunal, rules),
        gate_verdict=gate,
        verification_level=verification_level(evidence),
        quality_tier=quality_tier(evidence, tribunal.score, quality["reproducibility_status"].level, rules),
        quality_dimensions=quality,
        counts=count(evidence, gate),
    )
