"""Text for a terminal: what sources say must not move its cursor, turn its lines around or break its columns."""

from __future__ import annotations

from collections.abc import Sequence


def harmless(text: str) -> str:
    """Lines as they are; other white space as spaces; whatever else cannot be printed as a mark."""
    return "".join(char if char.isprintable() or char == "\n" else " " if char.isspace() else "\ufffd" for char in text)


def shorten(text: str, width: int) -> str:
    """One line of at most `width` characters, with an ellipsis where something was left out."""
    shown = harmless(text).replace("\n", " ")
    return shown if len(shown) <= width else shown[: width - 1] + "…"


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns of text, as wide as their widest entry."""
    widths = [max(len(row[column]) for row in [headers, *rows]) for column in range(len(headers))]
    lines = [
        "  ".join(entry.ljust(width) for entry, width in zip(row, widths, strict=True)) for row in [headers, *rows]
    ]
    return "\n".join(line.rstrip() for line in lines)
