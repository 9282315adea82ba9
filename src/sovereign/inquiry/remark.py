"""A remark with which the owner sends a record back: what it names is searched for beside what the question asks.

The question stays as it is, and so do its cells: a remark widens where we look, never what is asked.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from sovereign.records import BadInput

from .documents import LibraryPort, Plan, PlannedQuery
from .plan import plan
from .question import MAX_CHARACTERS, clean_question
from .vocabulary import Vocabulary
from .words import subject_words

#: Queries of one remark, at most, and remarks that a record takes in, the newest of them.
MOST_QUERIES = 12
MOST_REMARKS = 8
_FACET = "remark:"


def clean_remark(text: str) -> str:
    """The remark in Unicode form NFC, its white space as single spaces.

    Raises:
        BadInput: it is empty, over 2,000 characters, no valid Unicode, or holds control characters.
    """
    folded = " ".join(unicodedata.normalize("NFC", text).split())
    if not any(char.isalnum() for char in folded):
        raise BadInput("to send a record back, say what is missing", "name a system, metric or work to look for")
    if len(folded) > MAX_CHARACTERS:
        raise BadInput(
            f"the remark has {len(folded):,} characters; the limit is {MAX_CHARACTERS:,}", "say what to look for"
        )
    clean_question(f"remark {text}"[: MAX_CHARACTERS])  # the same bounds: Unicode, control and turning characters
    return folded


def take_in(
    planned: Plan, remarks: Sequence[str], library: LibraryPort, vocabularies: Sequence[Vocabulary]
) -> Plan:
    """The plan with queries for what remarks name. A source that speaks of the subject and of that is kept."""
    queries, terms = list(planned.queries), dict(planned.facet_terms)
    topic = " ".join(planned.question.facets.subject[:2])
    for remark in remarks:
        told = _beside(planned, remark, library, vocabularies)
        own = [PlannedQuery(purpose="owner's remark, on the subject", query=remark, require=planned.subject_terms)]
        for name, group in _named(told, planned, remark, library).items():
            kind, _, label = name.partition(":")
            terms[f"{_FACET}{kind} {label}"] = group
            query, require = f"{topic} {label} {' '.join(group[:4])}".strip(), (*planned.subject_terms, group)
            if kind == "system":
                query, require = f"{label} {topic}".strip(), ((label,),)
            own.append(PlannedQuery(purpose=f"owner's remark: {kind} {label}", query=query, require=require))
        own.append(PlannedQuery(purpose="owner's remark", query=remark))
        asked = {(one.query, one.require) for one in queries}
        queries += [one for one in own if (one.query, one.require) not in asked][:MOST_QUERIES]
    return planned.model_copy(update={"queries": tuple(queries), "facet_terms": terms})


def not_found(
    question: str, remarks: Sequence[str], library: LibraryPort, vocabularies: Sequence[Vocabulary]
) -> tuple[str, ...]:
    """Systems that remarks name and that the library has no source of, as limitations in words."""
    if not remarks:
        return ()
    planned = plan(question, library, vocabularies)
    asked = set(planned.question.facets.system)
    names = dict.fromkeys(
        system.name
        for remark in remarks
        for system in _beside(planned, remark, library, vocabularies).systems
        if not system.owners and system.name not in asked
    )
    return tuple(f"The owner's remark names {name}: the library has no source of its own for it." for name in names)


def _beside(planned: Plan, remark: str, library: LibraryPort, vocabularies: Sequence[Vocabulary]) -> Plan:
    """The plan of remark and question together: a remark alone need not say which field it is of."""
    return plan(f"{remark} {planned.question.text}", library, vocabularies)


def _named(told: Plan, planned: Plan, remark: str, library: LibraryPort) -> dict[str, tuple[str, ...]]:
    """What a remark names beyond the question, with the terms that mean it; its rarest words if it names nothing."""
    known = {term for group in (*planned.facet_terms.values(), *planned.subject_terms) for term in group}
    found = {
        name: group
        for name, group in told.facet_terms.items()
        if group and name not in planned.facet_terms and not name.startswith("near:") and not set(group) <= known
    }
    if not found:
        _, words = subject_words(remark, library)
        found = {name: group for name, group in words.items() if not set(group) <= known}
    return found
