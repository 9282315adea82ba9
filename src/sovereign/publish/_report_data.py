"""A record as the plain values that the report's template sets: text, numbers and lists, no markup."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sovereign.judge import TIER_BASIS
from sovereign.records import (
    CheckState,
    ClaimOutcome,
    Event,
    Foil,
    Grounding,
    HandApplied,
    Outcome,
    Record,
    SourceKind,
    State,
)

from . import _words as words
from ._matrix import Finding, Matrix, Square, matrix
from ._safe import clip, visible, web_address
from ._view import ClaimView, SentenceView, SourceView, Texts, View

#: The longest text of one field, in characters. The complete one is in the record.
_LONGEST = 1200
_DROPS_BY_RULE, _OUTCOMES_SHOWN, _STRIP_LEAST = 12, 12, 3
_TONES = {"draft": "warn", "rejected": "bad", "retracted": "bad", "corrected": "warn", "published": "good"}


def report_data(
    record: Record,
    state: State,
    *,
    texts: Texts,
    events: Sequence[Event] = (),
    versions: Sequence[int] = (),
    signer: str | None = None,
) -> dict[str, Any]:
    """Everything that the report shows of a record, as JSON values; see `render_report` for the arguments."""
    view = View(record, texts)
    label, why = words.standing(state)
    if record.version != state.version:
        why = f"The newest version of this record is {state.version}. {label}. {why}"
        label = f"Version {record.version}"
    shown: dict[str, Any] = _plain(
        {
            "title": record.question.text,
            "id": record.id,
            "version": record.version,
            "versions": list(versions) or [record.version],
            "made": words.moment(record.times.created_at),
            "banner": {
                "label": label or "Published",
                "text": why or "Its owner has approved this record for publication.",
                "tone": _TONES.get(state.standing, "warn"),
            },
            "gate": record.gate_verdict.status.value,
            "reproduced": f"{record.counts.cells_reproduced} of {words.plural(record.counts.cells, 'cell')} reproduced",
            "profile": record.provenance.profile.value,
            "foil": _foil(record.foil),
            "status": words.STATUS[record.answer.status],
            "why": words.explained(record.answer.status, record.counts, record.provenance.profile),
            "asked": [(label, ", ".join(values)) for label, values in words.asked(record.question.facets) if values],
            "sentences": [_sentence(item) for item in view.sentences if not item.aside],
            "asides": [_sentence(item) for item in view.sentences if item.aside],
            "missing": [{"name": one.name, "reason": one.reason} for one in record.missing_systems],
            "matrix": _matrix(matrix(record, view.numbers)),
            "flow": _flow(record),
            "read": _read(record),
            "strips": _strips(view.claims),
            "searches": _searches(record),
            "drops": Counter(drop.rule for drop in record.dropped).most_common(_DROPS_BY_RULE),
            "judged": _judged(record),
            "reviews": [_review(review) for review in record.tribunal.reviews],
            "parameters": _parameters(record),
            "limitations": record.limitations,
            "faults": [
                f"claim {item.number}: {quote.fault}" for item in view.claims for quote in item.quotes if quote.fault
            ],
            "claims": [_claim(item) for item in view.claims],
            "runs": _runs(record),
            "references": [_reference(item) for item in view.sources if item.claims],
            "others": [_reference(item) for item in view.sources if not item.claims],
            "events": [
                {"at": words.moment(event.at), "what": event.type.value, "version": event.version, "note": event.note}
                for event in events
            ],
            "check": {"signer": signer, "folder": record.folder, **_digests(record)},
        }
    )
    return shown


def _plain(value: Any) -> Any:
    """The value with every text made safe to look at and cut to a length that a page can hold."""
    if isinstance(value, str):
        return visible(clip(value, _LONGEST))
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _foil(foil: Foil | None) -> dict[str, Any] | None:
    """What another method prints: its sections, its claim table, and of an imported text what does not hold."""
    if foil is None:
        return None
    parts = [("Title", foil.title), ("Abstract", foil.abstract), ("Introduction", foil.introduction)]
    parts += [("Methodology", foil.methodology), ("Results", foil.results), ("Uncertainties", foil.uncertainties)]
    holds = {True: "holds", False: "does not hold", None: "not recomputed"}
    return {
        "sections": [part for part in parts if part[1]],
        "rows": [[row.text, "tick" if row.tick else "cross", f"{row.confidence:.2f}"] for row in foil.claims],
        "references": foil.references,
        "findings": [[one.name, one.stated, one.found, holds[one.holds]] for one in foil.findings],
        "remarks": [
            [review.role.value, "" if review.score is None else f"{review.score:g}", review.remark or review.fault]
            for review in foil.reviews
        ],
    }


def _sentence(item: SentenceView) -> dict[str, Any]:
    cited = [{"label": cited.label, "numbers": [number for number, _ in cited.claims]} for cited in item.cited]
    return {"text": item.text, "cited": cited}


def _matrix(grid: Matrix | None) -> dict[str, Any] | None:
    if grid is None:
        return None
    return {
        "row_axes": grid.row_axes,
        "column_axis": grid.column_axis,
        "columns": grid.columns,
        "rows": [
            {"names": row.names, "squares": [[_square(square) for square in place] for place in row.squares]}
            for row in grid.rows
        ],
        "fixed": grid.fixed,
        "summary": grid.summary,
    }


def _square(square: Square) -> dict[str, Any]:
    return {
        "id": square.id.replace("-", " "),
        "state": square.state,
        "word": square.word,
        "found": [_finding(item) for item in square.found],
        "nearest": [_finding(item) for item in square.nearest],
    }


def _finding(item: Finding) -> dict[str, Any]:
    return {
        "numbers": [number for number, _ in item.claims],
        "words": item.words,
        "whose": item.whose,
        "ours": item.measured_by_us,
        "differs": item.differs,
    }


def _flow(record: Record) -> list[tuple[str, int]]:
    """From what the searches returned to what the answer rests on: how many are left at each step."""
    counts = record.counts
    returned = {hit.source for search in record.searches for hit in search.hits}
    return [
        ("sources that the searches returned", len(returned)),
        ("kept and read", counts.sources),
        ("claims that something here refers to", counts.claims),
        ("cited in the answer", counts.claims_in_answer),
        ("in cells", counts.claims_in_cells),
    ]


def _read(record: Record) -> str:
    """What was read and how much of it, in a sentence."""
    kinds = Counter(words.source_kind(source).partition(":")[0].lower() for source in record.sources)
    levels = Counter(words.TEXT_LEVEL[source.text_level] for source in record.sources if source.text_level)
    if not kinds:
        return "Nothing was read."
    read = "Read were " + ", ".join(words.plural(number, kind) for kind, number in sorted(kinds.items()))
    how = "; ".join(f"{level}: {number}" for level, number in levels.most_common())
    return f"{read} (of the works, {how})." if how else f"{read}."


def _strips(claims: Sequence[ClaimView]) -> list[dict[str, Any]]:
    """Values of claims by metric and unit, for the strip chart: groups of three or more, the largest first."""
    groups: dict[tuple[str, str], list[ClaimView]] = {}
    for item in claims:
        facets = item.claim.facets
        if facets.value is not None and facets.metric and abs(facets.value) < 1e12:
            groups.setdefault((facets.metric, facets.unit or ""), []).append(item)
    large = sorted((pair for pair in groups.items() if len(pair[1]) >= _STRIP_LEAST), key=lambda pair: -len(pair[1]))
    return [
        {
            "metric": metric,
            "unit": unit,
            "points": [
                {
                    "value": item.claim.facets.value,
                    "number": item.number,
                    "fills": bool(item.cells),
                    "ours": item.claim.grounding is Grounding.MEASURED,
                }
                for item in found
            ],
        }
        for (metric, unit), found in large[:6]
    ]


def _searches(record: Record) -> list[dict[str, Any]]:
    kept = {source.id for source in record.sources}
    return [
        {
            "id": search.id,
            "where": search.connector,
            "round": search.round,
            "purpose": search.purpose,
            "query": search.query,
            "require": " and ".join(" or ".join(group[:6]) for group in search.require),
            "hits": len(search.hits),
            "kept": sum(hit.source in kept for hit in search.hits),
        }
        for search in record.searches
    ]


def _judged(record: Record) -> list[tuple[str, str]]:
    level = record.verification_level
    return [
        ("Tribunal", f"{record.tribunal.score:.2f} of 10, {record.tribunal.verdict.value}, "
                     f"{words.plural(record.tribunal.revision_round, 'revision')}"),
        ("Policy", f"{record.decision.policy.value}: {'; '.join(record.decision.reasons)}"),
        ("Gate verdict", f"{record.gate_verdict.status.value}: {record.gate_verdict.reason}"),
        ("Verification level", f"{level} of 7, {words.LEVELS[level][0].lower()}: {words.LEVELS[level][1]}"),
        ("Quality tier", f"{words.TIER[record.quality_tier]}: {TIER_BASIS[record.quality_tier]}"),
    ]  # fmt: skip


def _review(review: Any) -> dict[str, Any]:
    failed = [check for check in review.checks if check.state is CheckState.FAILED]
    return {
        "role": review.role.value,
        "score": review.score,
        "failed": [{"name": one.name.replace("_", " "), "points": one.points, "reason": one.reason} for one in failed],
        "others": Counter(check.state.value for check in review.checks if check.state is not CheckState.FAILED),
    }


def _parameters(record: Record) -> list[dict[str, Any]]:
    """Every parameter that the record was made with, in groups."""
    made = record.provenance.to_json()
    policy = made.pop("policy")
    terms = made.pop("facet_terms", {})
    subject = made.pop("subject_terms", [])
    rows = [(name.replace("_", " "), _said(value)) for name, value in made.items() if name != "audit_head"]
    return [
        {"title": "Version and inputs", "rows": [("library digest", record.library_digest), *rows]},
        {
            "title": "Terms",
            "rows": [
                *((f"subject, group {at}", ", ".join(group)) for at, group in enumerate(subject, 1)),
                *((name.replace(":", " ", 1), ", ".join(group)) for name, group in terms.items()),
            ],
        },
        {
            "title": f"Policy “{policy.pop('name')}”",
            "rows": [(name.replace("_", " "), _said(value)) for name, value in policy.items()],
        },
        *([{"title": "The owner's hand", "rows": [*map(_entry, record.hand)]}] if record.hand else []),
    ]


def _entry(given: HandApplied) -> tuple[str, str]:
    entry = given.entry
    about = entry.claim.text if entry.claim else entry.quote.text if entry.quote else entry.source or ""
    told = f"{clip(about, 300)}: {given.outcome} ({clip(entry.note, 300)})"
    return f"entry {entry.number}, {entry.kind.value}", told


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return "; ".join(f"{name} {_said(item)}" for name, item in value.items()) or "none"
    if isinstance(value, list):
        return "; ".join(_said(item) for item in value) or "none"
    return "none" if value is None else str(value)


def _claim(item: ClaimView) -> dict[str, Any]:
    return {
        "number": item.number,
        "text": item.claim.text,
        "whose": item.label,
        "note": item.own_words,
        "grounding": item.claim.grounding.value,
        "agreement": item.claim.agreement.value.replace("_", " "),
        "reproduction": item.claim.reproduction.value.replace("_", " "),
        "packs": item.packs,
        "place": "answer" if item.in_answer else "cell" if item.cells else "nearest" if item.near else "read",
        "read": [pair for pair in words.reading(item.claim) if pair[0] != "subject"],
    }


def _runs(record: Record) -> list[dict[str, Any]]:
    return [
        {
            "pack": run.pack,
            "isolation": run.isolation,
            "pack_digest": run.pack_digest,
            "results": run.results_sha256,
            "totals": sorted(Counter(one.outcome.value.replace("_", " ") for one in run.outcomes).items()),
            "outcomes": [
                {"claim": one.pack_claim, "outcome": one.outcome.value.replace("_", " "), "reason": one.reason}
                for one in _telling(run.outcomes)[:_OUTCOMES_SHOWN]
            ],
            "left_out": max(0, len(run.outcomes) - _OUTCOMES_SHOWN),
        }
        for run in record.reproductions
    ]


def _telling(outcomes: Sequence[ClaimOutcome]) -> list[ClaimOutcome]:
    """What did not come out as the pack expected first: of many that did, a dozen tell as much as all."""
    return sorted(outcomes, key=lambda one: one.outcome is Outcome.SUPPORTED)


def _reference(item: SourceView) -> dict[str, Any]:
    source = item.source
    return {
        "number": item.number,
        "authors": ", ".join(source.authors[:8]) + (" and others" if len(source.authors) > 8 else ""),
        "year": source.year,
        "title": source.title,
        "name": words.work_name(source.id) if source.kind is SourceKind.WORK else source.id,
        "address": web_address(source.address),
        "kind": words.source_kind(source),
        "sha256": source.sha256,
        "claims": [number for number, _ in item.claims],
    }


def _digests(record: Record) -> dict[str, str]:
    return {"body": record.body_digest, "library": record.library_digest, "code": record.provenance.code_digest}
