"""Answer: written from cells alone. Each sentence carries the ids of its claims; a gap is said to be one, by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from sovereign.judge import name_key, numbers_in, status_of, unfounded_numbers, without_marks
from sovereign.records import (
    Agreement,
    Answer,
    AnswerStatus,
    Cell,
    Claim,
    DiffersIn,
    Grounding,
    Outcome,
    ReproductionStatus,
    Sentence,
    Source,
    SourceKind,
    TextLevel,
)

from .documents import Compared, Found, Plan, Reading, Tabled, Written
from .matching import PROVED

NEAREST_IN_ANSWER = 7
#: Said of an answer before which no service was asked.
ONLY_LIBRARY = "Only the library was searched: a source that it does not hold was not considered."
_DIFFERENCE = {
    DiffersIn.SYSTEM: "system",
    DiffersIn.METRIC: "metric",
    DiffersIn.BENCHMARK: "benchmark",
    DiffersIn.BASELINE: "baseline",
    DiffersIn.CONDITION: "conditions",
    DiffersIn.IMPLEMENTATION: "implementation",
    DiffersIn.SCALE: "scale",
    DiffersIn.HARDWARE: "hardware",
}


def write(planned: Plan, found: Found, reading: Reading, compared: Compared, tabled: Tabled) -> Written:
    """The answer and the limitations that go with how it was read."""
    claims = {claim.id: claim for claim in compared.claims}
    sources = {item.source.id: item.source for item in reading.sources}
    writer = _Writer(planned, claims, sources, _tested(compared))
    filled = [cell for cell in tabled.cells if not cell.gap]
    gaps = [cell for cell in tabled.cells if cell.gap]
    contested = any(claims[c].agreement is Agreement.CONTESTED for cell in filled for c in cell.claims)
    status = status_of(tabled.cells, len(filled), contested, len(sources))
    sentences: list[Sentence] = []
    for cell in filled:
        sentences += writer.filled(cell)
    if status is AnswerStatus.NO_EVIDENCE:
        sentences += writer.nothing(tabled.cells)
    else:
        sentences += writer.gaps(gaps)
        sentences += writer.said_missing(gaps, compared.claims)
        sentences += writer.nearest(gaps)
    sentences += [
        Sentence(text=f"{missing.name} is named in the question, but no source of its own was found.")
        for missing in found.missing
    ]
    answer = Answer(status=status, sentences=tuple(sentences))
    return Written(answer=answer, limitations=limitations(reading, compared, found, tabled))


def limitations(reading: Reading, compared: Compared, found: Found, tabled: Tabled) -> tuple[str, ...]:
    """What a reader must know about how the answer was made; each line only where it applies."""
    sources = [item.source for item in reading.sources]
    said = []
    if any(s.kind is SourceKind.WORK and s.text_level is not TextLevel.FULL_TEXT for s in sources):
        said.append("Works were read as abstracts, not in full: what a paper reports only in its body was not seen.")
    if any(s.kind is SourceKind.NOTE for s in sources):
        said.append("Notes are our own words on works; a claim that rests on a note was not checked against the work.")
    if compared.claims:
        said.append("Stance was not assessed: no model read whether one source supports or refutes another.")
        said.append("Facets were read from sentences by rules, which can misread who, what or under which condition.")
    fills = {name for cell in tabled.cells for name in cell.claims}
    measuring = {claim.quotes[0].source for claim in compared.claims if claim.id in fills}
    if any(s.kind is SourceKind.MEASUREMENT and s.id not in measuring for s in sources):
        said.append("Our own measurements differ in implementation, scale and hardware from what the question asks.")
    for run in compared.reproductions:
        if any(one.changed for one in run.earlier):
            said.append(
                f"The pack {run.pack} was changed after it had been run: what changed, and what it came to before, "
                "stands with its reproduction."
            )
    said.append(ONLY_LIBRARY)
    if tabled.left_out:
        asked = len(tabled.cells) + tabled.left_out
        said.append(
            f"The question asks for {asked} combinations of system, metric and benchmark; the first "
            f"{len(tabled.cells)} were looked at and {tabled.left_out} were not: ask for those in another question."
        )
    if found.missing:
        said.append("A system that the question names has no source of its own here.")
    return tuple(said)


class _Writer:
    def __init__(
        self, planned: Plan, claims: dict[str, Claim], sources: dict[str, Source], tested: dict[str, Outcome]
    ) -> None:
        self._tested = tested
        self._planned = planned
        self._claims = claims
        self._sources = sources

    def filled(self, cell: Cell) -> list[Sentence]:
        """One sentence per claim that fills a cell."""
        about = f"{_capital(_name(cell))}: " if cell.facets.metric or cell.facets.system else ""
        told: dict[str, list[str]] = {}
        for claim in cell.claims:
            told.setdefault(self._claims[claim].text, []).append(claim)
        return [
            self._safe(_capital(f"{about}{self._says(self._claims[same[0]])}"), same, [cell.id])
            for same in list(told.values())[:3]
        ]

    def gaps(self, gaps: Sequence[Cell]) -> list[Sentence]:
        """The gaps, one sentence per system, with metrics and benchmarks by name."""
        by_system: dict[str | None, list[Cell]] = {}
        for cell in gaps:
            by_system.setdefault(cell.facets.system, []).append(cell)
        found: list[Sentence] = []
        for system, cells in by_system.items():
            for group in _rectangles(cells):
                metrics = _listed(dict.fromkeys(c.facets.metric for c in group if c.facets.metric))
                benchmarks = _listed(dict.fromkeys(c.facets.benchmark for c in group if c.facets.benchmark))
                of = f" of {system}" if system else ""
                what = f"{metrics}{of}" if metrics else system or group[0].facets.subject or "what is asked"
                where = f" on {benchmarks}" if benchmarks else ""
                asked = f"as the question asks{_terms(group[0])}"
                text = f"Not measured: no source that was read measures {what}{where} {asked}."
                if not system and not metrics and not benchmarks:
                    text = f"Not measured: no sentence that was read gives a result on all of {what} together."
                found.append(Sentence(text=text, cells=tuple(cell.id for cell in group)))
        return found

    def said_missing(self, gaps: Sequence[Cell], claims: Iterable[Claim]) -> list[Sentence]:
        """Sources that themselves say that it was not measured: up to two per system."""
        found: list[Sentence] = []
        used: set[tuple[str, int | None]] = set()
        for system in dict.fromkeys(cell.facets.system for cell in gaps if cell.facets.system):
            cells = [cell for cell in gaps if cell.facets.system == system]
            asked = {cell.facets.metric for cell in cells}
            benchmarks = {name_key(cell.facets.benchmark or "") for cell in cells} - {""}
            fitting = [
                claim
                for claim in claims
                if claim.stated_negative
                and name_key(claim.facets.system or "") == name_key(system)
                and (claim.facets.metric in asked or name_key(claim.facets.benchmark or "") in benchmarks)
            ]
            for claim in fitting:
                place = (claim.quotes[0].source, claim.quotes[0].start)
                if place in used or sum(s.cells[0] in {c.id for c in cells} for s in found) >= 2:
                    continue
                used.add(place)
                found.append(self._safe(_capital(self._says(claim)), [claim.id], [cell.id for cell in cells]))
        return found

    def nearest(self, gaps: Sequence[Cell]) -> list[Sentence]:
        """The nearest results over all gaps, each sentence once, the best of every gap before the second of any."""
        order: dict[str, list[tuple[str, tuple[DiffersIn, ...]]]] = {}
        for depth in range(max((len(cell.nearest) for cell in gaps), default=0)):
            for cell in gaps:
                if depth < len(cell.nearest):
                    item = cell.nearest[depth]
                    order.setdefault(item.claim, []).append((cell.id, item.differs_in))
        found: list[Sentence] = []
        texts: set[str] = set()
        for claim_id, beside in order.items():
            claim = self._claims[claim_id]
            if claim.text in texts or len(found) >= NEAREST_IN_ANSWER:
                continue
            texts.add(claim.text)
            differs = _listed(_DIFFERENCE[d] for d in beside[0][1])
            text = f"Nearest, differing in {differs}: {self._says(claim)}"
            found.append(self._safe(text, [claim_id], [cell for cell, _ in beside]))
        return found

    def nothing(self, cells: Sequence[Cell]) -> list[Sentence]:
        """No source at all: say so, and that every cell is unmeasured here."""
        about = "; ".join(dict.fromkeys(_name(cell) for cell in cells)) or "the question"
        text = f"No evidence: the library holds no source that speaks of the question, so {about} is not measured here."
        return [Sentence(text=text, cells=tuple(cell.id for cell in cells))]

    def _says(self, claim: Claim) -> str:
        """Whose words, and the words."""
        source = self._sources[claim.quotes[0].source]
        short = self._short(source)
        if claim.grounding is Grounding.MEASURED and claim.facets.unit == PROVED:
            return f"a proof of ours, which a prover accepts, says: “{claim.text.rstrip('.')}”."
        if claim.grounding is Grounding.MEASURED:
            verdict = {
                Outcome.REFUTED: ", which refutes what its pack claims",
                Outcome.NOT_RESOLVED: ", which does not settle what its pack claims",
            }.get(self._tested.get(claim.id, Outcome.SUPPORTED), "")
            return f"our own measurement gives {_measured_words(claim).removesuffix('.')}{verdict}."
        words = without_marks(claim.text).strip().rstrip(". ")
        run = {
            ReproductionStatus.REPRODUCED: " (our own run supports this)",
            ReproductionStatus.FALSIFIED: " (our own run refutes this)",
        }.get(claim.reproduction, "")
        run += {
            Agreement.CORROBORATED: " (another source gives the same figure)",
            Agreement.CONTESTED: " (another source gives another figure)",
        }.get(claim.agreement, "")
        run += " (read by the owner, not by rule)" if claim.by_hand else ""
        if claim.grounding is Grounding.REPORTED:
            about = f" on {short}" if source.about else ""
            return f"our note{about} says: “{words}”{run}."
        return f"the {_level(source)} of {short} says: “{words}”{run}."

    def _short(self, source: Source) -> str:
        """A short name, with the title where two systems of one name are among the sources."""
        name = _short(source)
        if not source.systems:
            return name
        key = name_key(source.systems[0])
        roots = {s.about or s.id for s in self._sources.values() if s.systems and name_key(s.systems[0]) == key}
        title = re.sub(r"\s*\(our note\)\s*$", "", source.title)
        return title if len(roots) > 1 and len(title) <= 120 else name

    def _safe(self, text: str, claims: list[str], cells: list[str]) -> Sentence:
        """A sentence whose every number stands in its quotes or in the question; else the bare quote speaks."""
        quotes = [quote.text for claim in claims for quote in self._claims[claim].quotes]
        if unfounded_numbers(text, quotes, self._planned.question):
            claim = self._claims[claims[0]]
            kind = {Grounding.REPORTED: "Our note", Grounding.MEASURED: "Our own measurement"}.get(claim.grounding)
            kind = kind or "A source"
            words = claim.quotes[0].text if claim.grounding is Grounding.MEASURED else claim.text
            by = ", as the owner reads it" if claim.by_hand else ""
            text = f"{kind} says{by}: “{words}”"
        return Sentence(text=text, claims=tuple(claims), cells=tuple(cells))


def _tested(compared: Compared) -> dict[str, Outcome]:
    """What came of the claims that a measurement's own pack puts to the test."""
    return {
        outcome.measured_claim: outcome.outcome
        for run in compared.reproductions
        for outcome in run.outcomes
        if outcome.measured_claim is not None and outcome.put_to_test
    }


