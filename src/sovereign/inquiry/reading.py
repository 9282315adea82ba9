"""What of a long text is read for a question: its opening, the best passages, the tables. Of a short one, all."""

from __future__ import annotations

from functools import lru_cache

from sovereign.judge import mentions_any
from sovereign.records import TextLevel

from .documents import Plan, StoredSource
from .passages import Kind, Passage, split
from .relevance import rank

#: From here on a text is long, whatever its level: no abstract and hardly a note has as many characters.
LONG = 20_000
#: How many paragraphs and tables of a long text are read, best first, besides its opening.
PARAGRAPHS, TABLES = 30, 12
#: In how many passages a work must speak of the subject that its opening does not name.
ENOUGH_PASSAGES = 3


def is_long(level: TextLevel | str | None, text: str, start: int) -> bool:
    """Whether a text is read by its passages."""
    return level == TextLevel.FULL_TEXT or len(text) - start > LONG


def to_read(text: str, start: int, planned: Plan) -> list[Passage]:
    """The passages of a long text that are read for a question, in the order of the text."""
    passages = _passages(text, start)
    also = tuple(term for terms in planned.facet_terms.values() for term in terms[:6])
    ranked = rank(text, [p for p in passages if p.kind is not Kind.OPENING], planned.question.text, also)
    chosen = [passage for passage in passages if passage.kind is Kind.OPENING]
    chosen += [passage for passage in ranked if passage.kind is Kind.PARAGRAPH][:PARAGRAPHS]
    chosen += [passage for passage in ranked if passage.kind is Kind.TABLE][:TABLES]
    return sorted(chosen, key=lambda passage: passage.start)


def spoken(stored: StoredSource, planned: Plan) -> str:
    """The title and what of a text says what it is about: of a long one its opening, and the passages on the subject.

    Somewhere in its hundred thousand characters a full text mentions everything. So a facet counts only where it stands
    in the opening or beside the subject, and the subject only if the opening names it or several passages do.
    """
    body = stored.text[stored.body_start :]
    if str(stored.kind) == "note" or not is_long(stored.text_level, stored.text, stored.body_start):
        return f"{stored.title}\n{body}"
    passages = _passages(stored.text, stored.body_start)
    opening = [stored.text[p.start : p.end] for p in passages if p.kind is Kind.OPENING]
    told = "\n".join([stored.title, *opening])
    terms = [term for group in planned.subject_terms for term in group]
    if not mentions_any(body, terms):
        return told
    rest = (p for p in passages if p.kind in (Kind.PARAGRAPH, Kind.TABLE) and not p.of_others)
    beside = [words for p in rest if mentions_any(words := stored.text[p.start : p.end], terms)]
    if not mentions_any(told, terms) and len(beside) < ENOUGH_PASSAGES:
        return told
    return "\n".join([told, *beside])


@lru_cache(maxsize=512)
def _passages(text: str, start: int) -> tuple[Passage, ...]:
    return tuple(split(text, start))
