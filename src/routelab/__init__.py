"""routelab: routing for multimodal mixtures of experts, measured.

A PyTorch package of its own: it needs nothing of the kernel, and the kernel nothing of it. Its parts, lowest first:
`routing` (which experts a token gets), `dispatch` (how they are run), `model`, `data`, `scoring`, `bench` (how time and
work are measured) and `experiments` (what is measured, and by which criteria).
"""

from routelab._errors import BadData, BadShape, LabError, NotAResult

__all__ = ["BadData", "BadShape", "LabError", "NotAResult"]
