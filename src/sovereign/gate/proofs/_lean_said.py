"""Reading what Lean prints: messages as JSON lines, and what our own session says in them."""

from __future__ import annotations

import json
from dataclasses import dataclass

MARK = "SOVEREIGN "


@dataclass(frozen=True)
class Told:
    """What our session says: axioms of the proof's own that the theorem rests on, those of the library, those that are
    declared whether used or not; whether the types agree; why the kernel refused; and whether it came to its end."""

    done: bool = False
    typed: bool = False
    stripped: bool = False
    refused: str = ""
    rests: tuple[str, ...] = ()
    library: tuple[str, ...] = ()
    declared: tuple[str, ...] = ()


def messages(said: str) -> list[tuple[str, str]]:
    """Severity and text of each message; lines that are none are passed over."""
    found = []
    for line in said.splitlines():
        if line.startswith("{"):
            try:
                message = json.loads(line)
                found.append((str(message["severity"]), str(message["data"])))
            except (ValueError, KeyError, TypeError, RecursionError):
                continue
    return found


def read_told(said: str) -> Told:
    """What our session printed, all of it in messages of its own."""
    lines = [
        line.removeprefix(MARK)
        for severity, text in messages(said)
        if severity == "information"
        for line in text.splitlines()
        if line.startswith(MARK)
    ]
    errors = [text for severity, text in messages(said) if severity == "error"]
    named: dict[str, list[str]] = {"rests": [], "library": [], "declared": []}
    for line in lines:
        head, _, name = line.partition(" ")
        if head in named:
            named[head].append(name)
    refused = next((line.removeprefix("refused ") for line in lines if line.startswith("refused ")), "")
    return Told(
        done="done" in lines and not errors,
        typed="typed" in lines,
        stripped="stripped" in lines,
        refused=refused,
        rests=tuple(named["rests"]),
        library=tuple(named["library"]),
        declared=tuple(named["declared"]),
    )
