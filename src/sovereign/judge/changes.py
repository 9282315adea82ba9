"""What changed between two versions of a record, or two records: claims, cells, sources, and why the score moved.

Claims are told apart by what they say and where: source, sentence, value and metric. Cells by their facets. The score's
change is given check by check; the parts add up to the whole.
"""

from __future__ import annotations

from typing import Any

from sovereign.records import Cell, Claim, Document, Record, Review


class CheckChange(Document):
    """One check of one reviewer that took other points than before."""

    role: str
    check: str
    before: float
    after: float
    reason_before: str
    reason_after: str

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
    score_before: float
    score_after: float
    reviewers: tuple[ReviewerChange, ...]
    checks: tuple[CheckChange, ...]

    @property
    def none(self) -> bool:
        """Whether the two say the same."""
        lists = (self.fields, self.inputs, self.answer_won, self.answer_lost, self.claims_won, self.claims_lost,
                 self.claims_changed, self.cells, self.sources_won, self.sources_lost, self.sources_changed,
                 self.checks)  # fmt: skip
        return not any(lists)


def changes(before: Record, after: Record) -> Changes:
    """What `after` says otherwise than `before`."""
    claims_before = {_claim_key(claim): claim for claim in before.claims}
    claims_after = {_claim_key(claim): claim for claim in after.claims}
    said_before = [sentence.text for sentence in before.answer.sentences]
    said_after = [sentence.text for sentence in after.answer.sentences]
    held_before = {source.id: source.sha256 for source in before.sources}
    held_after = {source.id: source.sha256 for source in after.sources}
    return Changes(
        before=f"{before.id}@{before.version}",
        after=f"{after.id}@{after.version}",
        fields=_fields(_judged(before), _judged(after)),
        inputs=_fields(_inputs(before), _inputs(after)),
        answer_won=tuple(text for text in said_after if text not in said_before),
        answer_lost=tuple(text for text in said_before if text not in said_after),
        claims_won=tuple(claim.text for key, claim in claims_after.items() if key not in claims_before),
        claims_lost=tuple(claim.text for key, claim in claims_before.items() if key not in claims_after),
        claims_changed=tuple(
            ClaimChange(text=claim.text, source=claim.quotes[0].source, changes=changed)
            for key, claim in claims_after.items()
            if key in claims_before and (changed := _fields(_status(claims_before[key]), _status(claim)))
        ),
        cells=_cells(before, after),
        sources_won=tuple(sorted(held_after.keys() - held_before.keys())),
        sources_lost=tuple(sorted(held_before.keys() - held_after.keys())),
        sources_changed=tuple(
            sorted(name for name in held_before.keys() & held_after.keys() if held_before[name] != held_after[name])
        ),
        score_before=before.tribunal.score,
        score_after=after.tribunal.score,
        reviewers=_reviewers(before, after),
        checks=_checks(before, after),
    )


def _claim_key(claim: Claim) -> tuple[Any, ...]:
    facets = claim.facets
    return claim.quotes[0].source, claim.text, facets.metric, facets.value, facets.unit, claim.quotes[0].pointer


def _status(claim: Claim) -> dict[str, str]:
    facets = claim.facets.to_json()
    read = {name: str(value) for name, value in facets.items() if name not in ("metric", "value", "unit")}
    return {
        "grounding": claim.grounding.value,
        "agreement": claim.agreement.value,
        "reproduction": claim.reproduction.value,
        **read,
    }


def _judged(record: Record) -> dict[str, str]:
    return {
        "question": record.question.text,
        "answer status": record.answer.status.value,
        "tribunal verdict": record.tribunal.verdict.value,
        "policy": f"{record.decision.policy.value}: {'; '.join(record.decision.reasons)}",
        "gate verdict": f"{record.gate_verdict.status.value}: {record.gate_verdict.reason}",
        "verification level": str(record.verification_level),
        "quality tier": record.quality_tier.value,
        "missing systems": ", ".join(missing.name for missing in record.missing_systems),
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
    }


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
                    )
                )
    return tuple(found)
