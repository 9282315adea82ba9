"""What changed between two versions of a record, or two records: claims, cells, sources, and why the score moved.

Claims are told apart by what they say and where: source, sentence, value and metric; one whose reading was mended, by
its id. Cells by their facets. The score's change is given check by check, with the ids that each check is about; the
parts, and what is lost by rounding, add up to the whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import Field

from sovereign.records import Cell, Check, Claim, Document, Record, Review, Revision


class CheckChange(Document):
    """One check of one reviewer that took other points than before."""

    role: str
    check: str
    before: float
    after: float
    reason_before: str
    reason_after: str
    about_won: tuple[str, ...] = Field(default=(), description="what the check finds fault with now and did not before")
    about_lost: tuple[str, ...] = Field(default=(), description="what it found fault with before and does not now")

    @property
    def effect(self) -> float:
        """What it did to the record's score: points taken are shared by three reviewers."""
        return round((self.before - self.after) / 3, 4)


class ReviewerChange(Document):
    """A reviewer's score before and after. `held` is what the floor of zero kept from counting, after less before."""

    role: str
    before: float
    after: float
    held: float


class FieldChange(Document):
    """A field that is another one now; empty where there was, or is, none."""

    field: str
    before: str
    after: str


class ClaimChange(Document):
    """A claim that is in both, with what is said of it now in place of before."""

    text: str
    source: str
    changes: tuple[FieldChange, ...]


class CellChange(Document):
    facets: str
    before: str
    after: str


class Changes(Document):
    """The difference of two records, the older one first."""

    before: str
    after: str
    fields: tuple[FieldChange, ...]
    inputs: tuple[FieldChange, ...]
    answer_won: tuple[str, ...]
    answer_lost: tuple[str, ...]
    claims_won: tuple[str, ...]
    claims_lost: tuple[str, ...]
    claims_changed: tuple[ClaimChange, ...]
    cells: tuple[CellChange, ...]
    sources_won: tuple[str, ...]
    sources_lost: tuple[str, ...]
    sources_changed: tuple[str, ...]
    searches_won: tuple[str, ...]
    searches_lost: tuple[str, ...]
    dropped_won: tuple[str, ...]
    dropped_lost: tuple[str, ...]
    limitations_won: tuple[str, ...]
    limitations_lost: tuple[str, ...]
    score_before: float
    score_after: float
    reviewers: tuple[ReviewerChange, ...]
    checks: tuple[CheckChange, ...]
    rounding: float = Field(description="what no check and no floor tells: scores have two decimals")

    @property
    def none(self) -> bool:
        """Whether the two say the same."""
        return not any(value for value in self.__dict__.values() if isinstance(value, tuple))


def changes(before: Record, after: Record) -> Changes:
    """What `after` says otherwise than `before`."""
    pairs = _paired(before, after)
    paired_before, paired_after = ({pair[side].id for pair in pairs} for side in (0, 1))
    said_won, said_lost = _won_and_lost(before, after, lambda one: [sentence.text for sentence in one.answer.sentences])
    asked_won, asked_lost = _won_and_lost(before, after, _queries)
    cut_won, cut_lost = _won_and_lost(before, after, lambda one: [f"{d.source}: {d.rule}" for d in one.dropped])
    limits_won, limits_lost = _won_and_lost(before, after, lambda one: list(one.limitations))
    held_before = {source.id: source.sha256 for source in before.sources}
    held_after = {source.id: source.sha256 for source in after.sources}
    return Changes(
        before=f"{before.id}@{before.version}",
        after=f"{after.id}@{after.version}",
        fields=_fields(_judged(before), _judged(after)),
        inputs=_fields(_inputs(before), _inputs(after)),
        answer_won=said_won,
        answer_lost=said_lost,
        claims_won=tuple(claim.text for claim in after.claims if claim.id not in paired_after),
        claims_lost=tuple(claim.text for claim in before.claims if claim.id not in paired_before),
        claims_changed=tuple(
            ClaimChange(text=new.text, source=new.quotes[0].source, changes=changed)
            for old, new in pairs
            if (changed := _fields(_status(old), _status(new)))
        ),
        cells=_cells(before, after),
        sources_won=tuple(sorted(held_after.keys() - held_before.keys())),
        sources_lost=tuple(sorted(held_before.keys() - held_after.keys())),
        sources_changed=tuple(
            sorted(name for name in held_before.keys() & held_after.keys() if held_before[name] != held_after[name])
        ),
        searches_won=asked_won,
        searches_lost=asked_lost,
        dropped_won=cut_won,
        dropped_lost=cut_lost,
        limitations_won=limits_won,
        limitations_lost=limits_lost,
        score_before=before.tribunal.score,
        score_after=after.tribunal.score,
        reviewers=(reviewers := _reviewers(before, after)),
        checks=(checks := _checks(before, after)),
        rounding=_rounding(before, after, reviewers, checks),
    )


