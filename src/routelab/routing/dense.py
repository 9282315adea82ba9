"""Dense layers that a mixture is compared with: of equal active, and of equal total size."""

from __future__ import annotations

from routelab._errors import BadShape


def active_width(width: int, experts: float) -> int:
    """Inner width of the dense layer whose weights are as many as those of the experts that one token runs.

    Args:
        width: F of one expert. experts: mean real experts per token (with shared ones), rounded to the nearest width.
    """
    if width < 1 or experts <= 0:
        raise BadShape(f"{experts} experts of width {width}", "give positive numbers")
    return max(1, round(width * experts))


def total_width(width: int, n_experts: int) -> int:
    """Inner width of the dense layer whose weights are as many as those of all E experts."""
    return active_width(width, n_experts)
