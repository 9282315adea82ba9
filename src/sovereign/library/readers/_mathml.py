"""A MathML formula as one readable line: its TeX source if it carries one, else its tree written out."""

from __future__ import annotations

from typing import Any

_DEPTH = 60


def math_text(element: Any) -> str:
    """The words of a `math` element."""
    from ._tex_math import formula

    alt = element.get("alttext")
    if alt and alt.strip():
        return formula(alt)
    for note in element.iter():
        if _name(note) == "annotation" and "tex" in (note.get("encoding") or "").lower() and note.text:
            return formula(note.text)
    return " ".join(_write(element, 0).split())


def _name(element: Any) -> str:
    return element.tag.rpartition("}")[2].rpartition(":")[2] if isinstance(element.tag, str) else ""


def _write(element: Any, depth: int) -> str:
    name = _name(element)
    if not name or depth > _DEPTH or name in ("annotation", "annotation-xml", "mphantom", "mspace"):
        return " " if name == "mspace" else ""
    if name in ("mi", "mn", "mtext", "ms"):
        return (element.text or "").strip() if name != "mtext" else (element.text or "")
    if name == "mo":
        sign = (element.text or "").strip()
        return f" {sign} " if sign in "=<>≤≥≈≠±∓×→∈+∼~∝≡" and sign else sign
    parts = [_write(child, depth + 1) for child in element]
    if name == "mfenced":
        return (element.get("open") or "(") + ", ".join(p.strip() for p in parts) + (element.get("close") or ")")
    if name in ("mtr", "mlabeledtr"):
        return " , ".join(p.strip() for p in parts) + " ; "
    if name == "msqrt":
        return "√" + _held("".join(parts))
    if len(parts) >= 2:
        first, second = parts[0].strip(), parts[1].strip()
        if name == "mfrac":
            return f"{_held(first)}/{_held(second)}"
        if name == "mroot":
            return f"{_held(first)}^(1/{second})"
        if name in ("msub", "munder"):
            return f"{first}_{_held(second)}" if second else first
        if name in ("msup", "mover"):
            return f"{first}^{_held(second)}" if second else first
        if name in ("msubsup", "munderover") and len(parts) > 2:
            return f"{first}_{_held(second)}^{_held(parts[2].strip())}"
    return "".join(parts)


def _held(text: str) -> str:
    """A part of a formula in brackets, where it is more than one sign."""
    text = text.strip()
    return text if len(text) <= 1 or text.replace(".", "").isalnum() else f"({text})"
