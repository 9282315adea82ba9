"""Data of the lab: ShapeQA, and readers and writers of the public formats that its benchmarks use."""

from routelab.data._asking import FAMILIES, KINDS
from routelab.data.scenes import LEVELS
from routelab.data.shapeqa import ANSWER_TYPES, VISUAL, Settings, ShapeQA, generate, multiple_choice
from routelab.data.vocabulary import END, PAD, TOKENS, decode, encode, left_padded

__all__ = [
    "ANSWER_TYPES",
    "END",
    "FAMILIES",
    "KINDS",
    "LEVELS",
    "PAD",
    "TOKENS",
    "VISUAL",
    "Settings",
    "ShapeQA",
    "decode",
    "encode",
    "generate",
    "left_padded",
    "multiple_choice",
]
