"""Scorers of the public benchmarks, exact to their official rules: VQAv2, Visual7W, SEED-Bench and MMBench.

Each module has `score` over loaded records and `score_files` over the public files; both return a `Report`.
"""

from routelab.scoring import mmbench, seed, visual7w, vqav2
from routelab.scoring._report import Report, Tally

__all__ = ["Report", "Tally", "mmbench", "seed", "visual7w", "vqav2"]
