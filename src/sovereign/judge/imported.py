"""A text of the earlier system, page or report, read as what it states, and set beside what can be computed again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sovereign.records import Evidence, Finding, Foil, FoilRow, Source

from .assess import assess
from .foil import ABSTRACT_CUT, CLAIM_CUT, REVISE_BELOW, TITLE_CUT, TextMissing
from .quotes import plain
from .terms import mentions, speaks_of

Texts = Callable[[str], str | None]

#: Sources that are such texts, rather than works that they name.
SCHEME = "seed:"
#: The publisher's documented bar: a score and a number of verified claims.
BAR_CLAIMS = 5

_SECTIONS = (
    "Abstract", "Research Question", "Verification Level", "Truth-Engine Gate Verdict", "Quality Tier",
    "Quality Dimensions", "Correction Record", "Provenance", "Introduction", "Methodology", "Results", "Uncertainties",
    "Extracted Claims", "References",
)  # fmt: skip
_LABELS = {
    "": ("Submitted", "Review score", "Verification", "Gate status", "Quality tier", "DOI"),
    "Verification Level": ("Paper level", "Source-grounded claims", "Claim record source"),
    "Truth-Engine Gate Verdict": ("Status", "Gate", "Reason", "Evaluated"),
    "Quality Tier": ("Tier", "Basis"),
    "Quality Dimensions": (
        "Evidence strength", "Citation grounding", "Numerical consistency", "Benchmark validity", "Novelty",
        "Uncertainty disclosure", "Reproducibility status", "Safety/impact",
    ),
    "Correction Record": ("Status", "Correction count", "Manifest contract", "Correction contract"),
    "Provenance": (
        "Publisher", "Public provenance", "Report artifact", "External record", "Claim lineage", "Review method",
        "Quality guide", "Provenance contract", "Note",
    ),
}  # fmt: skip
_HEADING = re.compile(rf"^[ \t\f]*(?:\d+\.?[ \t]+)?({'|'.join(_SECTIONS)})[ \t\r]*$", re.M)
_ROW = re.compile(r"^(?P<text>[^\t\n]+)\t[ ]*(?P<mark>[✓✔×✗✘])[ ]*\t[ ]*(?P<score>[01]?\.\d+|0|1)[ \r]*$", re.M)
_TICKS = "✓✔"
_MOST_ROWS, _LONGEST_VALUE, _LONGEST_TITLE = 500, 2000, 500
_ID = re.compile(r"^[ \t]*(SRCH:[0-9A-F]{8})[ \t\r]*$", re.M)
_ADDRESS = re.compile(r"<?(https?://[^\s<>]+)>?")
_BROKEN_WORD = re.compile(r"(?<=[a-z])- ?(?=[a-z])")


@dataclass(frozen=True)
class SeedText:
    """What a text states. `spans` are the places of its claims, `question` is as printed."""

    question: str
    foil: Foil
    spans: tuple[tuple[int, int], ...]

    @property
    def kind(self) -> str:
        return "report" if self.foil.methodology else "page"


def read_seed(text: str) -> SeedText:
    """A record page or the text of a report as what it states; sections that it lacks stay empty.

    Raises:
        ValueError: it is neither, or asks no question; the message says what is missing.
    """
    head, sections = _sections(text)
    report = "Introduction" in sections
    if "Abstract" not in sections or not (report or "Research Question" in sections):
        raise ValueError("it has no heading `Abstract`, or neither `Research Question` nor `1 Introduction`")
    question = _question(sections, report)
    if not question:
        raise ValueError("it states no research question")
    found = list(_ROW.finditer(text)) if report else []
    if len(found) > _MOST_ROWS:
        raise ValueError(f"its table has {len(found):,} rows of claims, {_MOST_ROWS} are read at most")
    rows = tuple(
        FoilRow(text=row["text"], tick=row["mark"] in _TICKS, confidence=min(1.0, float(row["score"]))) for row in found
    )
    stated = dict(_stated(head, sections))
    results = _unbroken(sections.get("Results", ""))
    for name, pattern in _RESULTS.items():
        if match := re.search(pattern, results):
            stated[name] = match[1]
    known = _ID.search(head)
    if known:
        stated["id"] = known[1]
    score = stated.get("Tribunal") or re.sub(r"/10$", "", stated.get("Review score", ""))
    threshold = re.search(r"threshold\s*=\s*(0?\.\d+)", sections.get("Methodology", ""))
    foil = Foil(
        title=_title(head, report),
        abstract=_abstract(sections["Abstract"]),
        introduction=plain(_unbroken(sections.get("Introduction", ""))),
        methodology=plain(_unbroken(sections.get("Methodology", ""))),
        results=plain(results),
        uncertainties=plain(_unbroken(sections.get("Uncertainties", ""))),
        claims=rows,
        references=tuple(dict.fromkeys(_ADDRESS.findall(sections.get("References", "")))),
        threshold=float(threshold[1]) if threshold else None,
        score=float(score) if re.fullmatch(r"\d+(\.\d+)?", score) and float(score) <= 10 else None,
        verdict=stated.get("verdict", ""),
        revision_round=int(stated["revision_round"]) if "revision_round" in stated else None,
        policy=stated.get("Policy", ""),
        stated=stated,
    )
    return SeedText(question, foil, tuple((row.start("text"), row.end("text")) for row in found))


def imported_foil(evidence: Evidence, texts: Texts) -> Foil:
    """The foil of an imported record: what its first source states, with what we find.

    Raises:
        TextMissing: a source's text is not at hand.
        ValueError: the first source is no text of the earlier system.
    """
    if not evidence.sources:
        raise ValueError("an imported record has the imported text as its first source")
    read = read_seed(_text(evidence.sources[0], texts))
    places = {claim.quotes[0].start: claim.id for claim in evidence.claims}
    rows = tuple(
        row.model_copy(update={"claim": places.get(start)})
        for row, (start, _) in zip(read.foil.claims, read.spans, strict=True)
    )
    foil = read.foil.model_copy(update={"claims": rows})
    return foil.model_copy(update={"findings": tuple(_findings(evidence, texts, foil))})


def _findings(evidence: Evidence, texts: Texts, foil: Foil) -> Iterator[Finding]:
    yield from _counts(foil)
    yield from _beside(evidence, texts, foil)
    yield from _sources(evidence, texts, foil)
    yield from _on_question(evidence, foil)
    yield from _whole(evidence, foil)
    yield from _judged(evidence, texts, foil)


def _counts(foil: Foil) -> Iterator[Finding]:
    """Counts that a text states beside what it shows."""
    ticked, rows = sum(row.tick for row in foil.claims), len(foil.claims)
    for name, label, found, what in (
        ("claims shown", "Source-grounded claims", rows, "claims are shown"),
        ("claims extracted", "extracted", rows, "rows are in its table"),
        ("claims ticked", "verified", ticked, "rows carry a tick"),
    ):
        if label in foil.stated:
            stated = foil.stated[label]
            yield Finding(name=name, stated=stated, found=f"{found} {what}", holds=stated == str(found))
    if foil.claims and foil.threshold is not None:
        off = [row for row in foil.claims if row.tick != (row.confidence >= foil.threshold)]
        yield Finding(
            name="ticks follow the threshold",
            stated=f"cosine at {foil.threshold:g}",
            found=f"{rows - len(off)} of {rows} rows agree with it",
            holds=not off,
        )
    if "retrieved" in foil.stated:
        listed = len(foil.references)
        retrieved = foil.stated["retrieved"]
        yield Finding(
            name="sources listed", stated=f"{retrieved} retrieved", found=f"{listed} listed",
            holds=retrieved == str(listed),
        )  # fmt: skip


def _beside(evidence: Evidence, texts: Texts, foil: Foil) -> Iterator[Finding]:
    """What other texts on the same question state: a page's count of verified claims is its report's count of ticks."""
    for source in evidence.sources[1:]:
        if not source.id.startswith(SCHEME):
            continue
        other = read_seed(_text(source, texts)).foil
        ours, theirs = foil.stated.get("Source-grounded claims"), other.stated.get("Source-grounded claims")
        page, report = (ours, other) if ours is not None else (theirs, foil)
        if page is None or not report.claims:
            continue
        ticked = sum(row.tick for row in report.claims)
        yield Finding(
            name="page and report agree",
            stated=f"{page} source-grounded claims on the page",
            found=f"{ticked} of {len(report.claims)} ticked in the report",
            holds=page == str(ticked),
        )


def _sources(evidence: Evidence, texts: Texts, foil: Foil) -> Iterator[Finding]:
    """Whether what it claims stands in what it names as far as that is at hand."""
    works = [source for source in evidence.sources if not source.id.startswith(SCHEME)]
    held = [_joined(_text(work, texts)) for work in works]
    at_hand = f"{len(works)} of the {len(foil.references)} listed sources are at hand"
    if not foil.references:
        at_hand = "no source is listed"
    if foil.claims:
        whole = [row for row in foil.claims if any(_joined(row.text) in text for text in held)]
        stated = f"{len(foil.claims)} claims"
        found = f"{len(whole)} stand in a source word for word; {at_hand}"
        yield Finding(name="quotes located", stated=stated, found=found, holds=len(whole) == len(foil.claims))
    else:
        stated = foil.stated.get("Source-grounded claims", "no count")
        found = f"no claim has a text that could be located; {at_hand}"
        yield Finding(name="quotes located", stated=f"{stated} claims", found=found, holds=stated == "0")


def _on_question(evidence: Evidence, foil: Foil) -> Iterator[Finding]:
    """Whether what is shown under the question is about it, and answers it."""
    shown = " ".join([foil.abstract, *(row.text for row in foil.claims)])
    for system in evidence.question.facets.system:
        named = mentions(shown, system)
        found = "named in what is shown" if named else "neither its abstract nor its claims name it"
        yield Finding(name=f"named system: {system}", stated="asked about", found=found, holds=named)
    groups = evidence.provenance.subject_terms
    if groups:
        on = sum(speaks_of(row.text, groups) for row in foil.claims)
        abstract = "speaks" if speaks_of(foil.abstract, groups) else "does not speak"
        yield Finding(
            name="on the subject",
            stated=f"abstract and {len(foil.claims)} claims",
            found=f"the abstract {abstract} of the question's subject, {on} claims do",
            holds=speaks_of(foil.abstract, groups) and on == len(foil.claims),
        )
    found = "no section answers the question or says that it was not measured"
    yield Finding(name="answers the question", stated="abstract of one source", found=found, holds=False)


def _whole(evidence: Evidence, foil: Foil) -> Iterator[Finding]:
    """Texts that are cut, mid-word and without a mark."""
    question = plain(evidence.question.text)
    cut = []
    if len(foil.title) < len(question) and question.startswith(foil.title):
        cut.append(f"title at {len(foil.title)}")
    if len(foil.abstract) >= ABSTRACT_CUT - 12 and foil.abstract[-1:].isalnum():  # white space was put in order
        cut.append(f"abstract at {len(foil.abstract)}")
    rows = sum(len(_joined(row.text)) >= CLAIM_CUT - 8 and row.text[-1].isalnum() for row in foil.claims)
    if rows:
        cut.append(f"{rows} of {len(foil.claims)} claims at {CLAIM_CUT}")
    stated = f"title of {TITLE_CUT}, abstract of {ABSTRACT_CUT} characters at most"
    yield Finding(name="texts whole", stated=stated, found="cut: " + ", ".join(cut) if cut else "whole", holds=not cut)


def _judged(evidence: Evidence, texts: Texts, foil: Foil) -> Iterator[Finding]:
    """Its judgements beside those that our rules give the imported record."""
    ours = assess(evidence, texts)
    if foil.score is not None:
        stated, found = f"{foil.score:g} of 10", f"{ours.tribunal.score:g} of 10 by our checks"
        yield Finding(name="review score", stated=stated, found=found, holds=foil.score == ours.tribunal.score)
        claims = foil.stated.get("verified") or foil.stated.get("Source-grounded claims")
        number = int(claims) if claims and re.fullmatch(r"[0-9]{1,6}", claims) else 0
        meets = foil.score >= REVISE_BELOW and number >= BAR_CLAIMS
        stated = f"{foil.score:g} of 10, {claims or 'no'} claims counted as verified"
        found = f"the publisher's own bar is {REVISE_BELOW:g} and {BAR_CLAIMS} claims"
        yield Finding(name="publication bar", stated=stated, found=found, holds=meets)
    level = re.match(r"L(\d)", foil.stated.get("Paper level", ""))
    if level:
        found = f"{ours.verification_level} by our rules"
        holds = int(level[1]) == ours.verification_level
        yield Finding(name="verification level", stated=foil.stated["Paper level"], found=found, holds=holds)
    for name, label, due in (
        ("quality tier", "Tier", ours.quality_tier.value),
        ("gate verdict", "Status", ours.gate_verdict.status.value),
        ("policy", "Policy", ours.decision.policy.value),
    ):
        if label in foil.stated:
            stated = foil.stated[label]
            holds = stated.upper().replace(" ", "_") == due
            yield Finding(name=name, stated=stated, found=f"{due} by our rules", holds=holds)


def _sections(text: str) -> tuple[str, dict[str, str]]:
    """What stands before the first heading, and each section's text; of two of one name the first counts."""
    marks = list(_HEADING.finditer(text))
    sections: dict[str, str] = {}
    for mark, end in zip(marks, [*(mark.start() for mark in marks[1:]), len(text)], strict=False):
        sections.setdefault(mark[1], text[mark.end() : end].strip())
    return text[: marks[0].start()] if marks else text, sections


