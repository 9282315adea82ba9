"""Texts in the forms of the earlier system, written for the tests: a page, a page saved from a browser, a report."""

from __future__ import annotations

QUESTION = (
    "How does ZebraRoute compare to fixed top-k routing in inference latency on the ToyVQA and ToyChart benchmarks?"
)
ABSTRACT = (
    "Data centres keep many small accelerators. We compare two generations of them on three image networks. The newer "
    "card reaches up to 4.2x the throughput of the older one at batch size 16. "
) * 4

PAGE = f"""SRCH:0A1B2C3D
{QUESTION[:110]}
Abstract
Abstract: {ABSTRACT[:600]}
Research Question
{QUESTION}
Verification Level
| Paper level | L2, Source-grounded claims | |
| Source-grounded claims | 4 | |
| Claim record source | parsed source sections |
Counts only; no single claim is shown here.
Truth-Engine Gate Verdict
| Status | Unverified | |
| Gate | Gate 2 | |
Quality Tier
| Tier | Watchlist | |
| Basis | Below the next threshold. |
Quality Dimensions
| Evidence strength | LOW | |
Correction Record
| Status | CURRENT |
| Correction count | 0 |
Provenance
| Publisher | Somebody |
"""

#: As a browser gives it: labels and values run together, a menu above.
PAGE_FROM_BROWSER = f"""Index |  Research | About
SRCH:0A1B2C3D

{QUESTION[:110]}

Submitted: 1 May 2026
Review score: 4.25/10

Abstract

Abstract: Abstract {ABSTRACT[:600]}

Research Question

{QUESTION}

Verification Level

Paper levelL1, Literature synthesis
Source-grounded claims0

Quality Tier

TierQuarantine candidate
"""

CLAIM = "The newer card reaches up to 4.2x the throughput of the older one at batch size 16."
BROKEN = "The newer card keeps its lead at small batch sizes and a power limit of seventy watts, says the measure- ment"
REPORT = f"""

SOVEREIGN: {QUESTION[:110]}

A Kernel

A draft

May 1, 2026

Abstract

{ABSTRACT[:600]}

1 Introduction

Analysis of: Two Generations of Small Accelerators. Research goal: {QUESTION}.

2 Methodology

Four searches. TF-IDF cosine (bigrams, threshold=0.15). Three reviewers.

3 Results

7 papers retrieved. 3 claims extracted, 2 verified. Tribunal: 6.25/10 → RE-
VISE (revision_round=1). Policy: ESCALATE_TO_OWNER.

4 Uncertainties

The check is weak. Prompts mat-
ter.

5 Extracted Claims

Claim	Verified	Confidence
{CLAIM}	✓	0.31
{BROKEN}	✓	0.17
An image network is small.	×	0.04

References

- <http://arxiv.org/abs/2501.00001v2>
- <http://arxiv.org/abs/2501.00002v1>
"""
