"""The page's words for what the record says in codes: one table each, so that a reader meets no bare code."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sovereign import judge
from sovereign.records import (
    Agreement,
    AnswerStatus,
    Claim,
    Counts,
    Grounding,
    Policy,
    Profile,
    QualityTier,
    QuestionFacets,
    ReproductionStatus,
    Source,
    SourceKind,
    State,
    TextLevel,
)

STATUS = {
    AnswerStatus.ANSWERED: "Answered",
    AnswerStatus.PARTLY_ANSWERED: "Partly answered",
    AnswerStatus.NOT_MEASURED: "Not measured",
    AnswerStatus.CONTESTED: "Contested",
    AnswerStatus.NO_EVIDENCE: "No evidence",
}

GROUNDING = {
    Grounding.QUOTED: "quoted (the work's own words)",
    Grounding.REPORTED: "reported (our note's words)",
    Grounding.MEASURED: "measured (our own run in the sandbox)",
}

AGREEMENT = {
    Agreement.SINGLE: "one source only",
    Agreement.CORROBORATED: "corroborated by another source",
    Agreement.CONTESTED: "contested by another source",
    Agreement.REFUTED: "refuted by another source",
    Agreement.NOT_ASSESSED: "not assessed",
}

REPRODUCTION = {
    ReproductionStatus.NONE: "not attempted",
    ReproductionStatus.REPRODUCED: "reproduced",
    ReproductionStatus.FALSIFIED: "falsified",
    ReproductionStatus.NOT_RESOLVED: "attempted, not resolved",
}

TEXT_LEVEL = {
    TextLevel.METADATA: "title and metadata only",
    TextLevel.ABSTRACT: "abstract read",
    TextLevel.FULL_TEXT: "full text read",
}

POLICY = {
    Policy.PUBLISH: "publish: it meets the bar that its owner has set",
    Policy.ESCALATE_TO_OWNER: "to its owner, who decides whether it is published",
    Policy.QUARANTINE: "quarantine: not to be relied on before its sources are inspected",
    Policy.REJECT: "reject: something in it does not hold",
}

TIER = {
    QualityTier.FLAGSHIP_CANDIDATE: "Flagship candidate",
    QualityTier.DOI_GRADE: "DOI grade",
    QualityTier.PUBLIC_RECORD: "Public record",
    QualityTier.WATCHLIST: "Watchlist",
    QualityTier.QUARANTINE_CANDIDATE: "Quarantine candidate",
}

_MEANINGS = (
    "nothing was read, or nothing was checked",
    "sources were read and are named",
    "each claim of the answer stands in a work's own words, at a stated place",
    "other sources say the same",
    "code, data or weights behind the claims were inspected",
    "a pack was run in the sandbox and its results are attached",
    "another party, on other hardware, came to the same result",
    "a named reviewer or a type-checked proof stands behind it",
)
#: The ladder of verification levels: the judge's name of each, and what it means.
LEVELS = tuple(zip(judge.LEVELS, _MEANINGS, strict=True))

AXES = {"system": "System", "benchmark": "Benchmark", "metric": "Metric", "baseline": "Baseline",
        "condition": "Condition"}  # fmt: skip


def asked(facets: QuestionFacets) -> list[tuple[str, tuple[str, ...]]]:
    """The facets of a question in reading order, each with its label."""
    return [
        ("Subject", facets.subject),
        ("System", facets.system),
        ("Metric", facets.metric),
        ("Baseline", facets.baseline),
        ("Benchmark", facets.benchmark),
        ("Condition", facets.condition),
    ]


def plural(number: int, one: str, many: str | None = None) -> str:
    """`1 cell`, `2 cells`, `1,204 cells`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def explained(status: AnswerStatus, counts: Counts, profile: Profile = Profile.SOVEREIGN) -> str:
    """What the status of the answer means for this record, with its counts."""
    if profile is Profile.REFERENCE:
        return "The reference method, a foil, draws up no combinations and writes no answer."
    if profile is Profile.IMPORTED:
        return "The imported text of another system states no answer; nothing in it fills a cell."
    cells, filled = counts.cells, counts.cells - counts.gaps
    if status is AnswerStatus.NO_EVIDENCE:
        return "No source in the library speaks of what the question asks."
    if status is AnswerStatus.NOT_MEASURED:
        what = "What" if cells == 1 else f"None of the {cells:,} combinations that"
        measured = "is measured in no source that was read" if cells == 1 else "is measured in a source that was read"
        near = "Evidence that comes near stands beside a gap; it does not fill it."
        return f"{what} the question asks for {measured}. {near}"
    if status is AnswerStatus.PARTLY_ANSWERED:
        return (
            f"{filled} of the {plural(cells, 'combination')} that the question asks for "
            f"{'is' if filled == 1 else 'are'} measured in a source that was read; {counts.gaps} "
            f"{'is a gap' if counts.gaps == 1 else 'are gaps'}: no source that was read measures "
            f"{'it' if counts.gaps == 1 else 'them'}."
        )
    if status is AnswerStatus.CONTESTED:
        return "Sources that were read contradict each other on what the question asks; both sides are shown."
    if cells == 1:
        return "What the question asks for is measured in a source that was read."
    return f"Each of the {cells:,} combinations that the question asks for is measured in a source that was read."