def _measured_words(claim: Claim) -> str:
    """A pack's statement with the measured value, as far as its numbers stand in the measured results."""
    quoted = {number for quote in claim.quotes for number in numbers_in(quote.text)}
    value = claim.facets.value or 0.0
    shown = next((n for q in claim.quotes for n in numbers_in(q.text) if abs(float(n) - abs(value)) < 1e-9), "")
    unit = f" {claim.facets.unit}" if claim.facets.unit else ""
    if all(number in quoted for number in numbers_in(claim.text)):
        return f"{shown}{unit} for “{claim.text.rstrip('.')}”."
    return f"a {claim.facets.metric or 'value'} of {shown}{unit}."


def _terms(cell: Cell) -> str:
    """Against what and under which conditions a cell asks, in brackets.

    Conditions with a number are left to the question: every number of an answer is to stand in a quote.
    """
    baselines = [name for name in (cell.facets.baseline or "").split("; ") if name]
    against = [f"against {' or '.join(baselines)}"] if baselines else []
    plain = [condition for condition in cell.facets.condition if not numbers_in(condition)]
    whole = [one for one in plain if not any(one != other and name_key(one) in name_key(other) for other in plain)]
    asked = "; ".join([*against, *whole])
    return f" ({asked})" if asked else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _name(cell: Cell) -> str:
    facets = cell.facets
    what = facets.metric or facets.subject or "what is asked"
    of = f" of {facets.system}" if facets.system else ""
    on = f" on {facets.benchmark}" if facets.benchmark else ""
    return f"{what}{of}{on}"


def _short(source: Source) -> str:
    """A short name: the systems it is on, else the title."""
    title = re.sub(r"\s*\(our note\)\s*$", "", source.title)
    head = title.split(":", 1)[0]
    return source.systems[0] if source.systems else head if len(head) <= 60 else head[:57].rstrip() + "…"


def _level(source: Source) -> str:
    return {TextLevel.ABSTRACT: "abstract", TextLevel.METADATA: "listing"}.get(
        source.text_level or TextLevel.FULL_TEXT, "text"
    )


def _listed(items: Iterable[str | None]) -> str:
    names = [item for item in items if item]
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else "".join(names)


def _rectangles(cells: Sequence[Cell]) -> list[list[Cell]]:
    """Groups of cells that one sentence can name without claiming more: full metric x benchmark rectangles."""
    by_benchmarks: dict[tuple[str | None, ...], list[Cell]] = {}
    metrics: dict[str | None, list[Cell]] = {}
    for cell in cells:
        metrics.setdefault(cell.facets.metric, []).append(cell)
    for group in metrics.values():
        key = tuple(sorted(c.facets.benchmark or "" for c in group))
        by_benchmarks.setdefault(key, []).extend(group)
    return list(by_benchmarks.values())
