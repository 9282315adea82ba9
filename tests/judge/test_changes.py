"""The difference of two versions: everything that changed is told, and the score's change adds up."""

from __future__ import annotations

from typing import Any

import pytest
from tests.publish import sample

from sovereign.judge.changes import Changes, changes
from sovereign.records import Agreement


def made_otherwise(**edits: Any) -> Changes:
    def edit(document: dict[str, Any]) -> None:
        for path, value in edits.items():
            target: Any = document
            *parents, last = path.split("__")
            for name in parents:
                target = target[int(name) if name.isdigit() else name]
            target[int(last) if last.isdigit() else last] = value

    return changes(sample.record(), sample.record(edit))


def test_a_record_against_itself_has_no_difference() -> None:
    found = changes(sample.record(), sample.record())
    assert found.none and found.score_before == found.score_after


@pytest.mark.parametrize(
    "edits",
    [
        {"limitations": []},
        {"missing_systems": []},
        {"sources": []},
        {"claims": [], "cells": [], "answer__sentences": []},
        {"answer__status": "answered"},
    ],
    ids=lambda edits: ", ".join(edits),
)
def test_the_checks_explain_every_change_of_the_score(edits: dict[str, Any]) -> None:
    found = made_otherwise(**edits)
    assert found.checks
    explained = sum((check.before - check.after) / 3 for check in found.checks)
    explained += sum(reviewer.held / 3 for reviewer in found.reviewers)
    assert explained == pytest.approx(found.score_after - found.score_before, abs=0.011)
    for reviewer in found.reviewers:
        own = sum(check.before - check.after for check in found.checks if check.role == reviewer.role)
        assert own + reviewer.held == pytest.approx(reviewer.after - reviewer.before, abs=1e-6)
    assert all(check.reason_before and check.reason_after for check in found.checks)


def test_claims_won_lost_and_changed_are_told() -> None:
    record = sample.record()
    lost = record.claims[-1]
    found = changes(record, record.model_copy(update={"claims": record.claims[:-1]}))
    assert found.claims_lost == (lost.text,) and not found.claims_won
    found = changes(record.model_copy(update={"claims": record.claims[:-1]}), record)
    assert found.claims_won == (lost.text,)
    agreed = record.claims[0].model_copy(update={"agreement": Agreement.CONTESTED})
    found = changes(record, record.model_copy(update={"claims": (agreed, *record.claims[1:])}))
    assert [part.field for part in found.claims_changed[0].changes] == ["agreement"]


def test_cells_sources_and_inputs_are_told() -> None:
    record = sample.record()
    gap = next(cell for cell in record.cells if cell.gap)
    filled = gap.model_copy(update={"gap": False, "claims": (record.claims[0].id,), "nearest": ()})
    cells = tuple(filled if cell is gap else cell for cell in record.cells)
    found = changes(record, record.model_copy(update={"cells": cells}))
    assert [(one.before, one.after) for one in found.cells] == [("gap", "1 claim")]
    other = record.sources[0].model_copy(update={"sha256": "0" * 64})
    found = changes(record, record.model_copy(update={"sources": (other, *record.sources[1:-1])}))
    assert found.sources_changed == (record.sources[0].id,) and found.sources_lost == (record.sources[-1].id,)
    found = changes(record, record.model_copy(update={"library_digest": "1" * 64}))
    assert [one.field for one in found.inputs] == ["library digest"]
