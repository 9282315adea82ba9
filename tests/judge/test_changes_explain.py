"""`diff` explains every change of the score: over many pairs of versions, made by growing a library, marking, judging
by another policy. The parts add up, nothing changes in silence, and what changed has a cause among the inputs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.inquire import Direct, work, write_note, write_works
from tests.support.zebra import HEARSAY, MISSED, OWN, TWELVE, WORKS

from sovereign.archive._version import make_record
from sovereign.inquiry import investigate
from sovereign.judge import reading_of
from sovereign.judge.changes import Changes, changes
from sovereign.library import Library
from sovereign.records import (
    Claim,
    Facets,
    HandEntry,
    HandGiven,
    HandKind,
    PolicyRules,
    Quote,
    Record,
)
from sovereign.seal import body_digest, canonical, digest

QUESTION = "How do ZebraRoute and GhostRoute change latency and accuracy of mixture-of-experts models on VQAv2?"
RECORD_ID = "SRCH:0A1B2C3D"


class Versions:
    """Versions of one record, each made from a state of the library, a hand and a policy."""

    def __init__(self, folder: Path) -> None:
        self.library = Library.open(folder / "library", create=True)
        self.folder = folder
        self.hand: list[HandGiven] = []
        self.made: list[Record] = []
        self.rows: dict[str, dict[str, object]] = {}

    def add(self, source: str, title: str, abstract: str) -> None:
        local = source.partition(":")[2]
        self.rows[source] = work(local, title, abstract) if source.startswith("arxiv") else {
            "id": source, "title": title, "abstract": abstract,
        }  # fmt: skip
        self.library.add(write_works(self.folder / "works", list(self.rows.values())))

    def mark(self, **fields: object) -> None:
        place = {"number": len(self.hand) + 1, "previous": None, "by": f"SHA256:{'0' * 64}", "record": RECORD_ID}
        said = {"question": QUESTION, "version": 1, "at": "2026-03-01T12:00:00Z", "note": "why"}
        entry = HandEntry.model_validate({**place, **said, **fields})
        self.hand.append(HandGiven(sha256=digest(canonical(entry)), entry=entry))

    def make(self, **policy: object) -> Record:
        rules = PolicyRules.model_validate(policy)
        evidence, judgement = investigate(self.library, QUESTION, rules, Direct(), hand=self.hand)
        number = len(self.made) + 1
        self.made.append(make_record(RECORD_ID, number, evidence, judgement, "2026-03-01T12:00:00Z"))
        return self.made[-1]

    def claim(self, words: str) -> Claim:
        return next(claim for claim in self.made[-1].claims if words in claim.text)


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    """A record's way through a year: an empty library, one that grows and shrinks, marks, other policies."""
    space = Versions(tmp_path_factory.mktemp("versions"))
    space.make()
    space.add(OWN, *WORKS[OWN])
    space.make()
    space.make(revise_below=10, decline_below=0, max_revisions=2)
    space.add(HEARSAY, *WORKS[HEARSAY])
    space.make()
    space.add("arxiv:2601.00007", "GhostRoute: routing without routers", "We study mixture-of-experts models. "
              "GhostRoute improves accuracy by 2.5% on VQAv2 and lowers latency by 7% over top-k routing on VQAv2.")
    space.make()
    space.library.add(write_note(
        space.folder / "notes", "ghost", "GhostRoute routes mixture-of-experts models. GhostRoute improves accuracy by "
        "2.5% on VQAv2.\n", about="arxiv:2601.00007", systems=["GhostRoute"],
    ))
    space.make()
    space.add("arxiv:2601.00008", "Measuring ZebraRoute again", "We measure mixture-of-experts models. "
              "ZebraRoute lowers latency by 12% against top-k routing on VQAv2. ZebraRoute improves accuracy by 3%.")
    space.make()
    space.add(OWN, WORKS[OWN][0], f"We study mixture-of-experts models. {TWELVE} On VQAv2, {TWELVE.lower()} {MISSED}")
    space.make()
    twelve = space.claim("12%")
    space.mark(kind=HandKind.WRONG, source=twelve.quotes[0].source, claim=reading_of(twelve))
    space.make()
    text = space.library.get(OWN).text
    start = text.index(MISSED)
    quote = Quote(
        source=OWN, text=MISSED, start=start, end=start + len(MISSED), sha256=space.library.get(OWN).sha256,
        prefix=text[max(0, start - 32) : start], suffix=text[start + len(MISSED) :][:32],
    )
    facets = Facets(system="ZebraRoute", metric="latency", benchmark="VQAv2", value=9, unit="ms", direction="lower")
    space.mark(kind=HandKind.ADDED, source=OWN, quote=quote, facets=facets)
    space.make()
    ghost = space.claim("2.5%")
    space.mark(kind=HandKind.FACETS, source=ghost.quotes[0].source, claim=reading_of(ghost),
               facets=Facets(system="OtherRoute"), changed=("system",))
    space.make()
    space.mark(kind=HandKind.BANNED, source=HEARSAY)
    space.mark(kind=HandKind.BANNED, source="arxiv:2601.00007")
    space.make()
    space.library.remove("arxiv:2601.00008")
    space.make(publish_without_owner=True, public_score=2, flagship_score=9.9)
    space.add("arxiv:2601.00003", *WORKS["arxiv:2601.00003"])
    space.mark(kind=HandKind.PINNED, source="arxiv:2601.00003")
    space.make()
    space.hand.clear()
    space.make()
    space.make()
    return space.made