def _stated(head: str, sections: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Label and value of every row of a page, in a table, after a colon or without anything between."""
    for section, labels in _LABELS.items():
        for line in (head if section == "" else sections.get(section, "")).splitlines():
            row = line.strip().strip("|").strip()
            label = next((label for label in sorted(labels, key=len, reverse=True) if row.startswith(label)), None)
            value = plain(row[len(label) :].strip(" |:\t"))[:_LONGEST_VALUE] if label else ""
            if label and value:
                yield (f"{section}: {label}" if section == "Correction Record" else label), value


_RESULTS = {
    "retrieved": r"(\d{1,6}) papers retrieved",
    "extracted": r"(\d{1,6}) claims extracted",
    "verified": r"claims extracted, (\d{1,6}) verified",
    "Tribunal": r"Tribunal:\s*(\d{1,2}(?:\.\d{1,4})?)/10",
    "verdict": r"/10\s*(?:→|->)\s*([A-Z]+)",
    "revision_round": r"revision_round=(\d{1,3})",
    "Policy": r"Policy:\s*([A-Z_]+)",
}


def _question(sections: dict[str, str], report: bool) -> str:
    if not report:
        return plain(sections["Research Question"])
    goal = re.search(r"Research goal:\s*(.+)\Z", sections["Introduction"], re.S)
    return re.sub(r"(?<=[?!.])\.$", "", plain(_unbroken(goal[1]))) if goal else ""


def _title(head: str, report: bool) -> str:
    """The longest line before the abstract is the title, whatever menus stand there."""
    lines = [plain(line) for line in head.splitlines() if not _ID.match(line)]
    title = max(lines, key=len, default="")
    return (title.removeprefix("SOVEREIGN: ") if report else title)[:_LONGEST_TITLE]


def _abstract(section: str) -> str:
    return re.sub(r"^(?:Abstract:?\s+)+", "", plain(section))


def _unbroken(text: str) -> str:
    """Text whose words were broken at line ends, with the words whole."""
    return re.sub(r"(?<=\w)-\r?\n(?=\w)", "", text)


def _joined(text: str) -> str:
    return _BROKEN_WORD.sub("", plain(text)).rstrip(".").casefold()


def _text(source: Source, texts: Texts) -> str:
    text = texts(source.sha256)
    if text is None:
        raise TextMissing(f"the text of {source.id} is not at hand")
    return text
