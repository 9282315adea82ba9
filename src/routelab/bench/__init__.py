"""Bench: time, work and memory, measured by fixed rules, and the statistics that turn them into statements."""

from routelab.bench.cost import MODELS, Fit, Step, expected_distinct, fit, predicted_saving
from routelab.bench.flops import attention_flops, expert_bytes, expert_flops, layer_flops, linear_flops
from routelab.bench.memory import Memory, memory_of, tensor_bytes
from routelab.bench.pareto import Band, band, front, hypervolume
from routelab.bench.provenance import LoadWatch, Share, last_level_cache, load, machine, provenance, versions
from routelab.bench.statistics import (
    RESAMPLES,
    Interval,
    bootstrap,
    equivalent,
    holm,
    jonckheere,
    knee,
    knee_batch,
    paired_difference,
    paired_p,
    paired_ratio,
)
from routelab.bench.timer import Plan, Run, Timing, flush, measure, read_bandwidth, threads

__all__ = [
    "MODELS",
    "RESAMPLES",
    "Band",
    "Fit",
    "Interval",
    "LoadWatch",
    "Memory",
    "Plan",
    "Run",
    "Share",
    "Step",
    "Timing",
    "attention_flops",
    "band",
    "bootstrap",
    "equivalent",
    "expected_distinct",
    "expert_bytes",
    "expert_flops",
    "fit",
    "flush",
    "front",
    "holm",
    "hypervolume",
    "jonckheere",
    "knee",
    "knee_batch",
    "last_level_cache",
    "layer_flops",
    "linear_flops",
    "load",
    "machine",
    "measure",
    "memory_of",
    "paired_difference",
    "paired_p",
    "paired_ratio",
    "predicted_saving",
    "provenance",
    "read_bandwidth",
    "tensor_bytes",
    "threads",
    "versions",
]