def _won_and_lost(
    before: Record, after: Record, told: Callable[[Record], list[str]]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What one says and the other does not; what is said twice counts twice."""
    old, new = Counter(told(before)), Counter(told(after))
    return tuple((new - old).elements()), tuple((old - new).elements())


def _queries(record: Record) -> list[str]:
    return [f"{search.query} ({search.connector})" for search in record.searches]


def _paired(before: Record, after: Record) -> list[tuple[Claim, Claim]]:
    """The claims that are in both, in the later one's order: by what they say, and where that was mended, by id."""
    by_key, by_id = {_claim_key(claim): claim for claim in before.claims}, {claim.id: claim for claim in before.claims}
    found = {claim.id: by_key[key] for claim in after.claims if (key := _claim_key(claim)) in by_key}
    taken = {claim.id for claim in found.values()}
    for claim in after.claims:
        if claim.id not in found and claim.id in by_id and claim.id not in taken:
            found[claim.id] = by_id[claim.id]
    return [(found[claim.id], claim) for claim in after.claims if claim.id in found]


def _claim_key(claim: Claim) -> tuple[Any, ...]:
    facets = claim.facets
    return claim.quotes[0].source, claim.text, facets.metric, facets.value, facets.unit, claim.quotes[0].pointer


def _status(claim: Claim) -> dict[str, str]:
    facets = claim.facets.to_json()
    read = {name: str(value) for name, value in facets.items()}
    return {
        "by": "the owner" if claim.by_hand else "the rules",
        "grounding": claim.grounding.value,
        "agreement": claim.agreement.value,
        "reproduction": claim.reproduction.value,
        **read,
    }


def _judged(record: Record) -> dict[str, str]:
    return {
        "question": record.question.text,
        **{f"question's {name}": ", ".join(value) for name, value in record.question.facets},
        "answer status": record.answer.status.value,
        "tribunal verdict": record.tribunal.verdict.value,
        "policy": f"{record.decision.policy.value}: {'; '.join(record.decision.reasons)}",
        "gate verdict": f"{record.gate_verdict.status.value}: {record.gate_verdict.reason}",
        "verification level": str(record.verification_level),
        "quality tier": record.quality_tier.value,
        "missing systems": ", ".join(missing.name for missing in record.missing_systems),
        "revision": "" if record.revision is None else _revised(record.revision),
        **{
            f"dimension {name.replace('_', ' ')}": "unassessed" if part.score is None else f"{part.score:g}"
            for name, part in record.quality_dimensions.items()
        },
    }


def _inputs(record: Record) -> dict[str, str]:
    """What a record was made from: equal inputs give an equal body."""
    made = record.provenance
    return {
        "library digest": record.library_digest,
        "code": f"{made.code_version} {made.code_digest}",
        "rules version": str(made.rules),
        **{f"vocabulary {name}": digest for name, digest in made.vocabularies.items()},
        **{f"reader {name}": version for name, version in made.readers.items()},
        **{f"policy {name}": str(value) for name, value in made.policy.to_json().items()},
        "packs": ", ".join(f"{run.pack} {run.results_sha256}" for run in record.reproductions),
        "remarks": "" if record.revision is None else "; ".join(record.revision.remarks),
        **{
            f"owner's hand, entry {one.entry.number} ({one.entry.kind.value})": f"{one.sha256[:12]}: {one.outcome}"
            for one in record.hand
        },
        "subject terms": "; ".join(", ".join(group) for group in made.subject_terms),
        **{f"terms of {name}": ", ".join(terms) for name, terms in made.facet_terms.items()},
    }


def _revised(revision: Revision) -> str:
    return f"{len(revision.rounds) - 1} rounds, then {revision.stopped.value}"


def _fields(before: dict[str, str], after: dict[str, str]) -> tuple[FieldChange, ...]:
    return tuple(
        FieldChange(field=name, before=before.get(name, ""), after=after.get(name, ""))
        for name in dict.fromkeys([*before, *after])
        if before.get(name, "") != after.get(name, "")
    )


def _cells(before: Record, after: Record) -> tuple[CellChange, ...]:
    old, new = ({_cell_name(cell): _cell_state(cell) for cell in record.cells} for record in (before, after))
    return tuple(
        CellChange(facets=name, before=old.get(name, "not asked"), after=new.get(name, "not asked"))
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name)
    )


def _cell_name(cell: Cell) -> str:
    facets = cell.facets
    parts = (facets.system or facets.subject, facets.metric, facets.benchmark, facets.baseline, *facets.condition)
    return ", ".join(part for part in parts if part) or "the question"


def _cell_state(cell: Cell) -> str:
    count = len(cell.claims)
    return "gap" if cell.gap else f"{count} claim{'s' if count != 1 else ''}"


def _reviewers(before: Record, after: Record) -> tuple[ReviewerChange, ...]:
    found = []
    for old, new in zip(before.tribunal.reviews, after.tribunal.reviews, strict=True):
        held = round(_held(new) - _held(old), 4)
        if old.score != new.score or held:
            found.append(ReviewerChange(role=new.role.value, before=old.score, after=new.score, held=held))
    return tuple(found)


def _held(review: Review) -> float:
    """Points that were taken from a reviewer who had none left."""
    return review.score - (10 - sum(check.points for check in review.checks))


def _checks(before: Record, after: Record) -> tuple[CheckChange, ...]:
    found = []
    for old, new in zip(before.tribunal.reviews, after.tribunal.reviews, strict=True):
        earlier = {check.name: check for check in old.checks}
        later = {check.name: check for check in new.checks}
        for name in dict.fromkeys([*earlier, *later]):
            points = tuple(part[name].points if name in part else 0.0 for part in (earlier, later))
            if points[0] != points[1]:
                found.append(
                    CheckChange(
                        role=new.role.value,
                        check=name,
                        before=points[0],
                        after=points[1],
                        reason_before=earlier[name].reason if name in earlier else "no such check",
                        reason_after=later[name].reason if name in later else "no such check",
                        about_won=tuple(one for one in _about(later, name) if one not in _about(earlier, name)),
                        about_lost=tuple(one for one in _about(earlier, name) if one not in _about(later, name)),
                    )
                )
    return tuple(found)


def _about(checks: Mapping[str, Check], name: str) -> tuple[str, ...]:
    return checks[name].about if name in checks else ()


def _rounding(
    before: Record, after: Record, reviewers: Sequence[ReviewerChange], checks: Sequence[CheckChange]
) -> float:
    told = sum(one.before - one.after for one in checks) + sum(one.held for one in reviewers)
    return round(after.tribunal.score - before.tribunal.score - told / 3, 6)
