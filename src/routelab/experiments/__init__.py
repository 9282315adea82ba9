"""Experiments: what is measured, by which criteria, and what it came to."""

from routelab.experiments.result import Finding, Outcome, Ratio, Result, read_result, require_result

__all__ = ["Finding", "Outcome", "Ratio", "Result", "read_result", "require_result"]