def pairs(versions: list[Record]) -> Iterator[tuple[Record, Record, Changes]]:
    for before, after in itertools.permutations(versions, 2):
        yield before, after, changes(before, after)


def points(record: Record) -> dict[tuple[str, str], float]:
    reviews = record.tribunal.reviews
    return {(review.role.value, check.name): check.points for review in reviews for check in review.checks}


def test_the_versions_differ_in_many_ways(versions: list[Record]) -> None:
    """The positive control: a property over pairs that are all alike would say nothing."""
    assert len({record.tribunal.score for record in versions}) >= 8
    assert len({record.answer.status for record in versions}) >= 3
    moved = {key for before, after in itertools.combinations(versions, 2) for key, own in points(before).items()
             if points(after)[key] != own}  # fmt: skip
    assert len(moved) >= 8, moved


def test_the_parts_add_up_to_the_score_s_change_in_every_pair(versions: list[Record]) -> None:
    for before, after, found in pairs(versions):
        told = sum(check.before - check.after for check in found.checks) / 3
        told += sum(reviewer.held for reviewer in found.reviewers) / 3
        assert told + found.rounding == pytest.approx(after.tribunal.score - before.tribunal.score, abs=1e-5)
        assert abs(found.rounding) <= 0.0101
        for reviewer in found.reviewers:
            own = sum(check.before - check.after for check in found.checks if check.role == reviewer.role)
            assert own + reviewer.held == pytest.approx(reviewer.after - reviewer.before, abs=1e-5)


def test_every_check_that_moved_is_told_and_no_other(versions: list[Record]) -> None:
    for before, after, found in pairs(versions):
        old, new = points(before), points(after)
        assert {(one.role, one.check) for one in found.checks} == {key for key in old if old[key] != new[key]}
        for one in found.checks:
            assert (one.before, one.after) == (old[one.role, one.check], new[one.role, one.check])
            assert one.reason_before != one.reason_after


def test_what_a_check_finds_fault_with_now_is_named(versions: list[Record]) -> None:
    """A check moved because of what it is about, or because there is more or less to look at: both stand there."""
    for _, _, found in pairs(versions):
        for one in found.checks:
            assert set(one.about_won).isdisjoint(one.about_lost)
            if one.before == 0 and "no evidence" not in one.check and "cells filled" not in one.check:
                assert one.about_won, one


def test_nothing_changes_in_silence(versions: list[Record]) -> None:
    """What is equal but for ids, times and the run's audit chain has no difference; all else has one."""
    def said(record: Record) -> dict[str, object]:
        body = record.to_json()
        body["provenance"] = {**body["provenance"], "audit_head": None}
        return body

    for before, after, found in pairs(versions):
        assert found.none == (body_digest(said(before)) == body_digest(said(after)))


def test_every_change_has_a_cause_among_the_inputs(versions: list[Record]) -> None:
    causes = set()
    for _, _, found in pairs(versions):
        if found.checks or found.score_before != found.score_after:
            assert found.inputs, "equal inputs give an equal record"
        causes |= {one.field.split(",")[0] for one in found.inputs}
    assert {"library digest", "owner's hand"} <= causes and any(name.startswith("policy") for name in causes)


def test_a_diff_backwards_is_the_diff_forwards_turned_around(versions: list[Record]) -> None:
    for before, after in itertools.combinations(versions, 2):
        there, back = changes(before, after), changes(after, before)
        assert (there.claims_won, there.sources_won, there.answer_won) == (
            back.claims_lost, back.sources_lost, back.answer_lost,
        )  # fmt: skip
        assert sum(one.effect for one in there.checks) == pytest.approx(-sum(one.effect for one in back.checks))


def test_the_mended_claim_is_told_as_changed_not_as_lost_and_won(versions: list[Record]) -> None:
    with_hand = next(record for record in versions if any(one.entry.kind is HandKind.FACETS for one in record.hand))
    before = versions[versions.index(with_hand) - 1]
    found = changes(before, with_hand)
    mended = [one for one in found.claims_changed if any(part.field == "by" for part in one.changes)]
    assert ("system", "OtherRoute") in {(part.field, part.after) for one in mended for part in one.changes}
    assert not {one.text for one in mended} & {*found.claims_won, *found.claims_lost}
