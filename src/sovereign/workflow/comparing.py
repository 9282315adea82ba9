"""Two systems side by side: the question that asks for both, in what the library's sources on them speak of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sovereign.inquiry.plan import plan
from sovereign.inquiry.question import clean_question
from sovereign.inquiry.vocabulary import shipped
from sovereign.judge import mentions_any, name_key
from sovereign.records import BadInput

if TYPE_CHECKING:
    from sovereign.library import Library

_LONGEST_NAME = 80
#: Sources of a system that are looked at for metrics, and metrics that are asked for, at most.
_MOST_SOURCES, _MOST_METRICS = 20, 5
_LOOKED_AT = 20_000


def comparison_question(library: Library, one: str, other: str, about: str = "") -> str:
    """The question that sets two systems side by side; the same library gives the same question.

    Args:
        about: what to compare them in ("latency on VQAv2"). Without it: the metrics that most of the library's sources
            on either speak of, five at most.

    Raises:
        BadInput: a name is empty or too long, both are one, or the question cannot be asked.
    """
    names = [" ".join(name.split()) for name in (one, other)]
    for name in names:
        if not any(char.isalnum() for char in name) or len(name) > _LONGEST_NAME:
            raise BadInput(f"{name[:40]!r} is no system's name", f"give a name of {_LONGEST_NAME} characters at most")
    if name_key(names[0]) == name_key(names[1]):
        raise BadInput(f"{names[0]} and {names[1]} are one name", "name two systems")
    plain = f"How do {names[0]} and {names[1]} compare"
    asked = " ".join(about.split()).rstrip("?. ")
    if not asked:
        asked = _listed(_metrics(library, names, clean_question(f"{plain}?")))
    return clean_question(f"{plain} in {asked.removeprefix('in ')}?" if asked else f"{plain}?")


def _metrics(library: Library, names: list[str], question: str) -> list[str]:
    """Metrics of the question's field by how many sources on either system speak of them, in the field's order."""
    field = next((known for known in shipped() if known.name == plan(question, library, shipped()).vocabulary), None)
    if field is None:
        return []
    hits = {hit.source for name in names for hit in library.search(name, k=_MOST_SOURCES, require=[[name]])}
    texts = [library.get(source).text[:_LOOKED_AT] for source in sorted(hits)]
    spoken = [(sum(mentions_any(text, metric.terms) for text in texts), metric.name) for metric in field.metric]
    most = sorted((count for count, _ in spoken if count), reverse=True)[:_MOST_METRICS]
    chosen = [name for count, name in spoken if count and count >= most[-1]] if most else []
    return chosen[:_MOST_METRICS]


def _listed(names: list[str]) -> str:
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else "".join(names)
