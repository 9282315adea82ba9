"""The record page: one static HTML document per record, with pages of its stored texts and a JSON twin."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from sovereign.judge import TIER_BASIS
from sovereign.judge.attested import current_level
from sovereign.records import CheckState, Event, Grounding, Record, Search, State, TextLevel

from . import _words as words
from ._feeds import linked_data, script_json
from ._later import CAUSE, applied, notice_json, notices, since
from ._matrix import Matrix, matrix
from ._render import render
from ._spans import LONG_TEXT, OTHERS, Span, anchor, leaves, pieces, text_anchor, text_page
from ._view import SourceView, Texts, View
from .contracts import CONTRACTS

PAGE_SCHEMA = "sovereign-page-v1"
_DROPS_SHOWN = 300


def render_page(
    record: Record,
    state: State,
    *,
    texts: Texts,
    versions: Sequence[int] = (),
    events: Sequence[Event] = (),
    signer: str | None = None,
    at: Callable[[str], str] = str,
    up: str = "../",
    links: Sequence[tuple[int, str]] = (),
    told: Sequence[Event] | None = None,
    view: View | None = None,
) -> str:
    """The page of a record as HTML: static, without programs, fetching nothing; equal input gives equal bytes.

    See `page_values` for the arguments.
    """
    values = page_values(
        record, state, texts=texts, versions=versions, events=events, signer=signer, at=at, up=up, links=links,
        told=told, view=view,
    )  # fmt: skip
    current = all(number <= record.version for number, _ in links)
    indexed = state.public and state.standing in ("published", "corrected") and current
    return render("record.html.j2", indexed=indexed, **values)


def page_values(
    record: Record,
    state: State,
    *,
    texts: Texts,
    versions: Sequence[int] = (),
    events: Sequence[Event] = (),
    signer: str | None = None,
    at: Callable[[str], str] = str,
    up: str = "../",
    links: Sequence[tuple[int, str]] = (),
    told: Sequence[Event] | None = None,
    view: View | None = None,
) -> dict[str, Any]:
    """Everything that the templates of a record ask for, by name.

    Args:
        record: the version to show.
        state: the fold over the record's events; whether it is a draft, published, corrected or retracted.
        texts: from a text's sha256 to the text, or None where it is not at hand (its quotes are then not linked).
        versions: the numbers of all versions of the record.
        events: the record's events, oldest first, for the history.
        signer: fingerprint of the owner's key, shown in the command that checks an export.
        at: from a path beside the page to its address, for the schema.org data; relative by default.
        up: from the page to the site's folder.
        links: the versions that have a page, oldest first, each with the way to it, empty for the page itself.
        told: events that tell of its sources, if there are more than `events`: those after the version that is shown.
        view: of this record and these texts, if one was made already.
    """
    from markupsafe import Markup

    view = view or View(record, texts)
    later = [(number, href) for number, href in links if number > record.version]
    grid = matrix(record, view.numbers)
    uncited = [item for item in view.claims if not item.in_answer]
    banner, banner_text = words.standing(state)
    return dict(  # noqa: C408
        record=record,
        state=state,
        banner=banner,
        banner_text=banner_text,
        status_word=words.STATUS[record.answer.status],
        status_why=words.explained(record.answer.status, record.counts, record.provenance.profile),
        asked=[(label, values) for label, values in words.asked(record.question.facets) if values],
        matrix=grid,
        overview=_overview(grid),
        sentences=[sentence for sentence in view.sentences if not sentence.aside],
        asides=[sentence for sentence in view.sentences if sentence.aside],
        claims=view.claims,
        claim_groups=[
            ("Cited in the answer", [item for item in view.claims if item.in_answer]),
            ("In cells, not cited", [item for item in uncited if item.cells]),
            ("Nearest to a gap, not cited", [item for item in uncited if item.near and not item.cells]),
        ],
        other_claims=[item for item in uncited if not item.cells and not item.near],
        marks=any(
            item.claim.grounding is Grounding.REPORTED and re.search(r"\[[A-Z]\]\.?$", item.claim.text.rstrip())
            for item in view.claims
        ),
        grounding=words.GROUNDING,
        agreement=words.AGREEMENT,
        reproduction=words.REPRODUCTION,
        sources=[item for item in view.sources if item.claims],
        other_sources=[item for item in view.sources if not item.claims],
        read=_read(record),
        searches=_searches(record, view),
        drops=record.dropped[:_DROPS_SHOWN],
        drop_rules=sorted(Counter(drop.rule for drop in record.dropped).items()),
        reviews=[
            (
                review,
                [check for check in review.checks if check.state is CheckState.FAILED],
                [check for check in review.checks if check.state is not CheckState.FAILED],
            )
            for review in record.tribunal.reviews
        ],
        policy_words=words.POLICY,
        levels=words.LEVELS,
        level_now=current_level(record.evidence(), record.version, events),
        tier=words.TIER[record.quality_tier],
        tier_basis=TIER_BASIS[record.quality_tier],
        link_of=_links(record, view),
        numbers=view.numbers,
        cell_ids={cell.id for cell in record.cells},
        events=events,
        notices=[
            (notice, sorted((view.numbers[name], name) for name in notice.claims if name in view.numbers))
            for notice in notices(record, events if told is None else told)
        ],
        cause_words=CAUSE,
        hand=applied(record),
        hand_since=since(record, events),
        versions=versions,
        version_links=dict(links),
        later=later[-1] if later else None,
        up=up,
        signer=signer,
        linked=Markup(script_json(linked_data(record, state, at))),  # noqa: S704  (nothing in it can end the element)
        contracts=[(name, file) for name, (_, file) in CONTRACTS.items()],
        policy_rules=_plain(record.provenance.policy.to_json()),
        counts=_plain(record.counts.to_json()),
    )


def render_texts(record: Record, *, texts: Texts, up: str = "../", view: View | None = None) -> dict[str, str]:
    """The pages of the stored texts, by path relative to the record's page; a text not at hand has none.

    A text of more than 200,000 characters and the full text of a work are shown only around the quotes. Short texts
    that no claim quotes stand on one page together.
    """
    view = view or View(record, texts)
    pages: dict[str, str] = {}
    others: list[dict[str, Any]] = []
    for digest in dict.fromkeys(source.sha256 for source in record.sources):
        if view.text_fault(digest):
            continue
        text = texts(digest) or ""
        sources = [source for source in record.sources if source.sha256 == digest]
        spans: dict[str, Span] = {}
        pointers: dict[str, tuple[tuple[int, str], ...]] = {}
        for item in view.claims:
            for quote in item.quotes:
                if quote.quote.sha256 != digest or quote.fault:
                    continue
                cited = ((item.number, item.claim.id),)
                if quote.quote.pointer is not None:
                    before = pointers.get(quote.quote.pointer, ())
                    pointers[quote.quote.pointer] = before if cited[0] in before else before + cited
                elif quote.quote.start is not None and quote.quote.end is not None:
                    name = anchor(quote.quote)
                    known = spans[name].claims if name in spans else ()
                    claims = known if cited[0] in known else known + cited
                    spans[name] = Span(quote.quote.start, quote.quote.end, name, claims)
        if view.among_others(digest):
            hidden = any(source.text_level is TextLevel.FULL_TEXT for source in sources)
            others.append(
                {"anchor": text_anchor(digest), "sources": sources, "digest": digest, "text": text, "hidden": hidden}
            )
            continue
        windowed = len(text) > LONG_TEXT or any(source.text_level is TextLevel.FULL_TEXT for source in sources)
        values = leaves(text, pointers) if pointers or sources[0].kind.value == "measurement" else None
        pages[text_page(digest)] = render(
            "source.html.j2",
            indexed=False,
            up=f"{up}../",
            record=record,
            title=sources[0].title or sources[0].id,
            sources=sources,
            digest_value=digest,
            places=len(spans) + len(pointers),
            windowed=windowed and values is None,
            leaves=values,
            pieces=pieces(text, spans.values(), windows=windowed),
        )
    if others:
        pages[OTHERS] = render("others.html.j2", indexed=False, up=f"{up}../", record=record, others=others)
    return pages


def page_twin(
    record: Record,
    state: State,
    *,
    texts: Texts,
    versions: Sequence[int] = (),
    events: Sequence[Event] = (),
    links: Sequence[tuple[int, str]] = (),
    told: Sequence[Event] | None = None,
    view: View | None = None,
) -> dict[str, Any]:
    """What the page shows, as JSON values: the record, its state and events, and the anchor of every part."""
    view = view or View(record, texts)
    return {
        "schema": PAGE_SCHEMA,
        "record": record.to_json(),
        "state": state.to_json(),
        "versions": list(versions),
        "pages": {str(number): href or "index.html" for number, href in links},
        "events": [event.to_json() for event in events],
        "notices": [notice_json(notice) for notice in notices(record, events if told is None else told)],
        "marked_since": [asdict(mark) for mark in since(record, events)],
        "anchors": {
            "cells": {cell.id: f"index.html#{cell.id}" for cell in record.cells},
            "claims": {item.claim.id: f"index.html#{item.anchor}" for item in view.claims},
            "sources": {item.source.id: f"index.html#{item.anchor}" for item in view.sources},
            "quotes": {item.claim.id: [quote.href for quote in item.quotes] for item in view.claims},
        },
        "faults": [
            {"claim": item.claim.id, "source": quote.quote.source, "fault": quote.fault}
            for item in view.claims
            for quote in item.quotes
            if quote.fault
        ],
    }


def _read(record: Record) -> str:
    counts = record.counts
    kinds = ((counts.works, "work"), (counts.notes, "note"), (counts.measurements, "measurement"))
    named = " and ".join(words.plural(number, name) for number, name in kinds if number)
    return f"{named} read" if named else "nothing read"


def _overview(grid: Matrix | None) -> dict[str, Any]:
    if grid is None:
        return {"width": 0, "height": 0, "boxes": []}
    boxes = []
    for down, row in enumerate(grid.rows):
        for across, place in enumerate(row.squares):
            for offset, square in enumerate(place[:1]):
                boxes.append({"x": 18 * (across + offset), "y": 18 * down, "state": square.state})
    return {"width": 18 * len(grid.columns) - 4, "height": 18 * len(grid.rows) - 4, "boxes": boxes}


def _searches(record: Record, view: View) -> list[tuple[Search, list[tuple[SourceView, int]]]]:
    kept = {item.source.id: item for item in view.sources}
    return [
        (search, [(kept[hit.source], hit.rank) for hit in search.hits if hit.source in kept])
        for search in record.searches
    ]


def _links(record: Record, view: View) -> dict[str, tuple[str, str]]:
    """From the id of a claim, source or cell to its anchor on the page and the words for it."""
    found = {cell.id: (cell.id, cell.id.replace("-", " ")) for cell in record.cells}
    found |= {item.source.id: (item.anchor, item.label) for item in view.sources}
    found |= {item.claim.id: (item.anchor, f"claim {item.number}") for item in view.claims}
    return found


def _plain(values: dict[str, Any]) -> list[tuple[str, str]]:
    shown = {True: "yes", False: "no"}
    return [
        (name.replace("_", " "), shown[value] if isinstance(value, bool) else str(value))
        for name, value in values.items()
    ]