def work_name(source_id: str) -> str:
    """`arxiv:2511.18314` -> `arXiv 2511.18314`; other schemes stay as they are written."""
    scheme, _, local = source_id.partition(":")
    known = {"arxiv": "arXiv", "doi": "DOI", "pmid": "PubMed", "pubmed": "PubMed", "isbn": "ISBN"}
    return f"{known[scheme]} {local}" if scheme in known and local else source_id


def source_name(source: Source) -> str:
    """How a source is named wherever its words are shown: a note never goes by the name of the paper alone."""
    if source.kind is SourceKind.NOTE:
        return f"our note on {work_name(source.about)}" if source.about else f"our note “{_short(source.title)}”"
    if source.kind is SourceKind.MEASUREMENT:
        return f"our measurement {source.id.partition(':')[2] or source.id}"
    return work_name(source.id)


def source_kind(source: Source) -> str:
    """What the source is and how much of it was read."""
    if source.kind is SourceKind.NOTE:
        return f"Note: our own words on {work_name(source.about)}" if source.about else "Note: our own words"
    if source.kind is SourceKind.MEASUREMENT:
        return "Measurement: the results file of a pack that we ran"
    return f"Work: {TEXT_LEVEL[source.text_level] if source.text_level else 'level not stated'}"


def excerpt(claim: Claim, limit: int = 150) -> str:
    """About `limit` characters of the claim's own sentence, around its figure; a sentence a little longer is whole.

    A sentence is never put together from the facets: `from 7.95 s to 6.20 s` read as 7.95 s and lower would become
    `7.95 s lower`, which no source says.
    """
    text = " ".join(claim.text.split())
    if len(text) <= limit + limit // 4:
        return text
    at = _place_of_figure(text, claim.facets.value)
    start = max(0, min(at - limit // 2, len(text) - limit))
    end = start + limit
    if start > 0:
        start = text.find(" ", start, at) + 1 or start
    if end < len(text):
        end = text.rfind(" ", at, end) if text.rfind(" ", at, end) > start else end
    return f"{'… ' if start else ''}{text[start:end]}{' …' if end < len(text) else ''}"


def reading(claim: Claim) -> list[tuple[str, str]]:
    """The facets that were read out of a claim, as label and value."""
    facets = claim.facets
    value = None if facets.value is None else _number(facets.value) + _unit(facets.unit)
    pairs: Iterable[tuple[str, str | None]] = (
        ("subject", facets.subject),
        ("system", facets.system),
        ("metric", facets.metric),
        ("value", value),
        ("direction", facets.direction.value if facets.direction else None),
        ("baseline", facets.baseline),
        ("benchmark", facets.benchmark),
        ("condition", "; ".join(facets.condition) or None),
    )
    return [(label, text) for label, text in pairs if text]


def standing(state: State) -> tuple[str, str]:
    """The banner over a record that is not simply published: a headline and a sentence; both empty if it is."""
    if state.standing == "retracted":
        return "Retracted", f"This record was retracted and must not be relied on. {state.note}".strip()
    if state.standing == "rejected":
        return "Rejected by its owner", f"This record was not accepted for publication. {state.note}".strip()
    if not state.public:
        return "Draft, awaiting its owner", "Made by a program; no person has approved it for publication yet."
    if state.standing == "corrected":
        return "Corrected", f"This record was corrected; the events below say how. {state.note}".strip()
    return "", ""


def full_stop(text: str) -> str:
    """The text with a full stop, unless it ends in one already."""
    return text if text.rstrip().endswith((".", "!", "?", "…", ")")) else f"{text.rstrip()}."


def moment(iso: str) -> str:
    """`2026-03-01T12:30:00Z` -> `2026-03-01 12:30 UTC`; anything else as it is."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d(?:\.\d+)?)?(?:Z|\+00:00)", iso)
    return f"{match[1]} {match[2]} UTC" if match else iso


def _place_of_figure(text: str, value: float | None) -> int:
    if value is not None:
        for written in (f"{value:.10g}", f"{value:,.10g}"):
            found = re.search(rf"(?<![\d.]){re.escape(written)}(?!\d)", text)
            if found:
                return found.start()
    return 0


def _number(value: float) -> str:
    return f"{value:.10g}"


def _unit(unit: str | None) -> str:
    if not unit:
        return ""
    return unit if unit in ("%", "x", "×", "°") else f" {unit}"


def _short(title: str) -> str:
    return title if len(title) <= 90 else title[:90] + "…"
